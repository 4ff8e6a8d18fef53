//! Signals, as a service manager sends them: SIGTERM once and twice, SIGHUP under load (acceptance G4, G11).

use crate::hosts;
use crate::load::{HOST, Load, SLOW, Way, ask};
use serde_json::json;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use testkit::{Answer, App, Origin, RawClient, eventually};
use tokio::sync::RwLock;

fn send(app: &App, signal: &str) {
    let sent =
        Command::new("kill").args([signal, &app.pid().to_string()]).status().expect("the kill command");
    assert!(sent.success());
}

/// A Charon with a host whose answers drip until the load ends, and one client within such an answer.
async fn with_a_download(load: &Load, grace: &str) -> (App, RawClient) {
    let app = App::builder().set("CHARON_STOP_GRACE", grace).start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("steady")).await;
    let slow = json!({ "forward_port": crate::load::dripping_origin(load.clone()).await.port() });
    hosts::add_with(&mut admin, SLOW, &origin, slow).await;
    let mut client = RawClient::connect(app.http()).await.unwrap();
    client.send(format!("GET / HTTP/1.1\r\nhost: {SLOW}\r\n\r\n")).await.unwrap();
    assert_eq!(client.read_head().await.unwrap().status(), 200);
    (app, client)
}

async fn refused(address: SocketAddr) {
    eventually("new connections are refused", Duration::from_secs(10), async || {
        RawClient::connect(address).await.is_err().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_first_sigterm_what_runs_is_finished_and_the_end_is_orderly() {
    let load = Load::default();
    let (mut app, mut client) = with_a_download(&load, "60").await;
    send(&app, "-TERM");
    refused(app.http()).await;
    // It goes on, and ends as it should.
    client.read_exact(3 + 16).await.expect("the download goes on");
    load.end();
    let rest = client.read_to_end().await.expect("the download ends in order");
    assert!(rest.ends_with(b"0\r\n\r\n"), "{}", rest.escape_ascii());
    assert_eq!(app.wait_for_end().await.code(), Some(0), "{}", app.output());
    let left: Vec<_> =
        std::fs::read_dir(app.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let wal = left.iter().any(|name| name.to_string_lossy().ends_with("-wal"));
    assert!(!wal, "the database was not closed in order: {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_second_sigterm_the_end_is_at_once() {
    let load = Load::default();
    let (mut app, mut client) = with_a_download(&load, "600").await;
    send(&app, "-TERM");
    refused(app.http()).await;
    client.read_exact(3 + 16).await.expect("the download goes on");
    send(&app, "-TERM");
    assert_eq!(app.wait_for_end().await.code(), Some(130), "{}", app.output());
    assert!(app.output().contains("a second signal came"), "{}", app.output());
    // Cut off, which shows: no last chunk.
    let cut = client.read_to_end().await;
    assert!(cut.is_err() || !cut.unwrap().ends_with(b"0\r\n\r\n"));
    load.end();
    app.start_again().await;
    assert_eq!(
        hosts::get(app.http(), "nobody.example.com", "/").await.status,
        404,
        "it starts as if nothing were"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn at_sighup_the_access_log_is_opened_anew_and_no_request_fails() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("steady")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let place = |address: SocketAddr| Arc::new(RwLock::new(address));
    let way = Way { http: place(app.http()), https: place(app.https()), roots: Arc::default(), quic: None };
    let load = Load::default();
    let mut clients = tokio::task::JoinSet::new();
    for fresh in [false, true] {
        clients.spawn(ask(way.clone(), false, fresh, true, load.clone()));
    }
    let log = app.data().join("logs/access.log");
    let lines = || std::fs::read_to_string(&log).unwrap_or_default().lines().count();
    for round in 0..5 {
        eventually("the log grows", Duration::from_secs(20), async || (lines() > 10).then_some(())).await;
        // As logrotate does it.
        let aside = app.data().join(format!("logs/access.log.{round}"));
        std::fs::rename(&log, &aside).unwrap();
        send(&app, "-HUP");
        eventually("the log is there again", Duration::from_secs(20), async || log.exists().then_some(()))
            .await;
    }
    load.end();
    while let Some(client) = clients.join_next().await {
        client.expect("a client met a failure");
    }
    // Every request has its line, in one file or another.
    let all = || (0..5).map(|round| app.data().join(format!("logs/access.log.{round}"))).chain([log.clone()]);
    let count = || {
        let texts = all().map(|file| std::fs::read_to_string(file).unwrap_or_default());
        texts.map(|text| text.lines().filter(|line| line.contains(HOST)).count()).sum::<usize>()
    };
    eventually("all requests are logged", Duration::from_secs(20), async || {
        (count() >= load.answered()).then_some(())
    })
    .await;
    assert_eq!(app.run(&["health"]).code, 0);
}
