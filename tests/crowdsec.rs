//! CrowdSec for real: Debian's agent below the real executable, fed by real requests.

use crate::{hosts, sqlite, upgrade};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;
use testkit::{Answer, Api, App, AppBuilder, Origin, RawClient, Response, eventually};

/// As long as a busy machine may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

fn port(app: &App) -> u16 {
    let config = std::fs::read_to_string(app.data().join("crowdsec/config.yaml")).unwrap();
    let line = config.lines().find_map(|line| line.trim().strip_prefix("listen_uri: 127.0.0.1:")).unwrap();
    line.parse().unwrap()
}

async fn crowdsec(admin: &mut Api) -> Value {
    admin.get("/security/crowdsec").await.expect(200)
}

/// Waits until CrowdSec stands as `holds` wants it.
pub(crate) async fn until(admin: &mut Api, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    eventually(what, LIMIT, async || Some(crowdsec(admin).await).filter(|shown| holds(shown))).await
}

pub(crate) async fn switch(admin: &mut Api, on: bool) {
    let shown = admin.put("/security/crowdsec", &json!({ "enabled": on })).await.expect(200);
    assert_eq!(shown["enabled"], on);
}

/// The agent's process, by its command line.
pub(crate) fn agents(app: &App) -> Vec<u32> {
    let config = app.data().join("crowdsec/config.yaml");
    let config = config.to_str().unwrap();
    let ours = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == config.as_bytes())
    };
    let all = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    all.filter(ours).collect()
}

/// A request of this client, through a trusted proxy.
pub(crate) async fn request(app: &App, client: &str, path: &str, more: &str) -> Response {
    let mut wire = RawClient::connect(app.http()).await.unwrap();
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: a.example.com\r\nx-forwarded-for: {client}\r\n{more}\r\n");
    wire.send(head).await.unwrap();
    wire.read_response().await.unwrap()
}

pub(crate) async fn probe(app: &App, client: &str, more: &str) {
    for number in 0..15 {
        request(app, client, &format!("/missing/{number}"), more).await;
    }
}

