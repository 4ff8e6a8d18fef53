//! A client's HTTP/1.x connection: one task reads requests one after the other and serves each of them.

use super::body::{Decoder, Framing, Keep, Step};
use super::head;
use super::response::Head;
use crate::buffers::Inbox;
use crate::config::Edits;
use crate::cuts::Cut;
use crate::downstream::{BodyFault, Downstream, Volume};
use crate::field;
use crate::io::{Io, linger};
use crate::listen::Peer;
use crate::log::Fault;
use crate::pipeline::{self, Call, Stop};
use crate::request::{Reject, Request, Version};
use crate::sweep::Deadline;
use crate::worker::Worker;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// Up to this size, an answer's body is put behind its head, so that both leave in one piece.
const COALESCE: usize = 16 * 1024;
/// Serves a connection to its end.
pub(crate) async fn serve(io: Io, peer: Peer, worker: Rc<Worker>) {
    let deadline = worker.sweep.register();
    deadline.belongs_to(peer.ip);
    let mut client = Client::new(io, worker.clone());
    poll_fn(|cx| {
        deadline.watch(cx);
        Poll::Ready(())
    })
    .await;
    worker.sweep.arm(&deadline, worker.limits.head);
    let mut first = true;
    while client.wait(&deadline, first).await {
        let mut request = worker.take_request();
        let refused = match client.read_head(&deadline, &mut request, first).await {
            Ok(()) => None,
            Err(Unread::Gone) => {
                worker.give_request(request);
                break;
            }
            Err(Unread::Refused(Reject { status, reason })) => {
                Some(Stop::new("framing", status, Fault::Client, sentence(reason)))
            }
        };
        first = false;
        let broken = refused.is_some();
        client.start(&request, broken);
        let mut call = Call::new(&worker, &peer, &deadline, &request);
        pipeline::run(&mut call, &mut client, refused).await;
        drop(call);
        worker.give_request(request);
        if !client.can_go_on() {
            client.end(&deadline).await;
            break;
        }
    }
    client.inbox.clear(&worker.buffers);
    worker.buffers.give_vector(std::mem::take(&mut client.out));
    worker.sweep.give(deadline);
}

/// `the request names two hosts` as a sentence.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), letters.as_str()))
}

/// Why a head could not be read.
enum Unread {
    /// The client has left within it.
    Gone,
    Refused(Reject),
}

/// The client's side of a connection, and of the exchange that runs on it.
#[derive(Debug)]
struct Client {
    io: Io,
    inbox: Inbox,
    worker: Rc<Worker>,
    /// Text that is to be sent: heads, and small bodies behind them.
    out: Vec<u8>,
    sent: usize,

    // Of the current exchange:
    upload: Decoder,
    /// The decoded piece at the front of the inbox, and how much of it has gone.
    step: Step,
    gone: usize,
    /// The end of a chunked body with trailers, and how much of it has gone.
    tail: Vec<u8>,
    tail_gone: usize,
    /// What has gone of the body is kept until the answer begins, or until more has to be read.
    hold: bool,
    lost: bool,
    version: Version,
    to_head: bool,
    begun: bool,
    keep_alive: bool,
    aborted: bool,
    /// Payload that a chunked body may have.
    max_body: u64,
    tunnelled: bool,
    volume: Volume,
}

impl Client {
    fn new(io: Io, worker: Rc<Worker>) -> Self {
        Self {
            io,
            inbox: Inbox::default(),
            worker,
            out: Vec::new(),
            sent: 0,
            upload: Decoder::new(Framing::None),
            step: Step::default(),
            gone: 0,
            tail: Vec::new(),
            tail_gone: 0,
            hold: false,
            lost: false,
            version: Version::Http11,
            to_head: false,
            begun: false,
            keep_alive: true,
            aborted: false,
            max_body: u64::MAX,
            tunnelled: false,
            volume: Volume::default(),
        }
    }

    /// Waits for the first byte of the next request, holding no memory for it. `false`: the client is done or
    /// silent for too long, or the worker drains, and the connection is closed.
    async fn wait(&mut self, deadline: &Deadline, first: bool) -> bool {
        if !self.inbox.is_empty() {
            return true;
        }
        let worker = self.worker.clone();
        if !first {
            worker.sweep.arm(deadline, worker.limits.idle);
        }
        deadline.set_idle(true);
        let read = poll_fn(|cx| {
            let read = deadline.check(self.inbox.poll_fill(&mut self.io, cx, &worker.buffers));
            let ends = worker.draining.get() && (!worker.patient.get() || worker.parting.get());
            if read.is_pending() && ends { Poll::Ready(Ok(0)) } else { read }
        })
        .await;
        deadline.set_idle(false);
        match read {
            Ok(count) if count > 0 => return true,
            Err(error) if first && error.kind() == io::ErrorKind::TimedOut && !deadline.is_cut() => {
                worker.stats.cuts.count(Cut::Silent);
            }
            _ => {}
        }
        // Tells a TLS client that nothing was cut off; it may be gone already.
        let _ = deadline.within(poll_fn(|cx| self.io.poll_shutdown(cx))).await;
        false
    }

