//! When connections or descriptors run out, the way to the interface stays open (acceptance C4).

use crate::hosts;
use crate::load::{HOST, Load, SLOW};
use base::{Clock, SystemClock};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;
use testkit::{Answer, App, Origin, RawClient, eventually};

/// Starts Charon with so many descriptors, by way of a script as a service manager's limit does.
async fn with_descriptors(count: u32) -> (App, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("charon");
    let script = format!(
        "#!/bin/sh\nulimit -n {count} || exit 3\nexec '{}' \"$@\"\n",
        testkit::charon_binary().display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    (App::builder().program(&program).start().await, folder)
}

/// CPU time of the process so far, in ticks of a hundredth of a second.
fn cpu_ticks(app: &App) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", app.pid())).unwrap();
    // Fields 14 and 15, counted behind the name, which may hold anything.
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_limit_of_connections_the_interface_is_reached_and_the_configuration_can_be_changed() {
    let load = Load::default();
    let (app, _folder) = with_descriptors(400).await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("steady")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let slow = json!({ "forward_port": crate::load::dripping_origin(load.clone()).await.port() });
    hosts::add_with(&mut admin, SLOW, &origin, slow).await;
    // Each holds a connection to an origin too, until no more are let in.
    let mut held = Vec::new();
    let refused = loop {
        assert!(held.len() < 400, "there is no limit");
        let mut client = RawClient::connect(app.http()).await.unwrap();
        let asked = client.send(format!("GET / HTTP/1.1\r\nhost: {SLOW}\r\n\r\n")).await;
        match client.read_head().await {
            Ok(head) if head.status() == 200 => held.push(client),
            other => break (asked, other),
        }
    };
    assert!(held.len() >= 16, "refused after {}: {refused:?}", held.len());
    // A person comes, signs in and makes a change, and a probe is answered.
    for _ in 0..5 {
        let mut person = app.admin().await;
        assert_eq!(person.get("/health").await.status, 200);
        hosts::add(&mut person, "new.example.com", &origin).await;
        let all = person.get("/proxy-hosts").await.expect(200);
        let new =
            all.as_array().unwrap().iter().find(|host| host["domain_names"] == "new.example.com").unwrap();
        person.delete(&hosts::path(new)).await.expect(204);
    }
    assert_eq!(app.run(&["health"]).code, 0);
    let token = admin.post("/api-tokens", &json!({ "name": "probe", "scopes": ["read"] })).await.expect(201);
    let token = token["token"].as_str().unwrap();
    let mut probe = RawClient::connect(app.ui()).await.unwrap();
    let ask = format!("GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\r\n");
    probe.send(ask).await.unwrap();
    let metrics = probe.read_response().await.unwrap().text();
    let cut =
        metrics.lines().find(|line| line.contains("reason=\"connections\"")).unwrap_or_default().to_owned();
    assert!(!cut.is_empty() && !cut.ends_with(" 0"), "it is counted by its reason: {cut}");
    // Who is connected is served, and with room there is room for the next one.
    for client in &mut held {
        client.read_exact(3 + 16).await.expect("an answer goes on");
    }
    drop(held);
    eventually("there is room again", Duration::from_secs(20), async || {
        let mut client = RawClient::connect(app.http()).await.ok()?;
        let answer = client.get(HOST, "/").await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
    load.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_clients_have_taken_every_descriptor_a_person_still_gets_in_and_so_does_a_command() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("steady")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let open = || std::fs::read_dir(format!("/proc/{}/fd", app.pid())).unwrap().count() as u32;
    // Clients whose answers go on, until none gets in. What stays free at the end is taken by silent ones.
    let load = Load::default();
    let slow = json!({ "forward_port": crate::load::dripping_origin(load.clone()).await.port() });
    hosts::add_with(&mut admin, SLOW, &origin, slow).await;
    lower(&app, open() + 40);
    let mut held = Vec::new();
    loop {
        let mut client = RawClient::connect(app.http()).await.unwrap();
        let answered = async {
            client.send(format!("GET / HTTP/1.1\r\nhost: {SLOW}\r\n\r\n")).await.ok()?;
            client.read_head().await.ok()
        };
        let answered = tokio::time::timeout(Duration::from_secs(2), answered).await;
        held.push(client);
        if answered.is_err() {
            break;
        }
        assert!(held.len() < 100, "there is no limit");
    }
    let mut person = app.admin().await;
    assert_eq!(person.get("/health").await.status, 200);
    person.get("/proxy-hosts").await.expect(200);
    assert_eq!(app.run(&["health"]).code, 0);
    for client in held.iter_mut().take(8) {
        client.read_exact(3).await.expect("an answer goes on");
    }
    load.end();
}

/// Lowers the limit of the running process.
fn lower(app: &App, count: u32) {
    let mut command = Command::new("prlimit");
    command.arg(format!("--pid={}", app.pid())).arg(format!("--nofile={count}:"));
    assert!(command.status().expect("the prlimit command").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_descriptor_nothing_ends_and_nothing_spins_and_all_goes_on_when_there_are_some() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("steady")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let host = app.ui().to_string();
    let mut at_the_proxy = RawClient::connect(app.http()).await.unwrap();
    let mut at_the_interface = RawClient::connect(app.ui()).await.unwrap();
    assert_eq!(at_the_proxy.get(HOST, "/").await.unwrap().status, 200);
    assert_eq!(at_the_interface.get(&host, "/api/v1/health").await.unwrap().status, 200);
    // Below what is open already: not one more can be had.
    lower(&app, 8);
    let waiting = RawClient::connect(app.http()).await.unwrap();
    let (before, began) = (cpu_ticks(&app), SystemClock.monotonic());
    for _ in 0..20 {
        assert_eq!(at_the_proxy.get(HOST, "/").await.unwrap().status, 200, "who is connected is served");
        assert_eq!(at_the_interface.get(&host, "/api/v1/health").await.unwrap().status, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let share = (cpu_ticks(&app) - before) as f64 / 100.0 / (SystemClock.monotonic() - began).as_secs_f64();
    assert!(share < 0.5, "it spins: {share} of a core");
    lower(&app, 1024);
    eventually("new connections are served", Duration::from_secs(30), async || {
        let mut client = RawClient::connect(app.http()).await.ok()?;
        (client.get(HOST, "/").await.ok()?.status == 200).then_some(())
    })
    .await;
    drop(waiting);
    assert_eq!(app.admin().await.get("/system/info").await.status, 200);
    assert!(!app.output().contains("panicked"), "{}", app.output());
}
