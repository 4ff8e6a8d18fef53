//! The real executable on PostgreSQL: the same product, on another store.

use crate::hosts;
use serde_json::json;
use std::time::Duration;
use testkit::postgres::Postgres;
use testkit::{Answer, App, Origin};

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_a_person_does_the_main_job_and_a_restart_finds_everything() {
    let Some(server) = Postgres::start().unwrap() else { return };
    let mut app = App::builder().set("CHARON_DATABASE_URL", server.database().unwrap()).start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("from the origin")).await;
    let host = hosts::add(&mut admin, "app.example.com", &origin).await;
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.text(), "from the origin");
    assert!(!app.data().join("charon.db").exists(), "there is an SQLite file beside PostgreSQL");

    admin.put(&hosts::path(&host), &json!({ "enabled": false })).await.expect(200);
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.status, 404);
    admin.put(&hosts::path(&host), &json!({ "enabled": true })).await.expect(200);
    let token = admin.post("/api-tokens", &json!({ "name": "ci", "scopes": ["read"] })).await.expect(201);
    let health = admin.get("/health").await.expect(200);
    assert_eq!((&health["database"], &health["status"]), (&json!("ok"), &json!("ok")), "{health}");
    let run = app.run(&["hosts", "list", "--json"]);
    assert!(run.code == 0 && run.stdout.contains("app.example.com"), "{}{}", run.stdout, run.stderr);

    app.kill();
    app.start_again().await;
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.text(), "from the origin");
    let mut api = app.anonymous().with_token(token["token"].as_str().unwrap());
    assert_eq!(api.get("/proxy-hosts").await.expect(200).as_array().unwrap().len(), 1);
    let revisions = admin.at(app.ui()).get("/revisions").await.expect(200);
    assert!(revisions.as_array().unwrap().len() >= 3, "{revisions}");

    // Commands without a running Charon open the same database.
    app.stop().await;
    let run = app.run(&["hosts", "list", "--json"]);
    assert!(run.code == 0 && run.stdout.contains("app.example.com"), "{}{}", run.stdout, run.stderr);
    assert_eq!(app.run(&["migrate"]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_goes_away_leaves_traffic_flowing_and_is_found_again() {
    let Some(server) = Postgres::start().unwrap() else { return };
    let mut app = App::builder().set("CHARON_DATABASE_URL", server.database().unwrap()).start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("still here")).await;
    hosts::add(&mut admin, "app.example.com", &origin).await;

    server.stop().unwrap();
    let health = testkit::eventually("health fails", Duration::from_secs(30), async || {
        let reply = app.anonymous().get("/health").await;
        (reply.status == 503).then_some(reply.json)
    })
    .await;
    assert_eq!(health["status"], "failing", "{health}");
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.text(), "still here");
    let another = json!({
        "domain_names": "b.example.com", "forward_scheme": "http", "forward_host": "127.0.0.1", "forward_port": 9,
    });
    let refused = admin.post("/proxy-hosts", &another).await;
    assert_eq!(refused.status, 503, "{}", refused.json);

    // A start meanwhile serves the last good configuration.
    app.stop().await;
    app.start_again().await;
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.text(), "still here");
    let reply = app.anonymous().get("/health").await;
    assert_eq!(reply.status, 503, "{}", reply.json);
    app.stop().await;

    server.start_again().unwrap();
    app.start_again().await;
    let mut admin = app.admin().await;
    assert_eq!(admin.get("/health").await.expect(200)["database"], "ok");
    assert_eq!(admin.get("/proxy-hosts").await.expect(200).as_array().unwrap().len(), 1);
}
