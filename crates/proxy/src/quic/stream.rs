//! One request stream: a request and its answer.

use super::conn::Shared;
use super::frames::{Code, Fault, Kind, Reader};
use super::head::{self, HeadFault};
use super::{qpack, varint};
use crate::buffers::Inbox;
use crate::config::Edits;
use crate::cuts::Cut;
use crate::downstream::{BodyFault, Downstream, Volume};
use crate::field;
use crate::h1::body::{Framing, Keep, each_trailer};
use crate::h1::response::Head;
use crate::io::Io;
use crate::listen::Peer;
use crate::log;
use crate::pipeline::{self, Call, Stop};
use crate::request::{MAX_HEAD, Request};
use crate::sweep::Deadline;
use crate::worker::Worker;
use quinn::{RecvStream, SendStream};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

/// Bytes of one read: of a head, and of a body.
const PIECE: usize = 1024;
const BODY_PIECE: usize = 16 * 1024;
/// A piece of an answer up to this size is copied behind what waits already, so that both leave in one go.
const SMALL: usize = 16 * 1024;

/// Serves one stream to its end.
pub(super) async fn serve(send: SendStream, receive: RecvStream, peer: Rc<Peer>, shared: Rc<Shared>) {
    let worker = shared.worker().clone();
    let _watch = Panics(worker.clone());
    let deadline = worker.sweep.register();
    worker.sweep.arm(&deadline, worker.limits.head);
    let mut request = worker.take_request();
    let mut stream = Stream::new(send, receive, shared.clone());
    match stream.read_request(&mut request, &deadline).await {
        Err(Unserved) => {}
        Ok(refused) => {
            stream.ready(&request);
            let mut call = Call::new(&worker, &peer, &deadline, &request);
            pipeline::run(&mut call, &mut stream, refused).await;
            drop(call);
            stream.settle(&deadline).await;
        }
    }
    drop(stream);
    worker.give_request(request);
    worker.sweep.give(deadline);
}

/// Sees when a stream's task panics.
struct Panics(Rc<Worker>);

impl Drop for Panics {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stats.panics.add(1);
            tracing::error!("a panic ended one HTTP/3 stream; the others go on. Please report this");
        }
    }
}

/// No request came: the stream has been reset, or the connection ends.
struct Unserved;

/// What the next bytes of the request are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Header,
    Data(u64),
    Section(usize),
    Skip(u64),
    End,
}

/// Which frames may come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
enum Phase {
    Head,
    Body,
    /// After a trailer section.
    After,
}

/// What has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    /// Content of DATA frames.
    Data,
    /// A whole field section of so many bytes.
    Section(usize),
    /// A field section that is larger than any that is taken.
    LargeSection,
    End,
}

/// The client's side of one exchange.
struct Stream {
    shared: Rc<Shared>,
    send: SendStream,
    /// Ready when the client wants no answer any more; made when somebody asks.
    stopped: Option<Pin<Box<dyn Future<Output = ()>>>>,
    left: bool,
    reader: Option<Reader>,
    next: Next,
    phase: Phase,
    chunked: bool,
    /// What `Content-Length` says about the body.
    expected: Option<u64>,
    /// Piece of the body in HTTP/1 framing, and how much of it has gone.
    upload: Vec<u8>,
    gone: usize,
    /// Payload so far, and what it may be.
    received: u64,
    max_body: u64,
    /// The request's body is read, or nobody will read it.
    done: bool,
    /// What has gone of the body is kept until the answer begins, or until more of it comes.
    hold: bool,
    lost: bool,
    /// What waits to be sent, and how much of it has gone.
    out: Vec<u8>,
    sent: usize,
    /// What is owed to the DATA frame that has begun.
    owed: u64,
    begun: bool,
    tunnel: bool,
    /// The answer is sent, or broken off.
    ended: bool,
    /// By what the stream is broken off.
    code: Code,
    volume: Volume,
}

impl Stream {
    fn new(send: SendStream, receive: RecvStream, shared: Rc<Shared>) -> Self {
        let take = || shared.worker().buffers.take_vector();
        Self {
            send,
            stopped: None,
            left: false,
            reader: Some(Reader::new(receive, take(), PIECE)),
            next: Next::Header,
            phase: Phase::Head,
            chunked: false,
            expected: None,
            upload: take(),
            gone: 0,
            received: 0,
            max_body: u64::MAX,
            done: false,
            hold: false,
            lost: false,
            out: take(),
            sent: 0,
            owed: 0,
            begun: false,
            tunnel: false,
            ended: false,
            code: Code::REQUEST_CANCELLED,
            volume: Volume::default(),
            shared,
        }
    }

