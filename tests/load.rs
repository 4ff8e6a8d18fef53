//! Clients of every kind that go on until they are told to end and fail at the first thing that is not as it should
//! be, and the origins that they need. What happens meanwhile is the matter of each test.

use bytes::{Buf, Bytes};
use h3::error::{Code, StreamError};
use quinn::crypto::rustls::QuicClientConfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use testkit::RawClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

/// The host that answers `steady` to every GET.
pub(crate) const HOST: &str = "steady.example.com";
/// The host of WebSockets, of endless answers, and of gRPC.
pub(crate) const CHAT: &str = "chat.example.com";
pub(crate) const SLOW: &str = "slow.example.com";
pub(crate) const GRPC: &str = "grpc.example.com";
/// Streams at a time on each HTTP/2 connection.
const STREAMS: usize = 4;

/// What all clients share.
#[derive(Clone, Default)]
pub(crate) struct Load {
    end: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    /// Between two requests of one client.
    pause: Duration,
}

impl Load {
    /// Clients that rest so long after each request.
    pub(crate) fn paced(pause: Duration) -> Self {
        Self { pause, ..Self::default() }
    }

    /// One more request was answered.
    pub(crate) async fn count(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        if !self.pause.is_zero() {
            tokio::time::sleep(self.pause).await;
        }
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.end.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) {
        self.end.store(true, Ordering::Relaxed);
    }

    /// Requests answered so far.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

pub(crate) type Http3 = h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;

/// Where a listener is. Held for writing while it moves: nobody can connect then.
pub(crate) type Place = Arc<RwLock<SocketAddr>>;

/// How clients connect.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) http: Place,
    pub(crate) https: Place,
    pub(crate) roots: Arc<Vec<u8>>,
    /// [`quic`] of the same roots, where clients use HTTP/3.
    pub(crate) quic: Option<quinn::ClientConfig>,
}

impl Way {
    pub(crate) async fn connect(&self, tls: bool) -> RawClient {
        self.connect_for(HOST, if tls { Some("http/1.1") } else { None }).await
    }

    /// A connection over TLS that agrees on this protocol, or one without TLS.
    pub(crate) async fn connect_for(&self, name: &str, tls: Option<&str>) -> RawClient {
        match tls {
            Some(protocol) => {
                let place = self.https.read().await;
                RawClient::connect_tls(*place, name, &self.roots, &[protocol])
                    .await
                    .expect("a TLS connection")
            }
            None => {
                let place = self.http.read().await;
                RawClient::connect(*place).await.expect("a connection")
            }
        }
    }

    async fn http2(&self, name: &str, tasks: &mut JoinSet<()>) -> h2::client::SendRequest<Bytes> {
        let client = self.connect_for(name, Some("h2")).await;
        let (sender, connection) = h2::client::handshake(client.into_stream()).await.expect("HTTP/2");
        // Its end shows in the streams.
        tasks.spawn(async { _ = connection.await });
        sender
    }

    async fn http3(&self, name: &str, tasks: &mut JoinSet<()>) -> Http3 {
        let place = *self.https.read().await;
        let mut endpoint = quinn::Endpoint::client(SocketAddr::new(place.ip(), 0)).expect("a socket");
        endpoint.set_default_client_config(self.quic.clone().expect("clients of HTTP/3"));
        let connection = endpoint.connect(place, name).unwrap().await.expect("a QUIC connection");
        http3_on(connection, tasks).await
    }
}

/// HTTP/3 on a connection of QUIC.
pub(crate) async fn http3_on(connection: quinn::Connection, tasks: &mut JoinSet<()>) -> Http3 {
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(connection)).await.expect("HTTP/3");
    // Its end shows in the streams.
    tasks.spawn(async move { _ = std::future::poll_fn(|cx| driver.poll_close(cx)).await });
    sender
}