    /// Reads a head that has begun. Its time is absolute, however it trickles in; that of a connection's first
    /// head runs since the connection is open.
    async fn read_head(
        &mut self,
        deadline: &Deadline,
        request: &mut Request,
        first: bool,
    ) -> Result<(), Unread> {
        let worker = self.worker.clone();
        if !first {
            worker.sweep.arm(deadline, worker.limits.head);
        }
        let refused = loop {
            match head::parse(self.inbox.data(), request) {
                Ok(Some(size)) => {
                    self.inbox.consume(size, &worker.buffers);
                    self.volume = Volume { bytes_in: size as u64, bytes_out: 0 };
                    deadline.disarm();
                    return Ok(());
                }
                Ok(None) => {}
                Err(reject) => break reject,
            }
            let fill = poll_fn(|cx| deadline.check(self.inbox.poll_fill(&mut self.io, cx, &worker.buffers)));
            match fill.await {
                Ok(count) if count > 0 => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    break Reject { status: 408, reason: "the request's head did not come in time" };
                }
                _ => return Err(Unread::Gone),
            }
        };
        match refused.status {
            408 => worker.stats.cuts.count(Cut::SlowHead),
            431 => worker.stats.cuts.count(Cut::LargeHead),
            _ => {}
        }
        self.volume = Volume { bytes_in: self.inbox.data().len() as u64, bytes_out: 0 };
        Err(Unread::Refused(refused))
    }

    /// Makes ready for an exchange. After a broken head nothing that follows can be read.
    fn start(&mut self, request: &Request, broken: bool) {
        self.upload = Decoder::new(if broken { Framing::None } else { request.framing });
        (self.step, self.gone) = (Step::default(), 0);
        self.tail.clear();
        self.tail_gone = 0;
        (self.hold, self.lost) = (false, false);
        self.version = request.version;
        self.to_head = request.is_head();
        self.begun = false;
        self.keep_alive = request.keep_alive && !broken;
        self.aborted = false;
        self.max_body = u64::MAX;
    }

    /// Whether another request can follow on this connection.
    fn can_go_on(&self) -> bool {
        self.keep_alive && self.body_done() && !self.aborted && !self.tunnelled && self.begun
    }

    /// Ends the connection so that the last answer arrives.
    async fn end(&mut self, deadline: &Deadline) {
        if self.aborted {
            self.io.reset_on_close();
            return;
        }
        let worker = self.worker.clone();
        self.inbox.clear(&worker.buffers);
        linger(&mut self.io, &mut self.inbox, &worker, deadline).await;
    }

    /// Sends `out`.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            let count = ready!(self.io.poll_write(cx, &self.out[self.sent..]))?;
            self.sent += count;
            self.volume.bytes_out += count as u64;
        }
        if self.sent > 0 {
            self.sent = 0;
            self.worker.buffers.give_vector(std::mem::take(&mut self.out));
        }
        Poll::Ready(Ok(()))
    }

    /// Drops the piece of the body at the front of the inbox, once it has gone.
    fn let_go(&mut self) {
        if self.step.kept > 0 && self.gone == self.step.kept {
            self.inbox.consume(self.step.read, &self.worker.buffers);
            (self.step, self.gone) = (Step::default(), 0);
            self.lost = true;
        }
    }

    fn take_out(&mut self) {
        if self.out.capacity() == 0 {
            self.out = self.worker.buffers.take_vector();
        }
    }
}

impl Downstream for Client {
    fn keep(&self) -> Keep {
        // HTTP/1.0 has no chunks.
        if self.version == Version::Http10 { Keep::Payload } else { Keep::Chunks }
    }

    fn body(&self) -> &[u8] {
        if self.gone < self.step.kept {
            &self.inbox.data()[self.gone..self.step.kept]
        } else {
            &self.tail[self.tail_gone..]
        }
    }

    fn body_sent(&mut self, count: usize) {
        if self.gone < self.step.kept {
            self.gone += count;
            if !self.hold {
                self.let_go();
            }
        } else {
            self.tail_gone += count;
        }
    }

    fn body_done(&self) -> bool {
        self.upload.is_done() && self.body().is_empty()
    }

    fn hold_body(&mut self, hold: bool) {
        self.hold = hold;
    }

