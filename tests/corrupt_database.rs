//! A damaged database: the proxy goes on with the last good configuration, and the UI says what is wrong.

use crate::crowdsec::{LIMIT, request};
use crate::hosts;
use testkit::{Answer, App, Origin, eventually};

async fn check(name: &str, damage: impl Fn(&mut Vec<u8>)) {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("still here")).await;
    hosts::add(&mut admin, "app.example.com", &origin).await;
    admin.put("/settings", &serde_json::json!({ "trusted_proxies": ["127.0.0.0/8"] })).await.expect(200);
    admin.post("/security/bans", &serde_json::json!({ "value": "203.0.113.0/24" })).await.expect(201);
    let kept = app.data().join("crowdsec/enforced.json");
    eventually("the ban is written down", LIMIT, async || kept.exists().then_some(())).await;
    app.stop().await;
    let database = app.data().join("charon.db");
    let mut bytes = std::fs::read(&database).unwrap();
    damage(&mut bytes);
    std::fs::write(&database, &bytes).unwrap();
    for beside in ["charon.db-wal", "charon.db-shm"] {
        _ = std::fs::remove_file(app.data().join(beside));
    }

    app.start_again().await;
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.text(), "still here", "{name}");
    assert_eq!(request(&app, "203.0.113.7", "/", "").await.status, 403, "{name}: who was banned stays so");
    let health = app.anonymous().get("/health").await;
    assert_eq!(health.status, 503, "{name}: {}", health.json);
    assert_eq!(health.json["status"], "failing", "{name}");
    let problems = health.json["problems"].as_array().unwrap();
    for code in ["database-corrupt", "serving-last-good-configuration"] {
        let problem = problems.iter().find(|problem| problem["code"] == code);
        let problem = problem.unwrap_or_else(|| panic!("{name}: no problem {code} in {problems:?}"));
        assert!(!problem["remedy"].as_str().unwrap().is_empty(), "{name}: {problem}");
    }
    app.stop().await;
    assert_eq!(std::fs::read(&database).unwrap(), bytes, "{name}: the damaged file was touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_garbage_leaves_the_last_good_configuration_serving() {
    check("garbage", |bytes| bytes.fill(0x5a)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_database_leaves_the_last_good_configuration_serving() {
    check("truncated", |bytes| bytes.truncate(bytes.len() / 3)).await;
}