/// How clients of HTTP/3 connect.
pub(crate) fn quic(roots: &[u8], early_data: bool) -> quinn::ClientConfig {
    let mut trusted = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(roots) {
        trusted.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let mut config = config.with_root_certificates(trusted).with_no_client_auth();
    config.alpn_protocols = vec![b"h3".to_vec()];
    config.enable_early_data = early_data;
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()))
}

/// Asks all the time over HTTP/1.1, over one connection or over a new one each time. A connection whose last answer
/// is announced is replaced; returns how many were. `stays`: none may be.
pub(crate) async fn ask(way: Way, tls: bool, fresh: bool, stays: bool, load: Load) -> usize {
    let mut client = way.connect(tls).await;
    let mut told_to_go = 0;
    while load.goes_on() {
        let answer = client.get(HOST, "/").await.expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, "steady"));
        let goes = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        assert!(!(goes && stays), "a connection was closed that could have stayed");
        told_to_go += usize::from(goes);
        if fresh || goes {
            client = way.connect(tls).await;
        }
        load.count().await;
    }
    told_to_go
}

/// Asks all the time over streams of one HTTP/2 connection. After a GOAWAY, whose streams must all be answered,
/// goes on over another; returns how many there were. `stays`: none may be.
pub(crate) async fn ask_by_http2(way: Way, stays: bool, load: Load) -> usize {
    let mut told_to_go = 0;
    while load.goes_on() {
        let mut connection = JoinSet::new();
        let sender = way.http2(HOST, &mut connection).await;
        let mut streams = JoinSet::new();
        for _ in 0..STREAMS {
            let (load, sender) = (load.clone(), sender.clone());
            streams.spawn(async move {
                let mut sender = sender;
                while load.goes_on() {
                    // Not ready any more: the connection takes no further stream, which no request has met yet.
                    let Ok(ready) = sender.ready().await else { return };
                    sender = ready;
                    let request = http::Request::get(format!("https://{HOST}/")).body(()).unwrap();
                    let Ok((answer, _)) = sender.send_request(request, true) else { return };
                    match answer.await {
                        Ok(answer) => {
                            assert_eq!(answer.status(), 200);
                            assert_eq!(body(answer.into_body()).await, b"steady");
                        }
                        // The connection was told to go before it took this one (RFC 9113, section 6.8).
                        Err(error) if error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR) => {
                            return;
                        }
                        Err(error) if error.reason() == Some(h2::Reason::REFUSED_STREAM) => return,
                        Err(error) => panic!("no answer: {error}"),
                    }
                    load.count().await;
                }
            });
        }
        drop(sender);
        while let Some(stream) = streams.join_next().await {
            stream.expect("a stream met a failure");
        }
        if load.goes_on() {
            assert!(!stays, "a connection was told to go that could have stayed");
            told_to_go += 1;
        }
    }
    told_to_go
}

/// Asks all the time over HTTP/3, request by request over one connection, or over a new one each time. After a GOAWAY
/// it goes on over another; returns how many there were.
pub(crate) async fn ask_by_http3(way: Way, fresh: bool, load: Load) -> usize {
    let mut told_to_go = 0;
    while load.goes_on() {
        let mut connection = JoinSet::new();
        let mut sender = way.http3(HOST, &mut connection).await;
        while load.goes_on() {
            match get_http3(&mut sender, HOST).await {
                Ok(text) => assert_eq!(text, b"steady"),
                Err(error) => {
                    // Told to go before it took this one (RFC 9114, section 5.2).
                    let goes = match &error {
                        StreamError::RemoteTerminate { code, .. } => *code == Code::H3_REQUEST_REJECTED,
                        // The crate keeps this one's name to itself.
                        error => error.is_h3_no_error() || error.to_string().contains("is closing"),
                    };
                    assert!(goes, "no answer: {error}");
                    told_to_go += 1;
                    break;
                }
            }
            load.count().await;
            if fresh {
                break;
            }
        }
    }
    told_to_go
}