pub(crate) async fn banned(app: &App, client: &str) -> Response {
    eventually("the client is banned", LIMIT, async || {
        Some(request(app, client, "/", "").await).filter(|answer| answer.status == 403)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attacker_is_banned_from_real_requests_and_the_way_is_proven_also_after_kill_9() {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    let shown = crowdsec(&mut admin).await;
    assert_eq!((&shown["enabled"], shown["pid"].is_null()), (&json!(false), true));
    admin.put("/settings", &json!({ "trusted_proxies": ["127.0.0.0/8"] })).await.expect(200);
    let missing = Answer::Full(404, Vec::new(), b"nothing".to_vec());
    let origin = Origin::start(missing).await;
    hosts::add(&mut admin, "a.example.com", &origin).await;

    switch(&mut admin, true).await;
    let running = |shown: &Value| shown["state"] == "running" && !shown["proof"]["proven_at"].is_null();
    let shown = until(&mut admin, "CrowdSec runs and is proven", running).await;
    assert_eq!(shown["missing"], json!([]), "{shown}");
    let first = agents(&app);
    assert_eq!(first, [u32::try_from(shown["pid"].as_u64().unwrap()).unwrap()]);

    // No User-Agent, quotes in it, and an address of version 6.
    probe(&app, "203.0.113.1", "").await;
    probe(&app, "203.0.113.2", "user-agent: a \" quote \\\" {\r\n").await;
    probe(&app, "2001:db8::7", "user-agent: x\r\n").await;
    for client in ["203.0.113.1", "203.0.113.2", "2001:db8::7"] {
        let answer = banned(&app, client).await;
        assert!(answer.text().contains(answer.header("x-request-id").unwrap()), "{}", answer.text());
    }
    assert_eq!(request(&app, "203.0.113.3", "/", "").await.status, 404, "others are served");
    let bans = admin.get("/security/bans").await.expect(200);
    let found = bans["items"].as_array().unwrap().iter().find(|ban| ban["value"] == "203.0.113.1");
    let found = found.unwrap_or_else(|| panic!("{bans}"));
    assert_eq!(
        (&found["reason"], &found["origin"]),
        (&json!("crowdsecurity/http-probing"), &json!("crowdsec"))
    );

    // An unban holds when it is answered, and stays.
    admin.post("/security/bans/end", &json!({ "value": "203.0.113.1" })).await.expect(200);
    assert_eq!(request(&app, "203.0.113.1", "/", "").await.status, 404);
    assert_eq!(request(&app, "203.0.113.2", "/", "").await.status, 403);
    eventually("the log names phase and rule", LIMIT, async || {
        let log = std::fs::read_to_string(app.data().join("logs/access.log")).unwrap_or_default();
        let both = [r#""phase":"crowdsec""#, r#""rule":"crowdsecurity/http-probing""#];
        both.iter().all(|text| log.contains(text)).then_some(())
    })
    .await;

    // What the agent may not have read is handed to the next one, which would find the same attacks again.
    eventually("the agent has read everything for sure", LIMIT, async || {
        let feed = app.data().join("crowdsec/feed");
        let noted = std::fs::read(feed.join("position.json")).ok()?;
        let noted: Value = serde_json::from_slice(&noted).ok()?;
        let written = std::fs::metadata(feed.join("requests.log")).ok()?.len();
        (noted["offset"].as_u64() == Some(written)).then_some(())
    })
    .await;

    // The agent is killed: another one comes by itself, and decisions hold meanwhile.
    assert!(
        std::process::Command::new("kill").args(["-9", &first[0].to_string()]).status().unwrap().success()
    );
    assert_eq!(request(&app, "203.0.113.2", "/", "").await.status, 403);
    let again = |shown: &Value| shown["state"] == "running" && shown["pid"].as_u64() != Some(first[0].into());
    until(&mut admin, "another agent runs", again).await;
    assert_eq!(agents(&app).len(), 1);
    assert!(app.output().contains("the agent has ended by itself: signal: 9"), "{}", app.output());

    // Charon is killed: no orphan stays, and the next one refuses from its first moment on.
    app.kill();
    eventually("no agent is left", LIMIT, async || agents(&app).is_empty().then_some(())).await;
    app.start_again().await;
    assert_eq!(request(&app, "203.0.113.2", "/", "").await.status, 403, "before the agent runs");
    let mut admin = admin.at(app.ui());
    until(&mut admin, "CrowdSec runs and is proven again", running).await;
    assert_eq!(request(&app, "203.0.113.1", "/", "").await.status, 404, "unbanned for good");

    // Off is off, also after a restart.
    switch(&mut admin, false).await;
    until(&mut admin, "it is off", |shown| shown["state"] == "off").await;
    assert!(agents(&app).is_empty());
    let free = async || (request(&app, "203.0.113.2", "/", "").await.status == 404).then_some(());
    eventually("nobody is banned", LIMIT, free).await;
    assert_eq!(app.stop().await.code(), Some(0));
    app.start_again().await;
    let mut admin = admin.at(app.ui());
    until(&mut admin, "it stays off", |shown| shown["state"] == "off" && shown["enabled"] == false).await;
    assert!(agents(&app).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ban_by_hand_holds_at_once_without_crowdsec_and_over_a_restart() {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    let settings = json!({ "trusted_proxies": ["127.0.0.0/8"] });
    admin.put("/settings", &settings).await.expect(200);
    let origin = Origin::start(Answer::text("served")).await;
    hosts::add(&mut admin, "a.example.com", &origin).await;
    let ban = json!({ "value": "198.51.100.9/24", "reason": "too curious", "hours": 2 });
    let made = admin.post("/security/bans", &ban).await.expect(201);
    assert_eq!(made["value"], "198.51.100.0/24");
    assert_eq!(request(&app, "198.51.100.200", "/", "").await.status, 403);
    assert_eq!(request(&app, "198.51.101.1", "/", "").await.status, 200);
    app.kill();
    app.start_again().await;
    assert_eq!(request(&app, "198.51.100.200", "/", "").await.status, 403);
    let mut admin = admin.at(app.ui());
    let never = json!({ "never_banned": ["198.51.100.200"] });
    admin.put("/security/crowdsec", &never).await.expect(200);
    let free = async || (request(&app, "198.51.100.200", "/", "").await.status == 200).then_some(());
    eventually("who is never banned is let in", LIMIT, free).await;
    assert_eq!(request(&app, "198.51.100.201", "/", "").await.status, 403);
    admin.post("/security/bans/end", &json!({ "value": "198.51.100.0/24" })).await.expect(200);
    assert_eq!(request(&app, "198.51.100.201", "/", "").await.status, 200);
    for (wrong, part) in
        [("127.0.0.1", "address that you come from"), ("198.51.100.200", "never banned"), ("nobody", "")]
    {
        let refused = admin.post("/security/bans", &json!({ "value": wrong })).await.expect(422);
        assert!(refused.to_string().contains(part), "{refused}");
    }
    // Whoever bans themselves is asked, and may.
    let risky = |more: bool| json!({ "value": "127.0.0.0/30", "confirm": more, "hours": 1 });
    let refused = admin.post("/security/bans", &risky(false)).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "confirm", "{refused}");
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("this machine itself"), "{refused}");
    admin.post("/security/bans", &risky(true)).await.expect(201);
    admin.post("/security/bans/end", &json!({ "value": "127.0.0.0/30" })).await.expect(200);
}

/// A database as it stood, with these statements run on it, and a Charon that has just begun to serve it.
async fn incident(statements: &[&str], change: impl FnOnce(AppBuilder) -> AppBuilder) -> App {
    let builder = change(App::builder());
    upgrade::lay("pre-security", &builder.data());
    let file = builder.data().join("charon.db");
    sqlite::run(&file, statements);
    builder.start().await
}

const ON: &str = "INSERT OR REPLACE INTO settings (key, value, type, category) VALUES ('security.crowdsec.enabled', 'true', 'bool', 'security')";

async fn says(app: &App, what: &str) {
    let told = async || app.output().contains(what).then_some(());
    eventually(&format!("the log says: {what}"), LIMIT, told).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_incident_s_database_with_the_old_setting_on_is_repaired_aloud_and_crowdsec_runs() {
    let mut app = incident(&[ON], |builder| builder).await;
    let told = "CrowdSec was switched on, since the setting security.crowdsec.enabled says so";
    says(&app, told).await;
    says(&app, "the CrowdSec agent runs").await;
    let output = app.output();
    let line = output.lines().find(|line| line.contains(told)).unwrap();
    assert!(line.contains("WARN"), "{line}");
    assert!(
        output.lines().any(|line| line.contains("WARN") && line.contains("security_configs")),
        "{output}"
    );
    let file = app.data().join("charon.db");
    let rows = sqlite::run(&file, &["SELECT name, crowdsec_mode FROM security_configs"]);
    assert_eq!(rows, [json!(["default", "local"])]);
    let audits =
        sqlite::run(&file, &["SELECT actor, details FROM security_audits WHERE category = 'security'"]);
    assert!(audits[0].to_string().contains(told), "{audits:?}");
    // Once: the next start finds one wish and says nothing of the old one.
    assert_eq!(app.stop().await.code(), Some(0));
    assert!(agents(&app).is_empty());
    app.start_again().await;
    eventually("it runs again", LIMIT, async || {
        (app.output().matches("the CrowdSec agent runs").count() == 2).then_some(())
    })
    .await;
    assert_eq!(app.output().matches(told).count(), 1);
}

/// The decision table of the original's reconciliation: what is stored, what is said, and whether an agent runs.
#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_the_decision_table_ends_in_one_state_with_its_reason() {
    let row = |mode: &str| {
        format!("INSERT INTO security_configs (uuid, name, crowdsec_mode) VALUES ('u', 'default', '{mode}')")
    };
    let table = "CREATE TABLE IF NOT EXISTS security_configs (id INTEGER PRIMARY KEY, uuid TEXT UNIQUE, name TEXT, crowdsec_mode TEXT)";
    let (local, disabled) = (row("local"), row("disabled"));
    let missing = "there is no program /nonexistent/crowdsec";
    let none = "DELETE FROM settings WHERE key LIKE 'security.crowdsec.%'";
    for (name, statements, program, told, runs) in [
        ("no row, setting on", vec![ON], None, "CrowdSec was switched on, since the setting", true),
        (
            "no row, no setting",
            vec![],
            None,
            "a security configuration was made, with CrowdSec switched off",
            false,
        ),
        (
            "row off, setting on",
            vec![table, &disabled, ON],
            None,
            "says so and the stored configuration did not",
            true,
        ),
        ("row off, no setting", vec![table, &disabled], None, "CrowdSec is wished off", false),
        ("row on", vec![table, &local], None, "CrowdSec is wished on and does not run", true),
        ("row on, no program", vec![table, &local], Some("/nonexistent/crowdsec"), missing, false),
    ] {
        let app = incident(&[&[none], statements.as_slice()].concat(), |builder| match program {
            Some(program) => builder.set("CHARON_CROWDSEC_BIN", program),
            None => builder,
        })
        .await;
        says(&app, told).await;
        if runs {
            says(&app, "the CrowdSec agent runs").await;
        }
        assert_eq!(agents(&app).len(), usize::from(runs), "{name}\n{}", app.output());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_the_agent_from_running_is_named_with_its_remedy_and_mends_itself() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let shown = crowdsec(&mut admin).await;
    let port = u16::try_from(shown["port"].as_u64().unwrap()).unwrap();
    // Another program has the port, and a number of another program stands in the file.
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::fs::create_dir_all(app.data().join("crowdsec")).unwrap();
    std::fs::write(app.data().join("crowdsec/agent.pid"), std::process::id().to_string()).unwrap();
    switch(&mut admin, true).await;
    let failing = until(&mut admin, "it fails", |shown| shown["state"] == "failing").await;
    let part = format!("the port {port} for its API (LAPI) is in use");
    assert!(failing["message"].as_str().unwrap().contains(&part), "{failing}");
    assert!(failing["remedy"].as_str().unwrap().contains("CHARON_CROWDSEC_PORT"), "{failing}");
    let health = admin.get("/health").await.json;
    assert!(health.to_string().contains("crowdsec-failing"), "{health}");
    assert!(app.output().contains("is another program now and is left alone"), "{}", app.output());
    drop(taken);
    until(&mut admin, "it runs by itself", |shown| shown["state"] == "running").await;
    assert_eq!(self::port(&app), port);
    assert!(Path::new(&format!("/proc/{}", std::process::id())).exists());

    // A table goes while it runs: that is said, and what runs goes on.
    sqlite::run(&app.data().join("charon.db"), &["DROP TABLE security_configs"]);
    admin.put("/settings", &json!({ "app_name": "Styx" })).await.expect(200);
    says(&app, "whether CrowdSec shall run cannot be read").await;
    assert_eq!(agents(&app).len(), 1);
}
