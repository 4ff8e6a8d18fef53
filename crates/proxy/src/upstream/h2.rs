//! HTTP/2 towards servers: connections that many requests share, and on each stream a small task that speaks
//! HTTP/1.1 with the exchange over memory and HTTP/2 with the server. So time-outs, failover, back-pressure and
//! trailers are the same for both protocols.

use super::Link;
use super::live::LiveServer;
use super::pool::MAX_AGE;
use crate::field::{self, Kind};
use crate::h1::body::{Decoder, Framing, Keep, each_trailer};
use crate::io::Io;
use crate::request::MAX_HEAD;
use ahash::AHashMap;
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::sync::oneshot;

/// What a server may send ahead per stream and per connection; released as the client takes it.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Memory between an exchange and its stream, each way.
const BETWEEN: usize = 64 * 1024;
/// Streams on one connection before another one is opened, unless the server allows fewer.
const STREAMS: usize = 100;
/// Room for the headers of a head of ours: the client's and what we add.
const HEADERS: usize = 160;

/// The open connections of one worker, by [`LiveServer::pool`].
#[derive(Debug, Default)]
pub(crate) struct Connections(RefCell<AHashMap<u64, Vec<Connection>>>);

/// An exchange's end of a stream. Dropping it ends the stream, if it has not ended.
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) bytes: DuplexStream,
    _alive: oneshot::Sender<()>,
}

/// One connection. Dropping it lets its streams end and closes it then.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Bytes>,
    state: Rc<State>,
    secure: bool,
    address: Option<SocketAddr>,
    generation: u32,
    used: Duration,
}

#[derive(Debug, Default)]
struct State {
    streams: Cell<usize>,
    ended: Cell<bool>,
}

impl Connections {
    /// A stream of a connection that has room for one.
    pub(crate) fn stream(&self, server: &LiveServer, now: Duration) -> Option<Link> {
        let mut all = self.0.borrow_mut();
        let open = all.get_mut(&server.pool)?;
        if let Some(name) = &server.name {
            name.touch(now);
        }
        open.retain(|connection| !connection.state.ended.get());
        let at = open.iter_mut().position(|connection| connection.has_room(server))?;
        let connection = &mut open[at];
        connection.used = now;
        // It may be ending at any moment.
        Some(Link { exchanges: 1, ..connection.stream() })
    }

    /// Keeps a connection for others.
    pub(crate) fn keep(&self, server: &LiveServer, mut connection: Connection, now: Duration) {
        connection.used = now;
        self.0.borrow_mut().entry(server.pool).or_default().push(connection);
    }

    /// Drops what has ended or idled too long.
    pub(crate) fn sweep(&self, now: Duration) {
        self.0.borrow_mut().retain(|_, open| {
            open.retain(|connection| {
                let state = &connection.state;
                let idles = state.streams.get() == 0 && now.saturating_sub(connection.used) > MAX_AGE;
                !state.ended.get() && !idles
            });
            !open.is_empty()
        });
    }
}

impl Connection {
    /// Begins HTTP/2 on a connection.
    ///
    /// # Errors
    /// When it breaks at once.
    pub(crate) async fn start(link: Link) -> io::Result<Self> {
        let Link { io, address, generation, .. } = link;
        let secure = matches!(io, Io::Tls(_));
        let handshake = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .enable_push(false)
            .handshake::<_, Bytes>(Stream(io));
        let (sender, connection) = handshake.await.map_err(io::Error::other)?;
        let state = Rc::new(State::default());
        let end = End(state.clone());
        tokio::task::spawn_local(async move {
            let _end = end;
            // Each stream tells its own error.
            let _ = connection.await;
        });
        Ok(Self { sender, state, secure, address, generation, used: Duration::ZERO })
    }

    /// Whether one more stream fits, to the address that the name stands for.
    fn has_room(&mut self, server: &LiveServer) -> bool {
        let most = STREAMS.min(self.sender.current_max_send_streams());
        if self.state.streams.get() >= most {
            return false;
        }
        let (Some(name), Some(address)) = (&server.name, self.address) else { return true };
        let generation = name.generation();
        if self.generation != generation && name.leads_to(address) {
            self.generation = generation;
        }
        self.generation == generation
    }