pub(crate) async fn get_http3(sender: &mut Http3, name: &str) -> Result<Vec<u8>, StreamError> {
    let request = http::Request::get(format!("https://{name}/")).body(()).unwrap();
    let mut stream = sender.send_request(request).await?;
    stream.finish().await?;
    assert_eq!(stream.recv_response().await?.status(), 200);
    let mut text = Vec::new();
    while let Some(mut piece) = stream.recv_data().await? {
        text.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
    }
    Ok(text)
}

async fn body(mut body: h2::RecvStream) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some(piece) = body.data().await {
        let piece: Bytes = piece.expect("the body");
        body.flow_control().release_capacity(piece.len()).unwrap();
        text.extend_from_slice(&piece);
    }
    text
}

/// How a client speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Plain,
    Tls,
    Http2,
}

/// A WebSocket that says something from time to time, and gets the same back.
pub(crate) async fn chat(way: Way, kind: Kind, number: usize, load: Load) {
    let text = |round: usize| format!("{number:03}-{round:06}");
    let pause = || tokio::time::sleep(Duration::from_millis(200));
    let mut round = 0;
    if kind == Kind::Http2 {
        let mut connection = JoinSet::new();
        let mut sender = way.http2(CHAT, &mut connection).await;
        while !sender.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let mut ask =
            http::Request::builder().method("CONNECT").uri(format!("https://{CHAT}/")).body(()).unwrap();
        ask.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
        sender = sender.ready().await.expect("a stream");
        let (answer, mut up) = sender.send_request(ask, false).expect("a stream");
        let answer = answer.await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut down = answer.into_body();
        while load.goes_on() || round == 0 {
            up.send_data(text(round).into(), false).expect("the WebSocket stays");
            hear(&mut down, &text(round)).await;
            round += 1;
            pause().await;
        }
        return;
    }
    let mut socket = way.connect_for(CHAT, if kind == Kind::Tls { Some("http/1.1") } else { None }).await;
    let ask = format!("GET / HTTP/1.1\r\nhost: {CHAT}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n");
    socket.send(ask).await.unwrap();
    assert_eq!(socket.read_head().await.unwrap().status(), 101);
    while load.goes_on() || round == 0 {
        let text = text(round);
        socket.send(&text).await.expect("the WebSocket stays");
        assert_eq!(socket.read_exact(text.len()).await.expect("the WebSocket stays"), text.as_bytes());
        round += 1;
        pause().await;
    }
}

/// Waits for exactly this text on a stream.
async fn hear(down: &mut h2::RecvStream, text: &str) {
    let mut heard = Vec::new();
    while heard.len() < text.len() {
        let piece = down.data().await.expect("the stream stays").expect("the stream stays");
        down.flow_control().release_capacity(piece.len()).unwrap();
        heard.extend_from_slice(&piece);
    }
    assert_eq!(heard, text.as_bytes());
}

/// A call of gRPC that sends messages and gets each of them back, until the load ends; then the trailers come.
pub(crate) async fn call(way: Way, load: Load) {
    let mut connection = JoinSet::new();
    let mut sender = way.http2(GRPC, &mut connection).await.ready().await.expect("a stream");
    let ask = http::Request::post(format!("https://{GRPC}/echo.Echo/Talk"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (answer, mut up) = sender.send_request(ask, false).expect("a stream");
    up.send_data("hello".into(), false).expect("the call stays");
    let answer = answer.await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"application/grpc".parse().unwrap())
    );
    let mut down = answer.into_body();
    hear(&mut down, "hello").await;
    let mut number = 0;
    while load.goes_on() || number == 0 {
        let text = format!("{number:08}");
        up.send_data(text.clone().into(), false).expect("the call stays");
        hear(&mut down, &text).await;
        number += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    up.send_data(Bytes::new(), true).expect("the call stays");
    assert!(down.data().await.is_none(), "more than was said");
    let trailers = down.trailers().await.expect("the call stays").expect("trailers");
    assert_eq!(trailers["grpc-status"], "0");
}

/// An origin that speaks HTTP/2 alone and sends back what it hears.
pub(crate) async fn echo_by_http2() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut connections = JoinSet::new();
    #[expect(clippy::disallowed_methods, reason = "a panic here shows as a failed call")]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(async move {
                let mut calls = JoinSet::new();
                let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    calls.spawn(async move {
                        let head = http::Response::builder().header("content-type", "application/grpc");
                        let mut up = respond.send_response(head.body(()).unwrap(), false).unwrap();
                        let mut down = request.into_body();
                        while let Some(Ok(piece)) = down.data().await {
                            down.flow_control().release_capacity(piece.len()).unwrap();
                            up.send_data(piece, false).unwrap();
                        }
                        let mut trailers = http::HeaderMap::new();
                        trailers.insert("grpc-status", "0".parse().unwrap());
                        // The client may be gone.
                        _ = up.send_trailers(trailers);
                    });
                }
            });
        }
    });
    address
}

