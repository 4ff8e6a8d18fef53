//! Decisions and alerts of Debian's CrowdSec as a person meets them: found, explained, ended, exported, escalated.

use crate::crowdsec_scenarios::{ask, until};
use crate::hosts;
use base::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Answer, Api, App, Origin, RawClient, eventually};

/// As long as a busy machine may take.
const LIMIT: Duration = Duration::from_secs(90);
const ATTACKER: &str = "203.0.113.21";

async fn attack(wire: &mut RawClient, targets: &[&str]) {
    for target in targets {
        ask(wire, ATTACKER, "GET", "a.example.com", target, "user-agent: a \"quote\"\r\n").await;
    }
}

async fn ban(admin: &mut Api, query: &str) -> Value {
    let path = format!("/security/bans?{query}");
    eventually(query, LIMIT, async || {
        let bans = admin.get(&path).await.expect(200);
        (bans["total"] == 1).then(|| bans["items"][0].clone())
    })
    .await
}

/// Minutes that a ban still holds.
fn minutes_left(ban: &Value) -> u64 {
    let until = Timestamp::parse(ban["expires_at"].as_str().unwrap()).unwrap();
    until.since(SystemClock.now()).as_secs().div_ceil(60)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_found_explained_and_ended_by_its_id_and_repeated_attacks_are_banned_for_longer() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let off = admin.get("/security/alerts").await.expect(409);
    assert_eq!(off["code"], "crowdsec-not-running", "{off}");
    admin.put("/settings", &json!({ "trusted_proxies": ["127.0.0.0/8"] })).await.expect(200);
    let origin = Origin::start(Answer::Full(404, Vec::new(), b"nothing".to_vec())).await;
    hosts::add(&mut admin, "a.example.com", &origin).await;
    admin.put("/security/crowdsec", &json!({ "enabled": true })).await.expect(200);
    let first = until(&mut admin, "CrowdSec runs", |shown| shown["state"] == "running").await;

    // How long bans last: wrong durations are named, and the agent goes on with good ones.
    let wrong = admin.put("/security/crowdsec/escalation", &json!({ "minutes": [5, 4] })).await.expect(422);
    assert_eq!(wrong["errors"][0]["field"], "minutes[1]", "{wrong}");
    let steps = json!({ "minutes": [10, 60] });
    assert_eq!(admin.put("/security/crowdsec/escalation", &steps).await.expect(200), steps);
    assert_eq!(admin.get("/security/crowdsec/escalation").await.expect(200), steps);
    until(&mut admin, "CrowdSec runs anew", |shown| {
        shown["state"] == "running" && shown["pid"] != first["pid"]
    })
    .await;

    let mut wire = RawClient::connect(app.http()).await.unwrap();
    let targets: Vec<String> = (0..15).map(|number| format!("/missing/{number}?q={number}")).collect();
    attack(&mut wire, &targets.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let found = ban(&mut admin, "value=203.0.113.21&reason=PROBING&scope=ip&origin=crowdsec&type=ban").await;
    assert!((9..=10).contains(&minutes_left(&found)), "{found}");
    let none = admin.get("/security/bans?value=203.0.113.21&origin=manual").await.expect(200);
    assert_eq!(none, json!({ "total": 0, "items": [] }));

    // Why: the scenario, and the requests with their ids.
    let alerts = admin.get("/security/alerts?scenario=probing").await.expect(200);
    let alert = alerts.as_array().unwrap().iter().find(|alert| alert["value"] == ATTACKER).unwrap();
    assert_eq!(alert["scenario"], "crowdsecurity/http-probing", "{alert}");
    assert_eq!(alert["decisions"][0]["id"], found["id"], "{alert}");
    let why = admin.get(&format!("/security/alerts/{}", alert["id"])).await.expect(200);
    let event = &why["events"][0];
    assert_eq!(
        (&event["method"], &event["host"], &event["status"]),
        (&json!("GET"), &json!("a.example.com"), &json!("404"))
    );
    assert_eq!(event["user_agent"], "a \"quote\"");
    let log = std::fs::read_to_string(app.data().join("logs/access.log")).unwrap();
    assert!(log.contains(event["request_id"].as_str().unwrap()), "{event}");
    let others = admin.get("/security/alerts?value=203.0.113.99").await.expect(200);
    assert_eq!((others, admin.get("/security/alerts/99999999").await.status), (json!([]), 404));

    // One decision is ended; the network around the address stays, and that is told.
    let network = json!({ "value": "203.0.113.0/27", "reason": "=too, \"curious\"", "hours": 1 });
    admin.post("/security/bans", &network).await.expect(201);
    let table = admin.get("/security/bans.csv?value=203.0.113.21").await;
    assert!(table.raw.header("content-type").unwrap().starts_with("text/csv"));
    let text = table.raw.text();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 3, "{text}");
    assert!(rows[1].starts_with("203.0.113.0/27,range,ban,manual,\"'=too, \"\"curious\"\"\","), "{text}");
    assert!(rows[2].starts_with("203.0.113.21,ip,ban,crowdsec,crowdsecurity/http-probing,"), "{text}");
    let ended = admin.post("/security/bans/end", &json!({ "id": found["id"] })).await.expect(200);
    let around = |ended: &Value| {
        ended["still_banned"].as_array().unwrap().iter().map(|ban| ban["value"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(around(&ended), ["203.0.113.0/27"]);
    assert_eq!(ask(&mut wire, ATTACKER, "GET", "a.example.com", "/", "").await.status, 403);
    let ended = admin.post("/security/bans/end", &json!({ "value": "203.0.113.5" })).await.expect(200);
    assert_eq!(around(&ended), ["203.0.113.0/27"]);
    let ended = admin.post("/security/bans/end", &json!({ "value": "203.0.113.0/27" })).await.expect(200);
    assert_eq!(around(&ended), [] as [Value; 0]);
    assert_eq!(ask(&mut wire, ATTACKER, "GET", "a.example.com", "/", "").await.status, 404);
    admin.post("/security/bans/end", &json!({ "id": found["id"] })).await.expect(404);
    admin.post("/security/bans/end", &json!({})).await.expect(422);
    let audit = admin.get("/audit?action=ban.end").await.expect(200);
    assert!(audit.to_string().contains(&format!("Ended decision {}", found["id"])), "{audit}");

    // The second ban is longer.
    attack(&mut wire, &["/.env", "/.git/config", "/.env.backup", "/.bash_history", "/old/.env", "/dump.sql"])
        .await;
    let found = ban(&mut admin, "value=203.0.113.21&reason=sensitive").await;
    assert!((59..=60).contains(&minutes_left(&found)), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_never_banned_has_a_note_and_an_end_and_old_entries_stay() {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    // As an earlier version has stored it.
    admin
        .put("/security/crowdsec", &json!({ "never_banned": ["10.1.0.0/16", "10.2.0.0/16"] }))
        .await
        .expect(200);
    let entry = json!({ "value": "198.51.100.7/24", "note": "the\noffice", "hours": 1 });
    let made = admin.post("/security/never-banned", &entry).await.expect(201);
    assert_eq!((&made["value"], &made["note"]), (&json!("198.51.100.0/24"), &json!("the office")), "{made}");
    assert_eq!((&made["by"], minutes_left(&made)), (&json!("admin@example.com"), 60), "{made}");
    let list = admin.get("/security/never-banned").await.expect(200);
    let values =
        |list: &Value| list.as_array().unwrap().iter().map(|each| each["value"].clone()).collect::<Vec<_>>();
    assert_eq!(values(&list), ["10.1.0.0/16", "10.2.0.0/16", "198.51.100.0/24"]);
    assert_eq!((&list[0]["since"], &list[0]["expires_at"]), (&json!(null), &json!(null)), "{list}");
    admin.post("/security/never-banned/end", &json!({ "value": "10.2.0.0/16" })).await.expect(204);
    admin.post("/security/never-banned/end", &json!({ "value": "10.2.0.0/16" })).await.expect(404);
    let wrong = admin.post("/security/never-banned", &json!({ "value": "nobody" })).await.expect(422);
    assert_eq!(wrong["errors"][0]["field"], "value");
    let refused = admin.post("/security/bans", &json!({ "value": "198.51.100.9" })).await.expect(422);
    assert!(refused.to_string().contains("never banned"), "{refused}");

    // Its end comes while Charon runs: here by a moment that is written into the past.
    app.kill();
    let file = app.data().join("charon.db");
    let past = "UPDATE settings SET value = replace(value, substr(value, instr(value, '\"expires_at\":') + 13, 26), \
                '\"2020-01-01T00:00:00.000Z\"') WHERE key = 'security.never_banned.notes'";
    crate::sqlite::run(&file, &[past]);
    app.start_again().await;
    let mut admin = admin.at(app.ui());
    assert_eq!(values(&admin.get("/security/never-banned").await.expect(200)), ["10.1.0.0/16"]);
    assert_eq!(admin.get("/security/crowdsec").await.expect(200)["never_banned"], json!(["10.1.0.0/16"]));
    admin.post("/security/bans", &json!({ "value": "198.51.100.9" })).await.expect(201);
}
