//! One HTTP/2 stream: a request and its answer. The head is brought into the same form as those of HTTP/1,
//! so that every phase, and the origin, see the same.

use crate::buffers::Inbox;
use crate::config::Edits;
use crate::downstream::{BodyFault, Downstream, Volume};
use crate::field;
use crate::h1::body::{Framing, Keep, each_trailer};
use crate::h1::response::Head;
use crate::io::Io;
use crate::listen::Peer;
use crate::log::Fault;
use crate::pipeline::{self, Call, Stop};
use crate::request::{Reject, Request, Version};
use crate::stream_head::{HeadReader, RequestLine};
use crate::worker::Worker;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Response, StatusCode};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

/// A stream that a client has opened.
pub(crate) struct Opened {
    pub(super) received: http::Request<RecvStream>,
    pub(super) respond: SendResponse<Bytes>,
    pub(super) peer: Rc<Peer>,
}

/// Tasks that have served a stream and wait for the next one. A task is large: making one anew for each stream
/// costs more than the whole of HTTP/2 framing.
#[derive(Default)]
pub(crate) struct Tasks(RefCell<Vec<Rc<Waiting>>>);

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} waiting tasks", self.0.borrow().len())
    }
}

/// Tasks that wait at most; the others end with their stream.
const MOST_TASKS: usize = 64;

/// One task that waits.
#[derive(Default)]
struct Waiting {
    next: RefCell<Option<Opened>>,
    waker: RefCell<Option<Waker>>,
}

/// Serves a stream in a task of its own.
pub(super) fn start(opened: Opened, worker: &Rc<Worker>) {
    let waiting = worker.tasks.0.borrow_mut().pop();
    let Some(waiting) = waiting else {
        tokio::task::spawn_local(serve_all(opened, worker.clone()));
        return;
    };
    *waiting.next.borrow_mut() = Some(opened);
    if let Some(waker) = waiting.waker.take() {
        waker.wake();
    }
}

async fn serve_all(mut opened: Opened, worker: Rc<Worker>) {
    let own = Rc::new(Waiting::default());
    loop {
        serve(opened, &worker).await;
        if worker.tasks.0.borrow().len() >= MOST_TASKS {
            return;
        }
        worker.tasks.0.borrow_mut().push(own.clone());
        opened = std::future::poll_fn(|cx| match own.next.take() {
            Some(opened) => Poll::Ready(opened),
            None => {
                *own.waker.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        })
        .await;
    }
}

/// Serves one stream to its end.
async fn serve(opened: Opened, worker: &Rc<Worker>) {
    let Opened { received, respond, peer } = opened;
    let _watch = Panics(worker.clone());
    let deadline = worker.sweep.register();
    std::future::poll_fn(|cx| {
        deadline.watch(cx);
        Poll::Ready(())
    })
    .await;
    let (head, body) = received.into_parts();
    let mut request = worker.take_request();
    let refused = read_head(&head, body.is_end_stream(), &mut request).err();
    let refused =
        refused.map(|Reject { status, reason }| Stop::new("framing", status, Fault::Client, reason));
    drop(head);
    let mut stream = Stream::new(&request, respond, body, worker);
    let mut call = Call::new(worker, &peer, &deadline, &request);
    pipeline::run(&mut call, &mut stream, refused).await;
    drop(call);
    worker.buffers.give_vector(std::mem::take(&mut stream.upload));
    worker.give_request(request);
    worker.sweep.give(deadline);
}

/// Sees when a stream's task panics.
struct Panics(Rc<Worker>);

impl Drop for Panics {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stats.panics.add(1);
            tracing::error!("a panic ended one HTTP/2 stream; the others go on. Please report this");
        }
    }
}

/// Fills `request` from a head that `h2` has taken (RFC 9113, section 8.3).
pub(crate) fn read_head(
    head: &http::request::Parts,
    no_body: bool,
    request: &mut Request,
) -> Result<(), Reject> {
    let websocket = is_websocket(head)?;
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let line = RequestLine {
        version: Version::Http2,
        method: request.push_text(head.method.as_str().as_bytes()),
        target: request.push_text(target.as_bytes()),
        authority: head.uri.authority().map(|authority| request.push_text(authority.as_str().as_bytes())),
        websocket,
    };
    let mut reader = HeadReader::new(request, line)?;
    for (name, value) in &head.headers {
        reader.field(name.as_str().as_bytes(), value.as_bytes())?;
    }
    reader.finish(no_body)
}

