//! Changes of the configuration while requests flow: none fails, and no connection is closed (acceptance G1).
//!
//! `CHARON_CHANGES` sets the number of changes (100); the figures of a release come from 1,000.

use crate::hosts;
use bytes::Bytes;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use testkit::{Answer, App, Origin, RawClient, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const HOST: &str = "steady.example.com";
/// Kept connections of each kind (plain, TLS, HTTP/2) that ask all the time, and clients that open a new one each time.
const CLIENTS: usize = 2;
/// Streams at a time on each HTTP/2 connection.
const STREAMS: usize = 4;
const WEB_SOCKETS: usize = 200;
const DOWNLOADS: usize = 50;

#[expect(clippy::disallowed_methods, reason = "the number of changes is a setting of this test")]
fn changes() -> usize {
    std::env::var("CHARON_CHANGES").ok().and_then(|changes| changes.parse().ok()).unwrap_or(100)
}

/// What all clients share.
#[derive(Clone, Default)]
struct Load {
    end: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.end.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// How a client connects.
#[derive(Clone)]
struct Way {
    http: SocketAddr,
    https: SocketAddr,
    roots: Arc<Vec<u8>>,
}

impl Way {
    async fn connect(&self, tls: bool) -> RawClient {
        if tls {
            RawClient::connect_tls(self.https, HOST, &self.roots, &["http/1.1"])
                .await
                .expect("a TLS connection")
        } else {
            RawClient::connect(self.http).await.expect("a connection")
        }
    }
}

async fn ask(way: Way, tls: bool, fresh: bool, load: Load) {
    let mut client = way.connect(tls).await;
    while load.goes_on() {
        let answer = client.get(HOST, "/").await.expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, "steady"));
        assert_ne!(answer.header("connection"), Some("close"));
        if fresh {
            client = way.connect(tls).await;
        }
        load.count();
    }
}

async fn ask_by_http2(way: Way, load: Load) {
    let client =
        RawClient::connect_tls(way.https, HOST, &way.roots, &["h2"]).await.expect("a TLS connection");
    let (sender, connection) = h2::client::handshake(client.into_stream()).await.expect("HTTP/2");
    let mut streams = tokio::task::JoinSet::new();
    // Its end shows in the streams.
    streams.spawn(async { _ = connection.await });
    for _ in 0..STREAMS {
        let (load, mut sender) = (load.clone(), sender.clone());
        streams.spawn(async move {
            while load.goes_on() {
                let request = http::Request::get(format!("https://{HOST}/")).body(()).unwrap();
                sender = sender.ready().await.expect("the connection stays");
                let (answer, _) = sender.send_request(request, true).expect("a stream");
                let answer = answer.await.expect("an answer");
                assert_eq!(answer.status(), 200);
                let mut body = answer.into_body();
                let mut text = Vec::new();
                while let Some(piece) = body.data().await {
                    let piece: Bytes = piece.expect("the body");
                    body.flow_control().release_capacity(piece.len()).unwrap();
                    text.extend_from_slice(&piece);
                }
                assert_eq!(text, b"steady");
                load.count();
            }
        });
    }
    drop(sender);
    while let Some(stream) = streams.join_next().await {
        stream.unwrap();
    }
}

/// Says something from time to time, and gets the same back.
async fn chat(mut socket: RawClient, number: usize, load: Load) {
    let mut round = 0;
    while load.goes_on() || round == 0 {
        let text = format!("{number:03}-{round:06}");
        socket.send(&text).await.expect("the WebSocket stays");
        assert_eq!(socket.read_exact(text.len()).await.expect("the WebSocket stays"), text.as_bytes());
        round += 1;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// An origin whose answers drip, one number after the other, until the load ends.
async fn dripping_origin(load: Load) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut answers = tokio::task::JoinSet::new();
    #[expect(clippy::disallowed_methods, reason = "a panic here shows as a failed download")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let load = load.clone();
            answers.spawn(async move {
                let mut head = [0; 2048];
                _ = stream.read(&mut head).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
                let mut number = 0;
                while load.goes_on() || number == 0 {
                    stream.write_all(format!("8\r\n{number:08}\r\n").as_bytes()).await.unwrap();
                    number += 1;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                stream.write_all(b"0\r\n\r\n").await.unwrap();
            });
        }
    });
    address
}