    /// One exchange.
    pub(crate) fn stream(&self) -> Link {
        let (near, far) = tokio::io::duplex(BETWEEN);
        self.state.streams.set(self.state.streams.get() + 1);
        let open = OpenStream(self.state.clone());
        let (alive, gone) = oneshot::channel();
        let (sender, secure) = (self.sender.clone(), self.secure);
        tokio::task::spawn_local(async move {
            let _open = open;
            // The exchange sees the end of its side of the memory, and says what that means.
            if let Err(error) = carry(sender, far, gone, secure).await {
                tracing::debug!(%error, "an HTTP/2 stream to a server ended early");
            }
        });
        let (address, generation) = (self.address, self.generation);
        let io = Io::Memory(Box::new(Memory { bytes: near, _alive: alive }));
        Link { io, address, generation, exchanges: 0, since: Duration::ZERO, lifetime: Duration::ZERO }
    }
}

/// Marks a connection as ended.
struct End(Rc<State>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.ended.set(true);
    }
}

struct OpenStream(Rc<State>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.streams.set(self.0.streams.get() - 1);
    }
}

/// Carries one request and its answer.
async fn carry(
    mut sender: SendRequest<Bytes>,
    mut near: DuplexStream,
    gone: oneshot::Receiver<()>,
    secure: bool,
) -> io::Result<()> {
    let mut read = Vec::with_capacity(4096);
    let size = loop {
        if let Some(at) = memchr::memmem::find(&read, b"\r\n\r\n") {
            break at + 4;
        }
        if near.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    };
    let head = RequestHead::parse(&read[..size], secure).map_err(io::Error::other)?;
    read.drain(..size);
    if head.expects_continue {
        // HTTP/2 servers hardly ever send it; the body is held back by the window instead.
        near.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let to_head = head.request.method() == Method::HEAD;
    sender = sender.ready().await.map_err(io::Error::other)?;
    let whole = head.framing == Framing::None;
    let (answer, stream) = sender.send_request(head.request, whole).map_err(io::Error::other)?;
    drop(sender);
    let (mut from, mut to) = tokio::io::split(near);
    let upload = async {
        // A server that takes no more of a request may have answered already.
        let _ = send_body(&mut from, read, head.framing, stream).await;
        std::future::pending::<io::Result<()>>().await
    };
    let download = async {
        let answer = answer.await.map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        receive(&mut to, &head, body, to_head).await
    };
    tokio::select! {
        biased;
        received = download => received,
        // The exchange is over. Dropping the stream tells the server so.
        _ = gone => Ok(()),
        never = upload => never,
    }
}

struct RequestHead {
    request: Request<()>,
    framing: Framing,
    expects_continue: bool,
}

impl RequestHead {
    /// Reads a head that was written by us.
    fn parse(head: &[u8], secure: bool) -> Result<Self, &'static str> {
        let mut slots = [httparse::EMPTY_HEADER; HEADERS];
        let mut parsed = httparse::Request::new(&mut slots);
        let complete = parsed.parse(head).is_ok_and(|status| status.is_complete());
        let (Some(method), Some(path), true) = (parsed.method, parsed.path, complete) else {
            return Err("the head has too many headers");
        };
        let mut fields = HeaderMap::with_capacity(parsed.headers.len());
        let (mut authority, mut framing, mut expects_continue) = ("", Framing::None, false);
        for header in parsed.headers.iter() {
            match field::kind(header.name.as_bytes()) {
                Kind::Host => authority = std::str::from_utf8(header.value).unwrap_or_default(),
                Kind::TransferEncoding => framing = Framing::Chunked,
                Kind::Expect => expects_continue = true,
                Kind::Connection | Kind::Upgrade => {}
                Kind::Hop => {}
                kind => {
                    if kind == Kind::ContentLength {
                        let length = field::content_length(header.value).ok_or("the length is none")?;
                        framing = if length == 0 { Framing::None } else { Framing::Length(length) };
                    }
                    append(&mut fields, header.name, header.value);
                }
            }
        }
        let scheme = if secure { "https" } else { "http" };
        // `OPTIONS *` has no path that a URI could hold; servers take it for the root.
        let path = if path == "*" { "/" } else { path };
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build();
        let uri = uri.map_err(|_| "the target cannot be said in HTTP/2")?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| "the method is none")?;
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = fields;
        Ok(Self { request, framing, expects_continue })
    }
}