    /// Reads a request's head; `Ok(Some)`: it is answered without being served.
    async fn read_request(
        &mut self,
        request: &mut Request,
        deadline: &Deadline,
    ) -> Result<Option<Stop>, Unserved> {
        let event = self.within(deadline, Self::poll_event).await?;
        let section = match event {
            Event::Section(length) => length,
            Event::LargeSection => return Ok(Some(self.refuse(head::TOO_LARGE.into()))),
            // DATA is refused before.
            Event::End | Event::Data => {
                self.code = Code::REQUEST_INCOMPLETE;
                self.shared.charge_reset();
                return Err(Unserved);
            }
        };
        let Some(reader) = &mut self.reader else { return Err(Unserved) };
        let mut fields = match head::read(&reader.data()[..section], request) {
            Ok(fields) => fields,
            Err(HeadFault::Compression) => {
                self.shared.fail(Code::QPACK_DECOMPRESSION_FAILED);
                return Err(Unserved);
            }
            Err(fault) => return Ok(Some(self.refuse(fault))),
        };
        self.pass_section(section, Phase::Body);
        self.expected = fields.length();
        if !self.shared.handshake().has_ended() {
            // What changes nothing may be asked for by somebody who sends again what a client has sent; the origin is
            // told (RFC 8470, section 5.1). Anything else waits until the client has shown that it is there.
            if fields.is_safe() {
                if let Err(reject) = fields.early() {
                    return Ok(Some(self.refuse(reject.into())));
                }
            } else {
                let shared = self.shared.clone();
                let ended = async {
                    shared.handshake().end().await;
                    Ok(())
                };
                let waited = deadline.within(ended).await;
                waited.map_err(|_| Unserved)?;
            }
        }
        // The end of a request without a body comes with its head as a rule. Whether one follows is waited for where
        // that is not told and would be unusual: the origin must not be told of a body that never is.
        let no_body = if fields.has_length() || !fields.is_bodiless() || fields.is_websocket() {
            match poll_fn(|cx| Poll::Ready(self.poll_event(cx))).await {
                Poll::Ready(event) => self.take(event)? == Event::End,
                Poll::Pending => false,
            }
        } else {
            self.within(deadline, Self::poll_event).await? == Event::End
        };
        if no_body && self.expected.is_some_and(|length| length > 0) {
            let why = "the request ends before its Content-Length";
            return Ok(Some(self.refuse(HeadFault::Malformed(why))));
        }
        Ok(fields.finish(no_body).err().map(|reject| self.refuse(reject.into())))
    }

    /// Waits for something within the time that a head may take.
    async fn within<T>(
        &mut self,
        deadline: &Deadline,
        mut poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<Result<T, Fault>>,
    ) -> Result<T, Unserved> {
        let polled = poll_fn(|cx| {
            deadline.watch(cx);
            match poll(self, cx) {
                Poll::Pending if deadline.expired() => Poll::Ready(None),
                polled => polled.map(Some),
            }
        });
        match polled.await {
            Some(result) => self.take(result),
            None => {
                if !deadline.is_cut() {
                    self.shared.worker().stats.cuts.count(Cut::SlowHead);
                }
                Err(Unserved)
            }
        }
    }

    /// What a fault means to the connection.
    fn take<T>(&mut self, result: Result<T, Fault>) -> Result<T, Unserved> {
        result.map_err(|fault| {
            self.fail(fault);
            Unserved
        })
    }

    fn fail(&mut self, fault: Fault) {
        match fault {
            Fault::Protocol(code) => self.shared.fail(code),
            Fault::Reset => self.shared.charge_reset(),
            Fault::Lost => {}
        }
    }

    /// A request that is answered, or reset, by the pipeline, and logged by it.
    fn refuse(&mut self, fault: HeadFault) -> Stop {
        let (status, reason) = match fault {
            HeadFault::Reject(reject) => (reject.status, reject.reason),
            HeadFault::Malformed(reason) => {
                self.code = Code::MESSAGE_ERROR;
                self.shared.charge_reset();
                (0, reason)
            }
            HeadFault::Compression => (0, "the request's head cannot be read"),
        };
        if status == 431 {
            self.shared.worker().stats.cuts.count(Cut::LargeHead);
        }
        Stop::new("framing", status, log::Fault::Client, reason)
    }

