//! Everything at once for a while: all kinds of clients, some of which leave in the middle, origins that fail, and
//! changes of the configuration. At the end nothing has failed that should not, and nothing is left (acceptance G10).
//!
//! `CHARON_SOAK` sets how many seconds (6); the figures of a release come from 1,800 (docs/qa/load.md).

use crate::change_under_load::{kind, start};
use crate::hosts;
use crate::load::{HOST, Load, SLOW, Way, ask, ask_by_http2, call, chat, download};
use base::{Clock, SystemClock};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::{Answer, App, Origin, RawClient, eventually};
use tokio::task::JoinSet;

const UPLOAD: &str = "upload.example.com";
const BROKEN: &str = "broken.example.com";
const DOWN: &str = "down.example.com";
/// Between two changes.
const CHANGE: Duration = Duration::from_secs(10);
/// Memory may grow so much over a run, in KiB, once the first third is over: noise of the allocator.
const GROWTH: f64 = 6.0 * 1024.0;

#[expect(clippy::disallowed_methods, reason = "how long it lasts is a setting of this test")]
fn duration() -> Duration {
    Duration::from_secs(std::env::var("CHARON_SOAK").ok().and_then(|text| text.parse().ok()).unwrap_or(6))
}

/// What the process has.
#[derive(Clone, Copy, Debug)]
struct Sample {
    pss_kib: u64,
    descriptors: usize,
    threads: usize,
}

fn sample(app: &App) -> Sample {
    let proc = format!("/proc/{}", app.pid());
    let rollup = std::fs::read_to_string(format!("{proc}/smaps_rollup")).unwrap();
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
    let count = |what: &str| std::fs::read_dir(format!("{proc}/{what}")).unwrap().count();
    Sample {
        pss_kib: pss.trim().trim_end_matches(" kB").parse().unwrap(),
        descriptors: count("fd"),
        threads: count("task"),
    }
}

/// Growth over the samples by the line of least squares.
fn growth(samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = (count - 1.0) / 2.0;
    let average = samples.iter().map(|sample| sample.pss_kib as f64).sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for (at, sample) in samples.iter().enumerate() {
        let distance = at as f64 - mean;
        above += distance * (sample.pss_kib as f64 - average);
        below += distance * distance;
    }
    if below == 0.0 { 0.0 } else { above / below * (count - 1.0) }
}

/// Bodies of all sizes, and back.
async fn upload(way: Way, tls: bool, load: Load) {
    let mut size = 1;
    while load.goes_on() {
        let mut client = way.connect_for(UPLOAD, tls.then_some("http/1.1")).await;
        for chunked in [false, true] {
            let body = vec![b'x'; size];
            let head = if chunked {
                "transfer-encoding: chunked".to_owned()
            } else {
                format!("content-length: {size}")
            };
            client
                .send(format!("POST / HTTP/1.1\r\nhost: {UPLOAD}\r\n{head}\r\n\r\n"))
                .await
                .expect("an upload");
            if chunked {
                client.send(format!("{size:x}\r\n")).await.expect("an upload");
            }
            client.send(&body).await.expect("an upload");
            if chunked {
                client.send("\r\n0\r\n\r\n").await.expect("an upload");
            }
            let answer = client.read_response().await.expect("an answer to an upload");
            assert!(
                answer.status == 200 && answer.body == body,
                "{}: {} bytes",
                answer.status,
                answer.body.len()
            );
            load.count().await;
        }
        size = if size > 300_000 { 1 } else { size * 3 };
    }
}