fn append(fields: &mut HeaderMap, name: &str, value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
        fields.append(name, value);
    }
}

/// Sends the body of a request. `read` is what has come of it already.
async fn send_body(
    from: &mut (impl AsyncRead + Unpin),
    mut read: Vec<u8>,
    framing: Framing,
    mut stream: SendStream<Bytes>,
) -> io::Result<()> {
    let mut decoder = Decoder::new(framing);
    while !decoder.is_done() {
        if read.is_empty() && from.read_buf(&mut read).await? == 0 {
            stream.send_reset(h2::Reason::CANCEL);
            return Ok(());
        }
        let step = decoder.step(&mut read, Keep::Payload).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut piece = Bytes::copy_from_slice(&read[..step.kept]);
        read.drain(..step.read);
        while !piece.is_empty() {
            stream.reserve_capacity(piece.len());
            let room = poll_fn(|cx| stream.poll_capacity(cx)).await;
            let room = room.ok_or(io::ErrorKind::BrokenPipe)?.map_err(io::Error::other)?;
            let now = piece.split_to(room.min(piece.len()));
            let last = decoder.is_done() && piece.is_empty() && !decoder.has_tail();
            stream.send_data(now, last).map_err(io::Error::other)?;
            if last {
                return Ok(());
            }
        }
    }
    match (framing, decoder.take_tail()) {
        (Framing::None, _) => Ok(()),
        (_, None) => stream.send_data(Bytes::new(), true).map_err(io::Error::other),
        (_, Some(tail)) => {
            let mut trailers = HeaderMap::new();
            each_trailer(&tail, |name, value| append(&mut trailers, name, value));
            // None of them may have been one that goes on.
            let sent = if trailers.is_empty() {
                stream.send_data(Bytes::new(), true)
            } else {
                stream.send_trailers(trailers)
            };
            sent.map_err(io::Error::other)
        }
    }
}

/// Writes an answer as one of HTTP/1.1 that ends its connection.
async fn receive(
    to: &mut (impl AsyncWrite + Unpin),
    head: &http::response::Parts,
    mut body: RecvStream,
    to_head: bool,
) -> io::Result<()> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"HTTP/1.1 ");
    field::put_number(&mut out, head.status.as_u16().into());
    out.extend_from_slice(b" \r\nConnection: close\r\n");
    let mut length = None;
    for (name, value) in &head.headers {
        match field::kind(name.as_str().as_bytes()) {
            Kind::Connection | Kind::Hop | Kind::TransferEncoding | Kind::Upgrade => continue,
            Kind::ContentLength => length = Some(()),
            _ => {}
        }
        field::put(&mut out, name.as_str().as_bytes(), value.as_bytes());
    }
    let status = head.status.as_u16();
    let bodiless = to_head || status == 204 || status == 304;
    let chunked = !bodiless && length.is_none() && !body.is_end_stream();
    if chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    } else if !bodiless && length.is_none() {
        out.extend_from_slice(b"Content-Length: 0\r\n");
    }
    out.extend_from_slice(b"\r\n");
    to.write_all(&out).await?;
    while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
        let data = data.map_err(io::Error::other)?;
        if !data.is_empty() {
            if chunked {
                to.write_all(format!("{:x}\r\n", data.len()).as_bytes()).await?;
            }
            to.write_all(&data).await?;
            if chunked {
                to.write_all(b"\r\n").await?;
            }
        }
        // Only now may the server send more: this is the back-pressure.
        let _ = body.flow_control().release_capacity(data.len());
    }
    if chunked {
        let trailers = poll_fn(|cx| body.poll_trailers(cx)).await.map_err(io::Error::other)?;
        let mut out = b"0\r\n".to_vec();
        for (name, value) in trailers.iter().flatten() {
            field::put(&mut out, name.as_str().as_bytes(), value.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        to.write_all(&out).await?;
    }
    to.shutdown().await
}

/// A connection as `h2` sees it.
struct Stream(Io);

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.0.poll_read(cx, into.initialize_unfilled());
        read.map_ok(|count| into.advance(count))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}
