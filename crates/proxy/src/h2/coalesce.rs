//! Puts the writes of one poll together. The `h2` crate writes each frame by itself; here they are gathered and
//! leave once per poll of the connection, as one TLS record and one system call.

use super::flood::Flood;
use crate::cuts::Cut;
use crate::io::Io;
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Gathered bytes at which writing no longer waits for the end of the poll.
const FULL: usize = 64 * 1024;
/// Capacity that is kept between polls.
const KEPT: usize = 32 * 1024;

#[derive(Debug)]
struct Gathered {
    io: Io,
    bytes: Vec<u8>,
    sent: usize,
    /// Bytes sent since the start.
    total: u64,
    flood: Flood,
}

/// The connection as `h2` sees it, and the handle by which it is drained.
#[derive(Clone, Debug)]
pub(super) struct Coalesce(Rc<RefCell<Gathered>>);

impl Coalesce {
    pub(super) fn new(io: Io) -> Self {
        Self(Rc::new(RefCell::new(Gathered {
            io,
            bytes: Vec::new(),
            sent: 0,
            total: 0,
            flood: Flood::new(),
        })))
    }

    /// Sends what was gathered.
    pub(super) fn poll_drain(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_drain(cx)
    }

    /// The connection itself, once `h2` has let go of it.
    pub(super) fn into_inner(self) -> Option<Io> {
        Rc::into_inner(self.0).map(|gathered| gathered.into_inner().io)
    }

    /// Bytes sent since the start.
    pub(super) fn total(&self) -> u64 {
        self.0.borrow().total
    }

    /// What the client does too much of, at `seconds` on a clock that only grows.
    pub(super) fn flood(&self, seconds: u32) -> Option<Cut> {
        let mut gathered = self.0.borrow_mut();
        gathered.flood.time(seconds);
        gathered.flood.found()
    }

    /// Whether something is waiting to be sent.
    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().bytes.is_empty()
    }
}

impl Gathered {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.bytes.len() {
            let count = ready!(self.io.poll_write(cx, &self.bytes[self.sent..]))?;
            self.sent += count;
            self.total += count as u64;
            self.flood.sent(count);
        }
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.sent = 0;
        self.io.poll_flush(cx)
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.bytes.len() >= FULL { self.poll_drain(cx) } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncRead for Coalesce {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.0.borrow_mut();
        if gathered.flood.found().is_some() {
            // Nothing more is read of it; the connection's task sees why.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        ready!(gathered.io.poll_read_buf(cx, into))?;
        gathered.flood.received(&into.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Coalesce {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut gathered = self.0.borrow_mut();
        ready!(gathered.poll_room(cx))?;
        gathered.bytes.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut gathered = self.0.borrow_mut();
        ready!(gathered.poll_room(cx))?;
        let before = gathered.bytes.len();
        pieces.iter().for_each(|piece| gathered.bytes.extend_from_slice(piece));
        Poll::Ready(Ok(gathered.bytes.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Claims to have flushed; the connection drains at the end of its poll.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_room(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut gathered = self.0.borrow_mut();
        ready!(gathered.poll_drain(cx))?;
        gathered.io.poll_shutdown(cx)
    }
}
