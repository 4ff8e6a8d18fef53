//! A client seen through the features that change bodies: it is put between the exchange and the client only
//! where a host has one of them, so that others do not even ask.
//!
//! - An answer may be compressed on its way, piece by piece, and flushed whenever the origin pauses.
//! - An origin's error may be replaced by a page; what the origin wrote is read and dropped, so that its
//!   connection stays usable.
//! - A request's body may be gathered before the origin is asked.

use crate::buffers::Inbox;
use crate::compress::{self, Compression, Encoder};
use crate::config::Edits;
use crate::downstream::{BodyFault, Downstream, Volume};
use crate::h1::body::{Framing, Keep};
use crate::h1::response::Head;
use crate::io::Io;
use crate::pipeline::Call;
use crate::respond::OwnPages;
use crate::spec::Algorithm;
use httparse::Header;
use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

/// Bytes of requests' bodies that one worker holds back together; beyond it, bodies are streamed.
const BUDGET: usize = 64 * 1024 * 1024;

thread_local! {
    /// What is held back; a worker is a thread.
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// A client, and what is done on the way to it.
pub(crate) struct Shaped<'a, D> {
    down: &'a mut D,
    compression: Option<(&'a Compression, Option<Algorithm>)>,
    pages: Option<OwnPages<'a>>,
    answer: Answer,
    /// What goes to the client next, and how much of it has gone.
    out: Vec<u8>,
    sent: usize,
    body: Held,
    to_head: bool,
}

/// What is made of the origin's answer.
enum Answer {
    AsItIs,
    Compressed {
        encoder: Encoder,
        /// Written since the last flush.
        dirty: bool,
        ended: bool,
    },
    Replaced,
}

/// The gathered beginning of a request's body.
#[derive(Default)]
struct Held {
    data: Vec<u8>,
    gone: usize,
    /// More than that has gone.
    streamed: bool,
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.set(HELD.get().saturating_sub(self.data.len()));
    }
}

impl<'a, D: Downstream> Shaped<'a, D> {
    pub(crate) fn new(
        call: &Call<'_>,
        down: &'a mut D,
        compression: Option<&'a Compression>,
        pages: Option<OwnPages<'a>>,
    ) -> Self {
        Self {
            down,
            compression: compression.map(|settings| (settings, settings.choose(call.request))),
            pages,
            answer: Answer::AsItIs,
            out: Vec::new(),
            sent: 0,
            body: Held::default(),
            to_head: call.request.is_head(),
        }
    }

