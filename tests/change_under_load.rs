//! Changes of the configuration while requests flow: none fails, and no connection is closed (acceptance G1).
//!
//! `CHARON_CHANGES` sets the number of changes (100); the figures of a release come from 1,000 (docs/qa/load.md).

use crate::hosts;
use crate::load::{CHAT, GRPC, HOST, Kind, Load, SLOW, Way, ask, ask_by_http2, call, chat, download};
use crate::load::{dripping_origin, echo_by_http2};
use base::{Clock, SystemClock};
use certs::InternalCa;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use testkit::{Answer, Api, App, Origin, eventually};
use tokio::sync::RwLock;

/// Kept connections of each kind (plain, TLS, HTTP/2) that ask all the time, and clients that open a new one each time.
const CLIENTS: usize = 2;
const WEB_SOCKETS: usize = 200;
const DOWNLOADS: usize = 50;
const EVENT_STREAMS: usize = 20;
const CALLS: usize = 4;

#[expect(clippy::disallowed_methods, reason = "the number of changes is a setting of this test")]
fn changes() -> usize {
    std::env::var("CHARON_CHANGES").ok().and_then(|changes| changes.parse().ok()).unwrap_or(100)
}

/// One of three: most connections are plain, as they are the most.
pub(crate) fn kind(number: usize) -> Kind {
    match number % 4 {
        0 => Kind::Http2,
        1 => Kind::Tls,
        _ => Kind::Plain,
    }
}

/// What is changed, by one who changes one thing after the other.
pub(crate) struct Changer {
    pub(crate) admin: Api,
    pub(crate) way: Way,
    origin: Origin,
    steady: Value,
    ca: InternalCa,
    certificate: String,
    added: Option<(String, Value)>,
    /// Ports that were tried, so that each move goes elsewhere.
    port: u16,
    moves: usize,
}

impl Changer {
    /// The change of this number. What was said to be so is so when the answer comes, also on a new connection.
    pub(crate) async fn change(&mut self, number: usize) {
        match number % 8 {
            0 => {
                let domain = format!("h{number}.example.com");
                let host = hosts::add(&mut self.admin, &domain, &self.origin).await;
                assert_eq!(self.get(&domain).await.0, 200);
                self.added = Some((domain, host));
            }
            1 => {
                let (domain, host) = self.added.take().expect("a host");
                self.admin.put(&hosts::path(&host), &json!({ "enabled": false })).await.expect(200);
                assert_eq!(self.get(&domain).await.0, 404);
                self.added = Some((domain, host));
            }
            // The host that everybody asks changes too, and goes on.
            2 => {
                let header = json!([{ "action": "set", "name": "x-change", "value": number.to_string() }]);
                self.steady(json!({ "response_headers": header })).await;
                assert_eq!(self.get(HOST).await.1, Some(number.to_string()));
            }
            3 => {
                let (domain, host) = self.added.take().expect("a host");
                self.admin.delete(&hosts::path(&host)).await.expect(204);
                assert_eq!(self.get(&domain).await.0, 404);
            }
            4 => {
                let (chain, key) = issue(&self.ca);
                let path = format!("/certificates/{}", self.certificate);
                self.admin.put(&path, &json!({ "certificate": chain, "private_key": key })).await.expect(200);
                let client = self.way.connect(true).await;
                assert!(client.is_shown(&chain), "the certificate that was set is not shown");
            }
            5 => {
                let location = json!({
                    "path": format!("/l{number}"), "forward_scheme": "http", "forward_host": "127.0.0.1",
                    "forward_port": self.origin.port(),
                });
                self.steady(json!({ "locations": [location] })).await;
            }
            6 => self.move_port(false).await,
            _ => self.move_port(true).await,
        }
    }

    async fn steady(&mut self, change: Value) {
        self.admin.put(&hosts::path(&self.steady), &change).await.expect(200);
    }

    /// Status, and the header that tells the change.
    async fn get(&self, domain: &str) -> (u16, Option<String>) {
        let mut client = self.way.connect(false).await;
        let answer = client.get(domain, "/").await.expect("an answer");
        (answer.status, answer.header("x-change").map(str::to_owned))
    }

    /// Listens on another port. Whoever connects waits meanwhile; whoever is connected goes on.
    async fn move_port(&mut self, tls: bool) {
        let place = if tls { self.way.https.clone() } else { self.way.http.clone() };
        let mut place = place.write().await;
        let before = *place;
        loop {
            // Below those that outgoing connections take.
            self.port = if self.port > 30_000 { 20_000 } else { self.port + 1 };
            let name = if tls { "proxy.https_port" } else { "proxy.http_port" };
            if std::net::TcpListener::bind((before.ip(), self.port)).is_err() {
                continue;
            }
            let changed = self.admin.put("/settings", &json!({ name: self.port })).await;
            // Somebody else on this machine may have been quicker.
            if changed.status == 200 {
                break;
            }
        }
        let after = SocketAddr::new(before.ip(), self.port);
        eventually(
            "the new port is listened on and the old one is not",
            Duration::from_secs(30),
            async || {
                let old = std::net::TcpStream::connect(before).is_err();
                (old && std::net::TcpStream::connect(after).is_ok()).then_some(())
            },
        )
        .await;
        *place = after;
        self.moves += 1;
    }
}