    fn rewind_body(&mut self) -> bool {
        (self.gone, self.tail_gone) = (0, 0);
        !self.lost
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyFault>> {
        loop {
            if !self.body().is_empty() || self.upload.is_done() {
                return Poll::Ready(Ok(()));
            }
            self.let_go();
            if self.inbox.is_empty() {
                match ready!(self.inbox.poll_fill(&mut self.io, cx, &self.worker.buffers)) {
                    Ok(count) if count > 0 => {}
                    _ => return Poll::Ready(Err(BodyFault::Gone)),
                }
            }
            let step = self.upload.step(self.inbox.data_mut(), Keep::Chunks);
            let step = step.map_err(|_| BodyFault::Malformed)?;
            if self.upload.chunks() > self.max_body {
                return Poll::Ready(Err(BodyFault::TooLarge));
            }
            self.volume.bytes_in += step.read as u64;
            if let Some(tail) = self.upload.take_tail() {
                self.tail = tail;
            }
            if step.kept == 0 {
                self.inbox.consume(step.read, &self.worker.buffers);
            } else {
                self.step = step;
            }
        }
    }

    fn limit_body(&mut self, limit: u64) {
        self.max_body = limit;
    }

    fn refuse_body(&mut self) {
        self.keep_alive &= self.body_done();
    }

    fn be_last(&mut self) {
        self.keep_alive = false;
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // What a client sends ahead is kept for the next request, up to one buffer.
        while !self.inbox.is_full() {
            match ready!(self.inbox.poll_fill(&mut self.io, cx, &self.worker.buffers)) {
                Ok(count) if count > 0 => {}
                _ => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    fn interim(&mut self, head: &Head<'_>) {
        if self.version == Version::Http10 {
            return;
        }
        self.take_out();
        put_status_line(&mut self.out, head);
        for (name, value) in head.forwarded() {
            field::put(&mut self.out, name.as_bytes(), value);
        }
        self.out.extend_from_slice(b"\r\n");
    }

    fn begin(&mut self, head: &Head<'_>, edits: &Edits) {
        self.begun = true;
        self.hold = false;
        self.let_go();
        self.take_out();
        let out = &mut self.out;
        put_status_line(out, head);
        for (name, value) in head.forwarded() {
            if !edits.drops(name.as_bytes()) {
                field::put(out, name.as_bytes(), value);
            }
        }
        out.extend_from_slice(&edits.lines);
        for (name, value) in edits.defaults.iter().filter(|(name, _)| !head.has(name.as_str())) {
            field::put(out, name.as_str().as_bytes(), value.as_bytes());
        }
        if head.status == 101 {
            self.tunnelled = true;
            out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
            return;
        }
        if let Some(length) = head.length {
            out.extend_from_slice(b"Content-Length: ");
            field::put_number(out, length);
            out.extend_from_slice(b"\r\n");
        }
        let http10 = self.version == Version::Http10;
        let chunked = head.framing == Framing::Chunked;
        if chunked && !http10 {
            out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
        }
        // The end of such a body is the end of the connection.
        let until_close = head.framing == Framing::UntilClose || (chunked && http10);
        self.keep_alive &= !until_close && !self.worker.draining.get();
        if !self.keep_alive {
            out.extend_from_slice(b"Connection: close\r\n");
        } else if http10 {
            out.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        out.extend_from_slice(b"\r\n");
    }

    fn begun(&self) -> bool {
        self.begun
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8], _last: bool) -> Poll<io::Result<usize>> {
        loop {
            let waiting = self.out.len() - self.sent;
            if waiting == 0 {
                let count = ready!(self.io.poll_write(cx, data))?;
                self.volume.bytes_out += count as u64;
                return Poll::Ready(Ok(count));
            }
            if waiting + data.len() <= COALESCE {
                self.out.extend_from_slice(data);
                return Poll::Ready(Ok(data.len()));
            }
            let count = ready!(self.io.poll_write_two(cx, &self.out[self.sent..], data))?;
            self.volume.bytes_out += count as u64;
            self.sent += count.min(waiting);
            if count > waiting {
                self.sent = 0;
                self.out.clear();
                return Poll::Ready(Ok(count - waiting));
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_out(cx))?;
        self.io.poll_flush(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: &mut Option<Vec<u8>>) -> Poll<io::Result<()>> {
        if let Some(tail) = trailers.take()
            && self.keep() == Keep::Chunks
        {
            self.take_out();
            self.out.extend_from_slice(&tail);
        }
        self.poll_flush(cx)
    }

    fn abort(&mut self) {
        self.aborted = true;
    }

    fn tunnel(&mut self) -> Option<(&mut Io, &mut Inbox)> {
        self.tunnelled.then_some((&mut self.io, &mut self.inbox))
    }

    fn count(&mut self, tunnelled: Volume) {
        self.volume.bytes_in += tunnelled.bytes_in;
        self.volume.bytes_out += tunnelled.bytes_out;
    }

    fn volume(&self) -> Volume {
        self.volume
    }
}

fn put_status_line(out: &mut Vec<u8>, head: &Head<'_>) {
    if head.status == 200 {
        // By far the most frequent one.
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    field::put_number(out, head.status.into());
    out.push(b' ');
    out.extend_from_slice(head.reason.as_bytes());
    out.extend_from_slice(b"\r\n");
}