    /// Gathers up to `limit` bytes of the request's body.
    ///
    /// # Errors
    /// Why no more of it comes; `None`: it did not come in time.
    pub(crate) async fn gather(&mut self, call: &Call<'_>, limit: usize) -> Result<(), Option<BodyFault>> {
        let (worker, deadline) = (call.worker, call.deadline);
        let limits = worker.limits;
        let mut pace = crate::sweep::Pace::new(&worker.sweep, deadline, limits.rate_grace, limits.stall);
        poll_fn(|cx| {
            loop {
                if self.down.body_done() || self.body.data.len() >= limit || HELD.get() >= BUDGET {
                    return Poll::Ready(Ok(()));
                }
                let piece = self.down.body();
                if !piece.is_empty() {
                    let count = piece.len();
                    self.body.data.extend_from_slice(piece);
                    HELD.set(HELD.get() + count);
                    self.down.body_sent(count);
                    pace.earn(&worker.sweep, deadline, count as u64, limits.rate);
                    continue;
                }
                match self.down.poll_body(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(fault)) => return Poll::Ready(Err(Some(fault))),
                    Poll::Pending if deadline.expired() => return Poll::Ready(Err(None)),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// What was gathered.
    pub(crate) fn gathered(&self) -> &[u8] {
        &self.body.data
    }

    /// Sends what is ready.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            self.sent += ready!(self.down.poll_write(cx, &self.out[self.sent..], false))?;
        }
        self.out.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// Puts what the compressor gave out in the framing that the client reads.
    fn frame(&mut self) {
        let Answer::Compressed { encoder, .. } = &mut self.answer else { return };
        let given = encoder.out();
        if given.is_empty() {
            return;
        }
        if self.down.keep() == Keep::Chunks {
            // A vector takes everything that is written to it.
            let _ = io::Write::write_fmt(&mut self.out, format_args!("{:x}\r\n", given.len()));
            self.out.append(given);
            self.out.extend_from_slice(b"\r\n");
        } else {
            self.out.append(given);
        }
    }

    fn begin_page(&mut self, head: &Head<'_>, page: &str, id: &str, edits: &Edits) {
        let mut headers = vec![
            Header { name: "Content-Type", value: b"text/html; charset=utf-8" },
            Header { name: "Cache-Control", value: b"no-store" },
            Header { name: "X-Request-Id", value: id.as_bytes() },
        ];
        headers.extend(
            head.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("retry-after")).copied(),
        );
        let length = page.len() as u64;
        let framing = if self.to_head { Framing::None } else { Framing::Length(length) };
        let length = Some(length);
        self.down.begin(&Head { headers: &headers, framing, length, nominates: false, ..*head }, edits);
        if !self.to_head {
            self.out.extend_from_slice(page.as_bytes());
        }
        self.answer = Answer::Replaced;
    }

    /// The head of an answer that is compressed, or could be for another client.
    fn begin_varied(&mut self, head: &Head<'_>, encoder: Option<Encoder>, edits: &Edits) {
        let mut headers = Vec::with_capacity(head.headers.len() + 2);
        let mut etag = None;
        for header in head.headers {
            if encoder.is_some() && header.name.eq_ignore_ascii_case("etag") {
                etag = compress::weak(header.value);
                if etag.is_some() {
                    continue;
                }
            }
            if encoder.is_none() || !compress::is_about_bytes(header.name) {
                headers.push(*header);
            }
        }
        if let Some(etag) = &etag {
            headers.push(Header { name: "ETag", value: etag });
        }
        if !compress::varies(head) {
            headers.push(Header { name: "Vary", value: b"Accept-Encoding" });
        }
        match encoder {
            None => self.down.begin(&Head { headers: &headers, ..*head }, edits),
            Some(encoder) => {
                headers.push(Header { name: "Content-Encoding", value: encoder.coding().as_bytes() });
                let compressed =
                    Head { headers: &headers, framing: compress::FRAMING, length: None, ..*head };
                self.down.begin(&compressed, edits);
                self.answer = Answer::Compressed { encoder, dirty: false, ended: false };
            }
        }
    }
}

impl<D: Downstream> Downstream for Shaped<'_, D> {
    fn keep(&self) -> Keep {
        if matches!(self.answer, Answer::AsItIs) { self.down.keep() } else { Keep::Payload }
    }

    fn body(&self) -> &[u8] {
        let held = &self.body.data[self.body.gone..];
        if held.is_empty() { self.down.body() } else { held }
    }

    fn body_sent(&mut self, count: usize) {
        if self.body.gone < self.body.data.len() {
            self.body.gone += count;
        } else {
            self.body.streamed = true;
            self.down.body_sent(count);
        }
    }

    fn body_done(&self) -> bool {
        self.body.gone == self.body.data.len() && self.down.body_done()
    }

    fn hold_body(&mut self, hold: bool) {
        if self.body.data.is_empty() {
            self.down.hold_body(hold);
        }
    }

    fn rewind_body(&mut self) -> bool {
        if self.body.data.is_empty() {
            return self.down.rewind_body();
        }
        let whole = !self.body.streamed;
        if whole {
            self.body.gone = 0;
        }
        whole
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyFault>> {
        if self.body.gone < self.body.data.len() { Poll::Ready(Ok(())) } else { self.down.poll_body(cx) }
    }

    fn limit_body(&mut self, limit: u64) {
        self.down.limit_body(limit);
    }

    fn refuse_body(&mut self) {
        self.down.refuse_body();
    }

    fn be_last(&mut self) {
        self.down.be_last();
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.down.poll_gone(cx)
    }

    fn interim(&mut self, head: &Head<'_>) {
        self.down.interim(head);
    }

    fn begin(&mut self, head: &Head<'_>, edits: &Edits) {
        let pages = self.pages.take();
        if let Some((page, id)) = pages.as_ref().and_then(|pages| pages.instead(head.status)) {
            return self.begin_page(head, &page, id, edits);
        }
        match self.compression.filter(|(settings, _)| settings.fits(head)) {
            Some((settings, chosen)) => {
                let bodiless = head.framing == Framing::None;
                let encoder = chosen.filter(|_| !bodiless).and_then(|algorithm| settings.start(algorithm));
                self.begin_varied(head, encoder, edits);
            }
            None => self.down.begin(head, edits),
        }
    }

    fn begun(&self) -> bool {
        self.down.begun()
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8], last: bool) -> Poll<io::Result<usize>> {
        if matches!(self.answer, Answer::AsItIs) {
            return self.down.poll_write(cx, data, last);
        }
        // Only when the client has taken what is ready: this is the back-pressure.
        ready!(self.poll_out(cx))?;
        if let Answer::Compressed { encoder, dirty, .. } = &mut self.answer {
            encoder.write(data)?;
            *dirty = true;
            self.frame();
        }
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        if let Answer::Compressed { encoder, dirty, .. } = &mut self.answer
            && std::mem::take(dirty)
        {
            encoder.flush()?;
            self.frame();
            ready!(self.poll_out(cx))?;
        }
        self.down.poll_flush(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: &mut Option<Vec<u8>>) -> Poll<io::Result<()>> {
        if let Answer::Compressed { encoder, ended, .. } = &mut self.answer
            && !std::mem::replace(ended, true)
        {
            encoder.finish()?;
            self.frame();
            if self.down.keep() == Keep::Chunks {
                self.out.extend_from_slice(b"0\r\n");
                self.out.extend_from_slice(trailers.take().as_deref().unwrap_or(b"\r\n"));
            }
        }
        if matches!(self.answer, Answer::Replaced) {
            *trailers = None;
        }
        ready!(self.poll_out(cx))?;
        self.down.poll_finish(cx, trailers)
    }

    fn abort(&mut self) {
        self.down.abort();
    }

    fn tunnel(&mut self) -> Option<(&mut Io, &mut Inbox)> {
        self.down.tunnel()
    }

    fn count(&mut self, tunnelled: Volume) {
        self.down.count(tunnelled);
    }

    fn volume(&self) -> Volume {
        self.down.volume()
    }
}
