//! What an exchange needs of the client's side, whichever protocol the client speaks. Implemented by
//! `h1::conn::Client` and `h2::stream::Client`; calls are static, nothing is boxed.

use crate::buffers::Inbox;
use crate::config::Edits;
use crate::h1::body::Keep;
use crate::h1::response::Head;
use crate::io::Io;
use std::io;
use std::task::{Context, Poll};

/// Why no more of a request's body comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BodyFault {
    /// The client has left.
    Gone,
    /// The body breaks the rules of its framing.
    Malformed,
    /// It is larger than [`Downstream::limit_body`] allows.
    TooLarge,
}

/// Bytes of a message as they went over the wire, heads and bodies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Volume {
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

/// One request's client.
pub(crate) trait Downstream {
    /// In which form answers' bodies are wanted.
    fn keep(&self) -> Keep;

    /// The piece of the request's body that is to go to the origin next, in the framing of HTTP/1.1.
    fn body(&self) -> &[u8];
    /// `count` bytes of [`Downstream::body`] have gone.
    fn body_sent(&mut self, count: usize);
    /// Nothing of the body is left: read, and gone.
    fn body_done(&self) -> bool;
    /// Whether a small body is kept until the answer begins, for [`Downstream::rewind_body`].
    fn hold_body(&mut self, hold: bool);
    /// Makes the body begin anew. `false`: some of it has gone and cannot be had again.
    fn rewind_body(&mut self) -> bool;
    /// Waits for more of the body. `Ready(Ok)`: there is some, or it is done.
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyFault>>;
    /// Bytes of payload that the body may have. To be told before anything of it is read.
    fn limit_body(&mut self, limit: u64);
    /// Nobody will read what is left of the body.
    fn refuse_body(&mut self);
    /// No further request is taken where this one came from, so far as they share a parser's state.
    fn be_last(&mut self);
    /// Ready when the client has left. Only to be asked once the body is done.
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// An interim answer (1xx).
    fn interim(&mut self, head: &Head<'_>);
    /// The head of the final answer, or of a 101. `edits` are made on the way.
    fn begin(&mut self, head: &Head<'_>, edits: &Edits);
    /// Whether [`Downstream::begin`] was called.
    fn begun(&self) -> bool;
    /// Takes a piece of the answer's body; `last`: nothing follows.
    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8], last: bool) -> Poll<io::Result<usize>>;
    /// Sends what is held back.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Ends the answer, with a trailer section when there was one; it is taken once.
    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: &mut Option<Vec<u8>>) -> Poll<io::Result<()>>;
    /// Breaks off an answer so that the client cannot take it for a whole one.
    fn abort(&mut self);
    /// After a 101: the client's connection itself.
    fn tunnel(&mut self) -> Option<(&mut Io, &mut Inbox)>;

    /// A tunnel has moved these bytes.
    fn count(&mut self, tunnelled: Volume);
    /// Bytes so far.
    fn volume(&self) -> Volume;
}