/// Whether a stream asks for a WebSocket (RFC 8441, section 4).
fn is_websocket(head: &http::request::Parts) -> Result<bool, Reject> {
    match head.extensions.get::<h2::ext::Protocol>() {
        Some(protocol) if head.method == Method::CONNECT && protocol.as_str() == "websocket" => Ok(true),
        Some(_) => Err(Reject { status: 501, reason: "the only protocol taken by CONNECT is websocket" }),
        None => Ok(false),
    }
}

/// The client's side of one exchange.
struct Stream {
    respond: SendResponse<Bytes>,
    answer: Option<SendStream<Bytes>>,
    body: RecvStream,
    chunked: bool,
    /// Piece of the body in HTTP/1 framing, how much of it has gone, and the window to give back with it.
    upload: Vec<u8>,
    gone: usize,
    window: usize,
    /// Payload so far, and what it may be.
    received: u64,
    max_body: u64,
    end: BodyEnd,
    /// What has gone of the body is kept until the answer begins, or until more of it comes.
    hold: bool,
    lost: bool,
    /// END_STREAM has been sent.
    ended: bool,
    begun: bool,
    to_head: bool,
    /// Capacity has been asked for.
    reserved: usize,
    volume: Volume,
}

/// How far the request's body has been read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BodyEnd {
    Data,
    Trailers,
    Done,
}

impl Stream {
    fn new(request: &Request, respond: SendResponse<Bytes>, body: RecvStream, worker: &Worker) -> Self {
        Self {
            upload: worker.buffers.take_vector(),
            respond,
            answer: None,
            body,
            chunked: request.framing == Framing::Chunked,
            gone: 0,
            window: 0,
            received: 0,
            max_body: u64::MAX,
            end: if request.framing == Framing::None { BodyEnd::Done } else { BodyEnd::Data },
            hold: false,
            lost: false,
            ended: false,
            begun: false,
            to_head: request.is_head(),
            reserved: 0,
            volume: Volume { bytes_in: request.size(), bytes_out: 0 },
        }
    }

    fn gather(&mut self, data: &[u8]) {
        if self.chunked {
            // A vector takes everything that is written to it.
            let _ = io::Write::write_fmt(&mut self.upload, format_args!("{:x}\r\n", data.len()));
            self.upload.extend_from_slice(data);
            self.upload.extend_from_slice(b"\r\n");
        } else {
            self.upload.extend_from_slice(data);
        }
    }

    /// Drops a piece of the body that has gone.
    fn let_go(&mut self) {
        if !self.upload.is_empty() && self.gone == self.upload.len() {
            self.upload.clear();
            self.gone = 0;
            self.lost = true;
        }
    }

    fn end_chunks(&mut self, trailers: Option<&HeaderMap>) {
        if !self.chunked {
            return;
        }
        self.upload.extend_from_slice(b"0\r\n");
        for (name, value) in trailers.into_iter().flatten() {
            let name = name.as_str().as_bytes();
            if field::kind(name).allowed_in_trailers() {
                field::put(&mut self.upload, name, value.as_bytes());
            }
        }
        self.upload.extend_from_slice(b"\r\n");
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
        if self.gone == self.upload.len() {
            // Only now may the client send more: this is the back-pressure. A closed stream needs no window.
            let _ = self.body.flow_control().release_capacity(std::mem::take(&mut self.window));
            if !self.hold {
                self.let_go();
            }
        }
    }

    fn body_done(&self) -> bool {
        self.end == BodyEnd::Done && self.body().is_empty()
    }

    fn hold_body(&mut self, hold: bool) {
        self.hold = hold;
    }