    /// The head is read.
    fn ready(&mut self, request: &Request) {
        self.chunked = request.framing == Framing::Chunked;
        // One that says that it is empty is held to that.
        let is_certain = self.expected.is_none() || self.next == Next::End;
        self.done = request.framing == Framing::None && is_certain;
        self.volume.bytes_in = request.size();
        if let Some(reader) = &mut self.reader {
            reader.set_piece(BODY_PIECE);
        }
    }

    fn pass_section(&mut self, length: usize, phase: Phase) {
        if let Some(reader) = &mut self.reader {
            reader.consume(length);
        }
        self.next = Next::Header;
        self.phase = phase;
    }

    /// The next thing of the request that matters.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, Fault>> {
        let Some(reader) = &mut self.reader else { return Poll::Ready(Ok(Event::End)) };
        loop {
            match &mut self.next {
                Next::End => return Poll::Ready(Ok(Event::End)),
                Next::Data(0) => self.next = Next::Header,
                Next::Data(_) => return Poll::Ready(Ok(Event::Data)),
                Next::Section(length) => {
                    let length = *length;
                    ready!(reader.poll_bytes(cx, length))?;
                    return Poll::Ready(Ok(Event::Section(length)));
                }
                Next::Skip(left) => {
                    ready!(reader.poll_skip(cx, left))?;
                    self.next = Next::Header;
                }
                Next::Header => {
                    let Some(header) = ready!(reader.poll_header(cx))? else {
                        self.next = Next::End;
                        continue;
                    };
                    self.next = match header.kind {
                        Kind::Data if self.phase == Phase::Body => {
                            if header.length == 0 {
                                self.shared.charge_frame()?;
                            }
                            Next::Data(header.length)
                        }
                        Kind::Headers if self.phase <= Phase::Body && !self.tunnel => {
                            let length = usize::try_from(header.length).ok();
                            match length.filter(|length| *length <= MAX_HEAD) {
                                Some(length) => Next::Section(length),
                                None => return Poll::Ready(Ok(Event::LargeSection)),
                            }
                        }
                        Kind::Unknown => {
                            self.shared.charge_frame()?;
                            Next::Skip(header.length)
                        }
                        _ => return Poll::Ready(Err(Fault::Protocol(Code::FRAME_UNEXPECTED))),
                    };
                }
            }
        }
    }

    /// Takes a piece of content that has come into the upload.
    fn poll_piece(&mut self, cx: &mut Context<'_>, left: u64) -> Poll<Result<(), BodyFault>> {
        let Some(reader) = &mut self.reader else { return Poll::Ready(Err(BodyFault::Gone)) };
        if reader.data().is_empty() {
            match ready!(reader.poll_bytes(cx, 1)) {
                Ok(()) => {}
                Err(fault) => return Poll::Ready(Err(self.broken_body(fault))),
            }
        }
        let Some(mut reader) = self.reader.take() else { return Poll::Ready(Err(BodyFault::Gone)) };
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(reader.data().len());
        self.volume.bytes_in += count as u64;
        self.received += count as u64;
        let is_long = self.expected.is_some_and(|expected| self.received > expected);
        let fits = self.received <= self.max_body && !is_long;
        if fits {
            self.let_go();
            gather(&mut self.upload, &reader.data()[..count], self.chunked);
        }
        reader.consume(count);
        self.next = Next::Data(left - count as u64);
        self.reader = Some(reader);
        Poll::Ready(match fits {
            true => Ok(()),
            false if is_long => Err(self.malformed()),
            false => Err(BodyFault::TooLarge),
        })
    }

    fn malformed(&mut self) -> BodyFault {
        self.code = Code::MESSAGE_ERROR;
        BodyFault::Malformed
    }

    fn broken_body(&mut self, fault: Fault) -> BodyFault {
        self.fail(fault);
        match fault {
            Fault::Protocol(_) => BodyFault::Malformed,
            Fault::Reset | Fault::Lost => BodyFault::Gone,
        }
    }

    /// A trailer section of the request, whole.
    fn take_trailers(&mut self, length: usize) -> Result<(), BodyFault> {
        let Some(reader) = &self.reader else { return Err(BodyFault::Gone) };
        let mut tail = Vec::new();
        let read = head::trailers(&reader.data()[..length], |name, value| field::put(&mut tail, name, value));
        match read {
            Ok(()) => {}
            Err(HeadFault::Compression) => {
                self.shared.fail(Code::QPACK_DECOMPRESSION_FAILED);
                return Err(BodyFault::Malformed);
            }
            Err(_) => return Err(self.malformed()),
        }
        self.pass_section(length, Phase::After);
        self.end_chunks(&tail);
        Ok(())
    }

    /// Drops a piece of the body that has gone.
    fn let_go(&mut self) {
        if !self.upload.is_empty() && self.gone == self.upload.len() {
            self.upload.clear();
            self.gone = 0;
            self.lost = true;
        }
    }

    fn end_chunks(&mut self, trailers: &[u8]) {
        if self.chunked {
            self.upload.extend_from_slice(b"0\r\n");
            self.upload.extend_from_slice(trailers);
            self.upload.extend_from_slice(b"\r\n");
        }
    }

    /// Appends a HEADERS frame.
    fn put_section(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let out = &mut self.out;
        out.extend_from_slice(&[0x01, 0, 0, 0, 0]);
        let start = out.len();
        qpack::begin(out);
        write(out);
        // An integer of four octets, whatever its value.
        let length = u32::try_from(out.len() - start).unwrap_or(0) | 0x8000_0000;
        out[start - 4..start].copy_from_slice(&length.to_be_bytes());
        self.volume.bytes_out += (self.out.len() - start) as u64;
    }

    /// Hands what waits to the connection.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            let written = Pin::new(&mut self.send).poll_write(cx, &self.out[self.sent..]);
            self.sent += ready!(written).map_err(|_| broken())?;
        }
        self.out.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    /// A connection that is about to close must not cut off the end of an answer.
    async fn settle(&mut self, deadline: &Deadline) {
        if self.ended && self.shared.is_leaving() {
            let stopped = self.send.stopped();
            let worker = self.shared.worker();
            worker.sweep.arm(deadline, worker.limits.stall);
            // Whether the client took it or has left, the stream is over.
            let _ = deadline.within(async move { Ok(stopped.await) }).await;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.ended {
            // One that the client has stopped needs no word.
            let _ = self.send.reset(self.code.into());
        }
        let buffers = &self.shared.worker().buffers;
        if let Some(mut reader) = self.reader.take() {
            if !self.ended {
                reader.stop(self.code);
            }
            buffers.give_vector(reader.into_buffer());
        }
        buffers.give_vector(std::mem::take(&mut self.upload));
        buffers.give_vector(std::mem::take(&mut self.out));
    }
}

