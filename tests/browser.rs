//! The UI in a real Chromium.

use crate::upgrade::lay;
use serde_json::json;
use std::time::Duration;
use testkit::{ADMIN, Answer, App, Origin, PASSWORD, RawClient, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sets_up_adds_a_host_sees_its_traffic_and_disables_it() {
    let app = App::start().await;
    let origin = Origin::start(Answer::text("hello from the origin")).await;
    let settings = [
        ("UI", format!("http://{}", app.ui())),
        ("PROXY", format!("http://{}", app.http())),
        ("TOKEN", app.set_up_token()),
        ("EMAIL", ADMIN.to_owned()),
        ("PASSWORD", PASSWORD.to_owned()),
        ("ORIGIN_HOST", "127.0.0.1".to_owned()),
        ("ORIGIN_PORT", origin.port().to_string()),
    ];
    tokio::task::spawn_blocking(move || testkit::walk("first_day", &settings)).await.unwrap();
    assert_eq!(origin.requests(), 1, "the origin was asked by somebody else too, or not at all");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_is_done_without_a_mouse() {
    let app = App::start().await;
    app.admin().await;
    let origin = Origin::start(Answer::text("hello")).await;
    let settings = [
        ("UI", format!("http://{}", app.ui())),
        ("EMAIL", ADMIN.to_owned()),
        ("PASSWORD", PASSWORD.to_owned()),
        ("ORIGIN_HOST", "127.0.0.1".to_owned()),
        ("ORIGIN_PORT", origin.port().to_string()),
    ];
    tokio::task::spawn_blocking(move || testkit::walk("keyboard_only", &settings)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_feature_of_a_host_is_set_acts_and_is_found_again_in_the_form() {
    let app = App::start().await;
    app.admin().await;
    let settings = [
        ("UI", format!("http://{}", app.ui())),
        ("PROXY", format!("http://{}", app.http())),
        ("EMAIL", ADMIN.to_owned()),
        ("PASSWORD", PASSWORD.to_owned()),
    ];
    tokio::task::spawn_blocking(move || testkit::walk("host_features", &settings)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_accessible_and_whole_in_dark_in_light_and_on_a_phone() {
    let new = App::start().await;
    let ui = format!("http://{}", new.ui());
    tokio::task::spawn_blocking(move || testkit::walk("every_page", &[("UI", ui)])).await.unwrap();

    // A database of the original has something for every page: hosts (two of them left out), certificates,
    // users, an audit, and the report of its takeover.
    let app = App::builder();
    lay("full-2025-12-05", &app.data());
    let app = app.start().await;
    let (email, password) = ("admin@example.com", "Correct-Horse-9");
    let mut admin = app.anonymous();
    admin.post("/auth/login", &json!({ "email": email, "password": password })).await.expect(200);
    // A second revision, a backup, and requests for the log.
    admin.put("/settings", &json!({ "default_site.action": "close" })).await.expect(200);
    admin.put("/settings", &json!({ "default_site.action": "not_found" })).await.expect(200);
    admin.post("/system/backups", &json!({})).await.expect(201);
    let dns = json!({ "name": "at home", "kind": "webhook", "zones": ["example.com"],
        "fields": [{ "name": "endpoint", "value": "http://192.0.2.1/" }] });
    admin.post("/dns-credentials", &dns).await.expect(201);
    // A certificate that nobody will issue, so that there is something to be said of it.
    let authority =
        json!({ "terms_agreed": true, "first": { "directory": "https://127.0.0.1:9/directory" } });
    admin.put("/acme", &authority).await.expect(200);
    let origin = Origin::start(Answer::text("inside")).await;
    let automatic = json!({ "automatic_certificate": true });
    crate::hosts::add_with(&mut admin, "rehearsed.home.lan", &origin, automatic).await;
    eventually("it is rehearsed", Duration::from_secs(60), async || {
        let checks = admin.get("/acme/checks").await.expect(200);
        (!checks.as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    let ban = json!({ "value": "198.51.100.0/24", "reason": "too curious", "hours": 24 });
    admin.post("/security/bans", &ban).await.expect(201);
    for host in ["shop.example.com", "nobody.example.com"] {
        let mut visitor = RawClient::connect(app.http()).await.unwrap();
        visitor.get(host, "/a/path?with=query").await.unwrap();
    }
    let settings = [
        ("UI", format!("http://{}", app.ui())),
        ("EMAIL", email.to_owned()),
        ("PASSWORD", password.to_owned()),
        ("VIEWER", "viewer@example.com".to_owned()),
        ("VIEWER_PASSWORD", "Viewer-Pass-7".to_owned()),
    ];
    tokio::task::spawn_blocking(move || testkit::walk("every_page", &settings)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_log_of_security_never_calls_a_dead_server_live_and_recovers_with_it() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut app = App::builder().set("CHARON_HTTP_PORT", free.to_string()).start().await;
    app.admin().await;
    let gone = app.data().join("gone");
    let settings = [
        ("UI", format!("http://{}", app.ui())),
        ("EMAIL", ADMIN.to_owned()),
        ("PASSWORD", PASSWORD.to_owned()),
        ("PID", app.pid().to_string()),
        ("GONE", gone.display().to_string()),
    ];
    let walk = tokio::task::spawn_blocking(move || testkit::walk("security_live", &settings));
    eventually("the page says that the server is gone", Duration::from_secs(120), async || {
        (gone.exists() || walk.is_finished()).then_some(())
    })
    .await;
    if gone.exists() {
        app.wait_for_end().await;
        app.start_again().await;
    }
    walk.await.unwrap();
}