    fn rewind_body(&mut self) -> bool {
        self.gone = 0;
        !self.lost
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyFault>> {
        while self.body().is_empty() && self.end != BodyEnd::Done {
            if self.end == BodyEnd::Data {
                match ready!(self.body.poll_data(cx)) {
                    Some(Ok(data)) => {
                        self.volume.bytes_in += data.len() as u64;
                        self.window += data.len();
                        self.received += data.len() as u64;
                        if self.received > self.max_body {
                            return Poll::Ready(Err(BodyFault::TooLarge));
                        }
                        if !data.is_empty() {
                            self.let_go();
                            self.gather(&data);
                        }
                        if self.body.is_end_stream() {
                            self.end_chunks(None);
                            self.end = BodyEnd::Done;
                        }
                    }
                    Some(Err(_)) => return Poll::Ready(Err(BodyFault::Gone)),
                    None => self.end = BodyEnd::Trailers,
                }
            } else {
                let trailers = ready!(self.body.poll_trailers(cx)).map_err(|_| BodyFault::Gone)?;
                self.end_chunks(trailers.as_ref());
                self.end = BodyEnd::Done;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn limit_body(&mut self, limit: u64) {
        self.max_body = limit;
    }

    fn refuse_body(&mut self) {}

    fn be_last(&mut self) {}

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.answer {
            Some(answer) => answer.poll_reset(cx).map(drop),
            None => self.respond.poll_reset(cx).map(drop),
        }
    }

    fn interim(&mut self, head: &Head<'_>) {
        let mut response = Response::new(());
        let Ok(status) = StatusCode::from_u16(head.status) else { return };
        *response.status_mut() = status;
        for (name, value) in head.forwarded() {
            append(response.headers_mut(), name, value);
        }
        // A stream that is gone shows itself with the final answer.
        let _ = self.respond.send_informational(response);
    }

    fn begin(&mut self, head: &Head<'_>, edits: &Edits) {
        self.begun = true;
        self.hold = false;
        self.let_go();
        let mut response = Response::new(());
        let tunnel = head.status == 101;
        let status = if tunnel { 200 } else { head.status };
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = response.headers_mut();
        headers.reserve(head.headers.len() + edits.fields.len());
        // All values share one allocation.
        let mut values = Vec::with_capacity(head.headers.iter().map(|header| header.value.len()).sum());
        head.headers.iter().for_each(|header| values.extend_from_slice(header.value));
        let (values, mut end) = (Bytes::from(values), 0);
        for header in head.headers {
            let start = end;
            end += header.value.len();
            let name = header.name.as_bytes();
            let of_upgrade = tunnel && name.eq_ignore_ascii_case(b"sec-websocket-accept");
            if head.forwards(header)
                && !of_upgrade
                && !edits.drops(name)
                && let Ok(name) = HeaderName::from_bytes(name)
                && let Ok(value) = HeaderValue::from_maybe_shared(values.slice(start..end))
            {
                headers.append(name, value);
            }
        }
        let defaults = edits.defaults.iter().filter(|(name, _)| !head.has(name.as_str()));
        for (name, value) in edits.fields.iter().chain(defaults) {
            headers.append(name, value.clone());
        }
        if let Some(length) = head.length {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        self.volume.bytes_out += bytes as u64;
        self.ended = !tunnel && (self.to_head || matches!(head.framing, Framing::None | Framing::Length(0)));
        if tunnel {
            // From now on the stream is a tunnel both ways.
            self.end = BodyEnd::Data;
        }
        // An error shows itself with the first write.
        self.answer = self.respond.send_response(response, self.ended).ok();
    }

    fn begun(&self) -> bool {
        self.begun
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8], last: bool) -> Poll<io::Result<usize>> {
        let answer = self.answer.as_mut().ok_or_else(broken)?;
        if self.reserved < data.len() {
            answer.reserve_capacity(data.len());
            self.reserved = data.len();
        }
        while answer.capacity() == 0 {
            match ready!(answer.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Poll::Ready(Err(broken())),
            }
        }
        let count = answer.capacity().min(data.len());
        let last = last && count == data.len();
        answer.send_data(Bytes::copy_from_slice(&data[..count]), last).map_err(|_| broken())?;
        self.reserved -= count;
        self.ended |= last;
        self.volume.bytes_out += count as u64;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection's task sends; windows hold a client back that does not take it.
        Poll::Ready(Ok(()))
    }

    fn poll_finish(&mut self, _: &mut Context<'_>, trailers: &mut Option<Vec<u8>>) -> Poll<io::Result<()>> {
        let answer = self.answer.as_mut().ok_or_else(broken)?;
        if std::mem::replace(&mut self.ended, true) {
            return Poll::Ready(Ok(()));
        }
        let sent = match trailers.take() {
            None => answer.send_data(Bytes::new(), true),
            Some(tail) => {
                let mut fields = HeaderMap::new();
                each_trailer(&tail, |name, value| append(&mut fields, name, value));
                // None of them may have been one that goes on.
                if fields.is_empty() {
                    answer.send_data(Bytes::new(), true)
                } else {
                    answer.send_trailers(fields)
                }
            }
        };
        Poll::Ready(sent.map_err(|_| broken()))
    }

    fn abort(&mut self) {
        match &mut self.answer {
            Some(answer) => answer.send_reset(Reason::INTERNAL_ERROR),
            None => self.respond.send_reset(Reason::CANCEL),
        }
    }

    fn tunnel(&mut self) -> Option<(&mut Io, &mut Inbox)> {
        None
    }

    fn count(&mut self, _: Volume) {}

    fn volume(&self) -> Volume {
        self.volume
    }
}

/// Names and values that came through the strict reader of HTTP/1 are taken by HTTP/2 as well.
fn append(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
        headers.append(name, value);
    }
}