/// Leaves in the middle of everything.
async fn leave(way: Way, load: Load) {
    let parts = [
        (HOST, "GET / HT".to_owned()),
        (HOST, format!("GET / HTTP/1.1\r\nhost: {HOST}\r\n\r\n")),
        (UPLOAD, format!("POST / HTTP/1.1\r\nhost: {UPLOAD}\r\ncontent-length: 100000\r\n\r\nhello")),
        (UPLOAD, format!("POST / HTTP/1.1\r\nhost: {UPLOAD}\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhel")),
        (SLOW, format!("GET / HTTP/1.1\r\nhost: {SLOW}\r\n\r\n")),
        (HOST, "\x16\x03\x01 nonsense\r\n\r\n".to_owned()),
    ];
    for round in 0.. {
        if !load.goes_on() {
            return;
        }
        let (host, part) = &parts[round % parts.len()];
        let mut client = way.connect_for(host, (round % 2 == 0).then_some("http/1.1")).await;
        // It may be refused already, which is as well.
        _ = client.send(part).await;
        if *host == SLOW {
            _ = client.read_head().await;
        }
        drop(client);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Asks origins that fail; how each answer ended is counted.
async fn fail(way: Way, load: Load, seen: Arc<Mutex<BTreeMap<String, usize>>>) {
    for round in 0.. {
        if !load.goes_on() {
            return;
        }
        let host = [BROKEN, DOWN][round % 2];
        let mut client = way.connect_for(host, None).await;
        let end = match client.get(host, "/").await {
            Ok(answer) => answer.status.to_string(),
            Err(_) => "broken off".to_owned(),
        };
        *seen.lock().unwrap().entry(format!("{host} {end}")).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// WebSockets that come and go.
async fn visit(way: Way, load: Load) {
    for number in 0.. {
        if !load.goes_on() {
            return;
        }
        let short = Load::default();
        let mut talk = JoinSet::new();
        talk.spawn(chat(way.clone(), kind(number), number % 1000, short.clone()));
        tokio::time::sleep(Duration::from_millis(300)).await;
        short.end();
        while let Some(ended) = talk.join_next().await {
            ended.expect("a WebSocket met a failure");
        }
    }
}

/// The value of a metric without labels.
async fn metric(app: &App, token: &str, name: &str) -> u64 {
    let mut client = RawClient::connect(app.ui()).await.unwrap();
    let ask = format!("GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    client.send(ask).await.unwrap();
    let page = client.read_response().await.unwrap().text();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name}: {page}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn after_everything_at_once_for_a_while_nothing_has_failed_and_nothing_is_left() {
    let load = Load::paced(Duration::from_millis(10));
    let (app, mut changer, origins) = start(&load).await;
    let (way, mut admin) = (changer.way.clone(), changer.admin.clone());
    let echo = Origin::start(Answer::Echo).await;
    let broken = Origin::start(Answer::CloseMidBody(100_000)).await;
    let certificate = json!({ "certificate_uuid": null });
    hosts::add_with(&mut admin, UPLOAD, &echo, certificate.clone()).await;
    hosts::add_with(&mut admin, BROKEN, &broken, certificate.clone()).await;
    // Held and not listened on, so that nobody else takes it.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gone = json!({ "forward_port": held.local_addr().unwrap().port() });
    hosts::add_with(&mut admin, DOWN, &echo, gone).await;
    // The internal authority has issued for these.
    let internal = app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
    let roots = Arc::new([way.roots.as_slice(), &internal].concat());
    let way = Way { roots, ..way };

    let token = admin.post("/api-tokens", &json!({ "name": "probe", "scopes": ["read"] })).await.expect(201);
    let token = token["token"].as_str().unwrap().to_owned();

    let seen: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let mut clients = JoinSet::new();
    for (tls, fresh) in [(false, false), (false, true), (true, false), (true, true)] {
        let (way, load) = (way.clone(), load.clone());
        clients.spawn(async move { _ = ask(way, tls, fresh, true, load).await });
    }
    let (by_http2, load2) = (way.clone(), load.clone());
    clients.spawn(async move { _ = ask_by_http2(by_http2, true, load2).await });
    for number in 0..20 {
        clients.spawn(chat(way.clone(), kind(number), number, load.clone()));
    }
    for number in 0..8 {
        clients.spawn(download(way.clone(), kind(number), number % 2 == 0, load.clone()));
    }
    clients.spawn(call(way.clone(), load.clone()));
    for tls in [false, true] {
        clients.spawn(upload(way.clone(), tls, load.clone()));
    }
    clients.spawn(leave(way.clone(), load.clone()));
    clients.spawn(fail(way.clone(), load.clone(), seen.clone()));
    clients.spawn(visit(way.clone(), load.clone()));

    let (began, limit) = (SystemClock.monotonic(), duration());
    let (mut samples, mut changes) = (Vec::new(), 0);
    let (mut next_change, mut next_sample) = (began, began);
    while SystemClock.monotonic() - began < limit {
        let now = SystemClock.monotonic();
        if now >= next_change {
            changer.change(changes).await;
            changes += 1;
            next_change = now + CHANGE.min(limit / 10);
        }
        if now >= next_sample {
            samples.push(sample(&app));
            for origin in [&origins[0], &origins[1], &echo, &broken] {
                origin.forget();
            }
            next_sample = now + Duration::from_secs(5).min(limit / 10);
        }
        while let Some(client) = clients.try_join_next() {
            client.expect("a client met a failure");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    load.end();
    while let Some(client) = clients.join_next().await {
        client.expect("a client met a failure");
    }
    let answered = load.answered();
    // The broken ones failed as they should: nobody took a cut answer for a whole one.
    let seen = seen.lock().unwrap().clone();
    let right = |end: &str| end == "broken.example.com broken off" || end == "down.example.com 502";
    assert!(seen.len() == 2 && seen.keys().all(|end| right(end)), "{seen:?}");
    eventually("no client's connection is left", Duration::from_secs(60), async || {
        (metric(&app, &token, "charon_connections").await == 0).then_some(())
    })
    .await;
    assert_eq!(metric(&app, &token, "charon_requests_in_flight").await, 0);
    let health = admin.get("/health").await.json["status"].clone();
    let (first, last) = (samples[0], sample(&app));
    // Kept connections to origins may still be there; of a leak there would be thousands.
    let left = last.descriptors as i64 - 64;
    eprintln!(
        "{answered} requests in {limit:?} with {changes} changes; failing origins: {seen:?}; first {first:?}, last \
         {last:?}, most {} KiB, growth after the first third {:.0} KiB; health: {health}",
        samples.iter().map(|sample| sample.pss_kib).max().unwrap_or_default(),
        growth(&samples[samples.len() / 3..]),
    );
    assert!(left <= 64, "descriptors: {first:?}, {last:?}");
    assert!(last.threads <= first.threads + 4, "threads: {first:?}, {last:?}");
    if limit >= Duration::from_secs(300) {
        let grown = growth(&samples[samples.len() / 3..]);
        assert!(grown <= GROWTH, "memory grows: {grown} KiB, {samples:?}");
    }
    assert!(!app.output().contains("panicked"), "{}", app.output());
    let mut client = RawClient::connect(*way.http.read().await).await.unwrap();
    assert_eq!(client.get(HOST, "/").await.unwrap().status, 200);
}