fn gather(upload: &mut Vec<u8>, data: &[u8], chunked: bool) {
    if chunked {
        // A vector takes everything that is written to it.
        let _ = io::Write::write_fmt(upload, format_args!("{:x}\r\n", data.len()));
        upload.extend_from_slice(data);
        upload.extend_from_slice(b"\r\n");
    } else {
        upload.extend_from_slice(data);
    }
}

fn broken() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

impl Downstream for Stream {
    fn keep(&self) -> Keep {
        Keep::Payload
    }

    fn body(&self) -> &[u8] {
        &self.upload[self.gone..]
    }

    fn body_sent(&mut self, count: usize) {
        self.gone += count;
        // The client may send more as what it sent is read, which is only when all of it has gone.
        if self.gone == self.upload.len() && !self.hold {
            self.let_go();
        }
    }

    fn body_done(&self) -> bool {
        self.done && self.body().is_empty()
    }

    fn hold_body(&mut self, hold: bool) {
        self.hold = hold;
    }

    fn rewind_body(&mut self) -> bool {
        self.gone = 0;
        !self.lost
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyFault>> {
        while self.body().is_empty() && !self.done {
            match ready!(self.poll_event(cx)) {
                Ok(Event::Data) => {
                    let Next::Data(left) = self.next else { continue };
                    ready!(self.poll_piece(cx, left))?;
                }
                Ok(Event::Section(length)) => self.take_trailers(length)?,
                Ok(Event::LargeSection) => return Poll::Ready(Err(BodyFault::TooLarge)),
                Ok(Event::End) => {
                    if self.expected.is_some_and(|expected| self.received != expected) {
                        return Poll::Ready(Err(self.malformed()));
                    }
                    if self.phase != Phase::After {
                        self.end_chunks(&[]);
                    }
                    self.done = true;
                }
                Err(fault) => return Poll::Ready(Err(self.broken_body(fault))),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn limit_body(&mut self, limit: u64) {
        self.max_body = limit;
    }

    fn refuse_body(&mut self) {
        if !self.done
            && let Some(reader) = &mut self.reader
        {
            let code = if self.code == Code::MESSAGE_ERROR { self.code } else { Code::NO_ERROR };
            reader.stop(code);
        }
    }

    fn be_last(&mut self) {}

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.left {
            let stopped = self.stopped.get_or_insert_with(|| {
                let stopped = self.send.stopped();
                Box::pin(async move { drop(stopped.await) })
            });
            ready!(stopped.as_mut().poll(cx));
            self.left = true;
            self.shared.charge_reset();
        }
        Poll::Ready(())
    }

    fn interim(&mut self, head: &Head<'_>) {
        self.put_section(|out| {
            qpack::put_status(out, head.status);
            head.forwarded().for_each(|(name, value)| qpack::put(out, name.as_bytes(), value));
        });
    }

    fn begin(&mut self, head: &Head<'_>, edits: &Edits) {
        self.begun = true;
        self.hold = false;
        self.let_go();
        self.tunnel = head.status == 101;
        let tunnel = self.tunnel;
        self.put_section(|out| {
            qpack::put_status(out, if tunnel { 200 } else { head.status });
            for header in head.headers {
                let name = header.name.as_bytes();
                let of_upgrade = tunnel && name.eq_ignore_ascii_case(b"sec-websocket-accept");
                if head.forwards(header) && !of_upgrade && !edits.drops(name) {
                    qpack::put(out, name, header.value);
                }
            }
            let defaults = edits.defaults.iter().filter(|(name, _)| !head.has(name.as_str()));
            for (name, value) in edits.fields.iter().chain(defaults) {
                qpack::put(out, name.as_str().as_bytes(), value.as_bytes());
            }
            if let Some(length) = head.length {
                qpack::put(out, b"content-length", itoa::Buffer::new().format(length).as_bytes());
            }
        });
        if tunnel {
            // From now on the stream is a tunnel both ways.
            self.done = false;
        }
    }

    fn begun(&self) -> bool {
        self.begun
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8], _last: bool) -> Poll<io::Result<usize>> {
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if self.owed == 0 {
            if self.sent > 0 || self.out.len() > SMALL {
                ready!(self.poll_out(cx))?;
            }
            self.out.push(0x00);
            varint::put(&mut self.out, data.len() as u64);
            self.owed = data.len() as u64;
            if data.len() <= SMALL {
                self.out.extend_from_slice(data);
                self.owed = 0;
                self.volume.bytes_out += data.len() as u64;
                // What is not taken now waits for the next write.
                if let Poll::Ready(Err(error)) = self.poll_out(cx) {
                    return Poll::Ready(Err(error));
                }
                return Poll::Ready(Ok(data.len()));
            }
        }
        ready!(self.poll_out(cx))?;
        let piece = usize::try_from(self.owed).unwrap_or(usize::MAX).min(data.len());
        let written = ready!(Pin::new(&mut self.send).poll_write(cx, &data[..piece]));
        let count = written.map_err(|_| broken())?;
        self.owed -= count as u64;
        self.volume.bytes_out += count as u64;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_out(cx)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: &mut Option<Vec<u8>>) -> Poll<io::Result<()>> {
        if let Some(tail) = trailers.take() {
            let mut fields = Vec::new();
            each_trailer(&tail, |name, value| qpack::put(&mut fields, name.as_bytes(), value));
            // None of them may have been one that goes on.
            if !fields.is_empty() {
                self.put_section(|out| out.extend_from_slice(&fields));
            }
        }
        ready!(self.poll_out(cx))?;
        if !std::mem::replace(&mut self.ended, true) {
            self.send.finish().map_err(|_| broken())?;
            self.shared.answered();
        }
        Poll::Ready(Ok(()))
    }

    fn abort(&mut self) {
        if self.begun && self.code == Code::REQUEST_CANCELLED {
            self.code = Code::INTERNAL_ERROR;
        }
        // The rest is done when the stream is dropped.
    }

    fn tunnel(&mut self) -> Option<(&mut Io, &mut Inbox)> {
        None
    }

    fn count(&mut self, _: Volume) {}

    fn volume(&self) -> Volume {
        self.volume
    }
}