/// A certificate for the steady host.
fn issue(ca: &InternalCa) -> (String, String) {
    let leaf = ca.issue(&["*.example.com".to_owned()], SystemClock.now()).unwrap();
    (leaf.chain_pem.clone(), leaf.key_pem.expose().clone())
}

/// A Charon with a host for each kind of client, and who changes it.
pub(crate) async fn start(load: &Load) -> (App, Changer, Vec<Origin>) {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let (origin, sockets) =
        (Origin::start(Answer::text("steady")).await, Origin::start(Answer::WebSocketEcho).await);
    let root = InternalCa::create(SystemClock.now()).unwrap();
    let ca = InternalCa::from_pem(&root.chain_pem, &root.key_pem).unwrap();
    let (chain, key) = issue(&ca);
    let body = json!({ "name": "Steady", "certificate": chain, "private_key": key });
    let certificate =
        admin.post("/certificates", &body).await.expect(201)["uuid"].as_str().unwrap().to_owned();
    let with = |more: Value| {
        let mut all = json!({ "certificate_uuid": certificate });
        for (name, value) in more.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        all
    };
    let steady = hosts::add_with(&mut admin, HOST, &origin, with(json!({}))).await;
    hosts::add_with(&mut admin, CHAT, &sockets, with(json!({}))).await;
    let slow = json!({ "forward_port": dripping_origin(load.clone()).await.port() });
    hosts::add_with(&mut admin, SLOW, &origin, with(slow)).await;
    let grpc = json!({ "forward_port": echo_by_http2().await.port(), "upstream": { "protocol": "http2" } });
    hosts::add_with(&mut admin, GRPC, &origin, with(grpc)).await;
    let place = |address: SocketAddr| Arc::new(RwLock::new(address));
    let roots = Arc::new(root.chain_pem.into_bytes());
    let way = Way { http: place(app.http()), https: place(app.https()), roots, quic: None };
    let port = 20_000 + u16::try_from(app.pid() % 10_000).unwrap();
    let other = Origin::start(Answer::text("steady")).await;
    let changer = Changer { admin, way, origin: other, steady, ca, certificate, added: None, port, moves: 0 };
    (app, changer, vec![origin, sockets])
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_configuration_fail_no_request_and_close_no_connection() {
    let load = Load::default();
    let (_app, mut changer, _origins) = start(&load).await;
    let way = changer.way.clone();
    let mut clients = tokio::task::JoinSet::new();
    for number in 0..WEB_SOCKETS {
        clients.spawn(chat(way.clone(), kind(number), number, load.clone()));
    }
    for number in 0..DOWNLOADS {
        clients.spawn(download(way.clone(), kind(number), false, load.clone()));
    }
    for number in 0..EVENT_STREAMS {
        clients.spawn(download(way.clone(), kind(number), true, load.clone()));
    }
    for _ in 0..CALLS {
        clients.spawn(call(way.clone(), load.clone()));
    }
    for _ in 0..CLIENTS {
        for (tls, fresh) in [(false, false), (false, true), (true, false), (true, true)] {
            let (way, load) = (way.clone(), load.clone());
            clients.spawn(async move { _ = ask(way, tls, fresh, true, load).await });
        }
        let (way, load) = (way.clone(), load.clone());
        clients.spawn(async move { _ = ask_by_http2(way, true, load).await });
    }
    eventually("all kinds of clients are served", Duration::from_secs(30), async || {
        (load.answered() > 50).then_some(())
    })
    .await;

    let (changes, began, before) = (changes(), SystemClock.monotonic(), load.answered());
    for number in 0..changes {
        changer.change(number).await;
        // A client that has failed ends the test at once.
        while let Some(client) = clients.try_join_next() {
            client.expect("a client met a failure");
        }
    }
    let (took, answered) = (SystemClock.monotonic() - began, load.answered() - before);
    load.end();
    while let Some(client) = clients.join_next().await {
        client.expect("a client met a failure");
    }
    eprintln!(
        "{answered} requests by HTTP/1.1, TLS and HTTP/2 on new and on kept connections during {changes} changes in \
         {took:.0?}, {} of them moves of a listener: none failed; {WEB_SOCKETS} WebSockets, {DOWNLOADS} downloads, \
         {EVENT_STREAMS} event streams and {CALLS} calls of gRPC lived through all of them",
        changer.moves
    );
}
