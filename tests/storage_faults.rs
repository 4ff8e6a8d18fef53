//! What happens to the storage of a running Charon: traffic goes on, nothing is acknowledged that is not kept,
//! and health says what is wrong until it is mended.

use crate::{hosts, sqlite};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Answer, Api, App, Disk, Origin};

fn problem<'a>(health: &'a Value, code: &str) -> Option<&'a Value> {
    health["problems"].as_array().unwrap().iter().find(|problem| problem["code"] == code)
}

/// Waits until health names this problem, and gives the whole answer.
async fn told(api: &mut Api, code: &str) -> Value {
    testkit::eventually(&format!("health names {code}"), Duration::from_secs(30), async || {
        let health = api.get("/health").await.json;
        problem(&health, code).is_some().then_some(health)
    })
    .await
}

/// Waits until health is well again.
async fn well(api: &mut Api) {
    testkit::eventually("health is well again", Duration::from_secs(30), async || {
        let reply = api.get("/health").await;
        (reply.status == 200 && reply.json["database"] == "ok").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_changes_with_a_reason_and_recovers_when_freed() {
    let Some(disk) = Disk::mount("64m") else { return };
    let mut app = App::builder().set("CHARON_DATA_DIR", disk.path().display().to_string()).start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("still here")).await;
    let first = hosts::add(&mut admin, "first.example.com", &origin).await;

    disk.fill();
    let mut acknowledged = vec![first];
    let mut refused = None;
    for number in 0..200 {
        let domain = format!("n{number}.example.com");
        let host = json!({
            "domain_names": domain, "name": "x".repeat(100), "forward_scheme": "http",
            "forward_host": "127.0.0.1", "forward_port": origin.port(),
        });
        let reply = admin.post("/proxy-hosts", &host).await;
        if reply.status == 201 {
            acknowledged.push(reply.json);
        } else {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a full disk took 200 hosts");
    assert!([503, 507].contains(&refused.status), "{}: {}", refused.status, refused.json);
    assert_eq!(refused.json["code"], "disk-full", "{}", refused.json);
    assert_eq!(hosts::get(app.http(), "first.example.com", "/").await.text(), "still here");
    let health = told(&mut admin, "disk-full").await;
    assert!(!problem(&health, "disk-full").unwrap()["remedy"].as_str().unwrap().is_empty(), "{health}");

    disk.free();
    well(&mut admin).await;
    acknowledged.push(hosts::add(&mut admin, "after.example.com", &origin).await);
    app.stop().await;
    app.start_again().await;
    admin = admin.at(app.ui());
    let listed = admin.get("/proxy-hosts").await.expect(200);
    let listed: Vec<&str> =
        listed.as_array().unwrap().iter().map(|host| host["uuid"].as_str().unwrap()).collect();
    for host in &acknowledged {
        assert!(listed.contains(&host["uuid"].as_str().unwrap()), "an acknowledged host is lost: {host}");
    }
    assert_eq!(listed.len(), acknowledged.len(), "a refused host is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_becomes_read_only_serves_on_and_refuses_changes_with_a_reason() {
    let Some(disk) = Disk::mount("64m") else { return };
    let mut app = App::builder().set("CHARON_DATA_DIR", disk.path().display().to_string()).start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("still here")).await;
    hosts::add(&mut admin, "app.example.com", &origin).await;
    app.stop().await;

    disk.remount("ro");
    // `run.json` cannot be written, so the ports are fixed and found by asking.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    app.set("CHARON_HTTP_PORT", port.port().to_string());
    app.set("CHARON_PROXY_HTTP_PORT", proxy.port().to_string());
    app.spawn_again();
    let mut api = Api::new(port);
    let health = testkit::eventually("Charon answers", Duration::from_secs(30), async || {
        Some(api.send("GET", "/health", None).await.ok()?.json)
    })
    .await;
    assert_eq!(health["status"], "failing", "{health}");
    assert!(
        problem(&health, "database-read-only").or(problem(&health, "database-unavailable")).is_some(),
        "{health}"
    );
    assert!(problem(&health, "database-repaired").is_none(), "{health}");
    assert_eq!(hosts::get(proxy, "app.example.com", "/").await.text(), "still here");
    let reply =
        api.post("/auth/login", &json!({ "email": testkit::ADMIN, "password": testkit::PASSWORD })).await;
    assert_eq!(reply.status, 503, "{}", reply.json);
    app.stop().await;

    disk.remount("rw");
    app.start_again().await;
    let mut admin = app.admin().await;
    well(&mut admin).await;
    hosts::add(&mut admin, "more.example.com", &origin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_dropped_while_running_is_named_and_put_back_at_the_next_start() {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("still here")).await;
    hosts::add(&mut admin, "app.example.com", &origin).await;
    sqlite::run(&app.data().join("charon.db"), &["DROP TABLE security_configs"]);

    let health = testkit::eventually("health names the table", Duration::from_secs(30), async || {
        let health = app.anonymous().get("/health").await.json;
        (health["migrations"]["security_configs"] == false).then_some(health)
    })
    .await;
    assert_eq!(health["status"], "failing", "{health}");
    let admins = admin.get("/health").await;
    assert_eq!(admins.status, 503);
    let named = admins.json["problems"].as_array().unwrap().iter().find(|problem| {
        problem["message"].as_str().unwrap().contains("security_configs")
            && !problem["remedy"].as_str().unwrap().is_empty()
    });
    assert!(named.is_some(), "no problem names the table: {}", admins.json);
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.text(), "still here");

    app.stop().await;
    app.start_again().await;
    let mut admin = app.admin().await;
    let health = admin.get("/health").await.json;
    assert_eq!(health["migrations"]["security_configs"], true, "{health}");
    assert!(problem(&health, "database-repaired").is_some(), "the repair is not told: {health}");
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.text(), "still here");
}