/// An origin whose answers drip until the load ends, one number after the other: as a download, or as events.
pub(crate) async fn dripping_origin(load: Load) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut answers = JoinSet::new();
    #[expect(clippy::disallowed_methods, reason = "a panic here shows as a failed download")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let load = load.clone();
            answers.spawn(async move {
                let mut head = [0; 2048];
                let count = stream.read(&mut head).await.unwrap_or(0);
                let events = head[..count].starts_with(b"GET /events ");
                let kind = if events { "text/event-stream" } else { "application/octet-stream" };
                let head =
                    format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n");
                let mut next = head;
                // A client that has left early ends it; one that should not have notices.
                for number in 0.. {
                    if stream.write_all(next.as_bytes()).await.is_err() {
                        return;
                    }
                    if number > 0 {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    if number > 0 && !load.goes_on() {
                        break;
                    }
                    let piece = piece(events, number);
                    next = format!("{:x}\r\n{piece}\r\n", piece.len());
                }
                _ = stream.write_all(b"0\r\n\r\n").await;
            });
        }
    });
    address
}

fn piece(event: bool, number: usize) -> String {
    if event { format!("data: {number:06}\n\n") } else { format!("{number:06}-{number:07}") }
}

/// Takes such an answer to its end, which is not before that of the load.
pub(crate) async fn download(way: Way, kind: Kind, events: bool, load: Load) {
    let path = if events { "/events" } else { "/" };
    let mut number = 0;
    if kind == Kind::Http2 {
        let mut connection = JoinSet::new();
        let mut sender = way.http2(SLOW, &mut connection).await.ready().await.expect("a stream");
        let ask = http::Request::get(format!("https://{SLOW}{path}")).body(()).unwrap();
        let (answer, _) = sender.send_request(ask, true).expect("a stream");
        let mut down = answer.await.expect("the download begins").into_body();
        let mut heard = Vec::new();
        while let Some(data) = down.data().await {
            let data = data.expect("the download stays");
            down.flow_control().release_capacity(data.len()).unwrap();
            heard.extend_from_slice(&data);
            while let Some(next) = heard.get(..14) {
                assert_eq!(next, piece(events, number).as_bytes());
                heard.drain(..14);
                number += 1;
            }
        }
    } else {
        let mut client = way.connect_for(SLOW, if kind == Kind::Tls { Some("http/1.1") } else { None }).await;
        client.send(format!("GET {path} HTTP/1.1\r\nhost: {SLOW}\r\n\r\n")).await.unwrap();
        assert_eq!(client.read_head().await.expect("the download begins").status(), 200);
        loop {
            let size = client.read_exact(3).await.expect("the download stays");
            if size == b"0\r\n" {
                break;
            }
            assert_eq!(size, b"e\r\n");
            let next = client.read_exact(16).await.expect("the download stays");
            assert_eq!(next, format!("{}\r\n", piece(events, number)).as_bytes());
            number += 1;
        }
    }
    assert!(number > 1 && !load.goes_on(), "a download ended early, after {number} pieces");
}