async fn download(mut client: RawClient, load: Load) {
    client.send("GET / HTTP/1.1\r\nhost: slow.example.com\r\n\r\n").await.unwrap();
    let mut number = 0;
    let head = client.read_head().await.expect("the download begins");
    assert_eq!(head.status(), 200);
    loop {
        let size = client.read_exact(3).await.expect("the download stays");
        if size == b"0\r\n" {
            break;
        }
        assert_eq!(size, b"8\r\n");
        assert_eq!(
            client.read_exact(10).await.expect("the download stays"),
            format!("{number:08}\r\n").as_bytes()
        );
        number += 1;
    }
    assert!(number > 1 && !load.goes_on(), "a download ended early, after {number} pieces");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_configuration_fail_no_request_and_close_no_connection() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let load = Load::default();
    let (origin, sockets) =
        (Origin::start(Answer::text("steady")).await, Origin::start(Answer::WebSocketEcho).await);
    let steady = hosts::add(&mut admin, HOST, &origin).await;
    hosts::add(&mut admin, "chat.example.com", &sockets).await;
    let slow = dripping_origin(load.clone()).await;
    let host = json!({
        "domain_names": "slow.example.com", "forward_scheme": "http", "forward_host": "127.0.0.1",
        "forward_port": slow.port(),
    });
    admin.post("/proxy-hosts", &host).await.expect(201);
    let roots = Arc::new(app.anonymous().get("/certificates/internal-ca.pem").await.raw.body);
    let way = Way { http: app.http(), https: app.https(), roots };

    let mut clients = tokio::task::JoinSet::new();
    for number in 0..WEB_SOCKETS {
        let mut socket = RawClient::connect(way.http).await.unwrap();
        let ask =
            "GET / HTTP/1.1\r\nhost: chat.example.com\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
        socket.send(ask).await.unwrap();
        assert_eq!(socket.read_head().await.unwrap().status(), 101);
        clients.spawn(chat(socket, number, load.clone()));
    }
    for _ in 0..DOWNLOADS {
        clients.spawn(download(RawClient::connect(way.http).await.unwrap(), load.clone()));
    }
    for _ in 0..CLIENTS {
        for (tls, fresh) in [(false, false), (false, true), (true, false), (true, true)] {
            clients.spawn(ask(way.clone(), tls, fresh, load.clone()));
        }
        clients.spawn(ask_by_http2(way.clone(), load.clone()));
    }
    eventually("all kinds of clients are served", Duration::from_secs(30), async || {
        (load.answered.load(Ordering::Relaxed) > 50).then_some(())
    })
    .await;

    let changes = changes();
    for change in (0..changes).step_by(4) {
        let domain = format!("h{change}.example.com");
        let host = hosts::add(&mut admin, &domain, &origin).await;
        // What was said to be served is served, also on a connection of its own.
        assert_eq!(hosts::get(way.http, &domain, "/").await.status, 200);
        admin.put(&hosts::path(&host), &json!({ "enabled": false })).await.expect(200);
        // The host that everybody asks changes too, and goes on.
        let header = json!([{ "action": "set", "name": "x-change", "value": change.to_string() }]);
        admin.put(&hosts::path(&steady), &json!({ "response_headers": header })).await.expect(200);
        assert_eq!(hosts::get(way.http, HOST, "/").await.header("x-change"), Some(&*change.to_string()));
        admin.delete(&hosts::path(&host)).await.expect(204);
    }
    load.end.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.expect("a client met a failure");
    }
    let answered = load.answered.load(Ordering::Relaxed);
    eprintln!(
        "{answered} requests by HTTP/1.1, TLS and HTTP/2 during {changes} changes, none failed; \
         {WEB_SOCKETS} WebSockets and {DOWNLOADS} downloads lived through all of them"
    );
}
