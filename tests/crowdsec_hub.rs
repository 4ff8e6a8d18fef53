//! Changes of what CrowdSec's agent looks for: carried out below the real executable, also when that is killed.

use crate::crowdsec::{agents, switch, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;
use testkit::{Api, App, eventually};

/// As long as a busy machine may take.
const LIMIT: Duration = Duration::from_secs(90);

/// Asks for a change and waits until it is over.
pub(crate) async fn change(admin: &mut Api, action: &str, about: &str) -> Value {
    let made = admin.post("/security/crowdsec/changes", &json!({ "action": action, "about": about })).await;
    assert!([200, 202].contains(&made.status), "{made:?}");
    over(admin, made.json["id"].as_i64().unwrap()).await
}

pub(crate) async fn over(admin: &mut Api, id: i64) -> Value {
    eventually("the change is over", LIMIT, async || {
        let shown = admin.get(&format!("/security/crowdsec/changes/{id}")).await.expect(200);
        (shown["over"] == true).then_some(shown)
    })
    .await
}

/// The items that are said to be on, without those of one's own.
async fn on(admin: &mut Api) -> BTreeSet<String> {
    let hub = admin.get("/security/crowdsec/hub").await.expect(200);
    let items = hub["items"].as_array().unwrap().iter();
    let on = items.filter(|item| item["installed"] == true && item["local"] == false);
    on.map(|item| item["item"].as_str().unwrap().to_owned()).collect()
}

/// The items that the agent was given.
fn given(app: &App) -> BTreeSet<String> {
    let config = app.data().join("crowdsec/config.yaml");
    let said =
        Command::new("cscli").arg("-c").arg(config).args(["hub", "list", "-o", "json"]).output().unwrap();
    let said: Value = serde_json::from_slice(&said.stdout).unwrap();
    let kinds = said.as_object().unwrap().iter();
    let on = kinds.flat_map(|(kind, items)| {
        // A collection that lacks a member is on as well: `enabled,tainted`.
        let on = |status: &str| status.starts_with("enabled") && !status.contains("local");
        let items = items.as_array().into_iter().flatten();
        let items = items.filter(move |item| on(item["status"].as_str().unwrap()));
        items.map(move |item| format!("{kind}:{}", item["name"].as_str().unwrap()))
    });
    on.collect()
}

async fn preset(admin: &mut Api, slug: &str) -> Value {
    let hub = admin.get("/security/crowdsec/hub").await.expect(200);
    let presets = hub["presets"].as_array().unwrap();
    presets.iter().find(|preset| preset["slug"] == slug).unwrap()["state"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preset_is_tried_applied_and_taken_back_and_a_kill_at_any_moment_leaves_one_whole_configuration() {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    assert_eq!(preset(&mut admin, "web-basics").await, "on");
    assert_eq!(preset(&mut admin, "wordpress").await, "off");
    for (action, about, part) in [
        ("install", "scenarios:nobody/nothing", "the hub has no scenarios:nobody/nothing"),
        ("remove", "parsers:crowdsecurity/syslog-logs", "stays on"),
        ("restore", "77", "is not kept any more"),
        ("install", "", "is no item"),
    ] {
        let wished = json!({ "action": action, "about": about });
        let refused = admin.post("/security/crowdsec/changes", &wished).await.expect(422);
        assert!(refused.to_string().contains(part), "{refused}");
    }
    // While it is off, a change counts once the agent could read it.
    let made = change(&mut admin, "remove", "scenarios:crowdsecurity/http-bad-user-agent").await;
    assert_eq!((&made["status"], &made["edition"]), (&json!("applied"), &json!(1)), "{made}");
    assert_eq!(preset(&mut admin, "bad-user-agents").await, "off");

    switch(&mut admin, true).await;
    let running = |shown: &Value| shown["state"] == "running";
    let first = until(&mut admin, "it runs", running).await["pid"].clone();
    let before = on(&mut admin).await;
    assert_eq!(before, given(&app));
    let shown = json!({ "action": "install", "about": "wordpress" });
    let shown = admin.post("/security/crowdsec/preview", &shown).await.expect(200);
    let made = change(&mut admin, "install", "wordpress").await;
    assert_eq!(made["status"], "applied", "{made}");
    let another = |shown: &Value| shown["state"] == "running" && shown["pid"] != first;
    until(&mut admin, "another agent runs with it", another).await;
    let after = on(&mut admin).await;
    assert_eq!(after, given(&app));
    let added: Vec<&String> = after.difference(&before).collect();
    assert_eq!(json!(added), shown["adds"]);
    assert_eq!(preset(&mut admin, "wordpress").await, "on");

    // Killed while the agent tries it, and right after it counts.
    let crowdsec = app.data().join("crowdsec");
    for moment in ["trial", "counts"] {
        let seen = crowdsec.join(moment);
        let pointer = crowdsec.join("editions/current");
        let then = std::fs::read(&pointer).unwrap();
        let id = {
            let mut asking = admin.at(app.ui());
            let body = json!({ "action": "remove", "about": "wordpress" });
            let come = || seen.exists() || (moment == "counts" && std::fs::read(&pointer).unwrap() != then);
            tokio::select! {
                made = asking.post("/security/crowdsec/changes", &body) => panic!("over too soon: {made:?}"),
                () = eventually("the moment has come", LIMIT, async || come().then_some(())) => {}
            }
            app.kill();
            app.start_again().await;
            admin = admin.at(app.ui());
            admin.get("/security/crowdsec/changes").await.expect(200)[0]["id"].as_i64().unwrap()
        };
        let ended = over(&mut admin, id).await;
        until(&mut admin, "the agent runs", running).await;
        let now = on(&mut admin).await;
        assert_eq!(now, given(&app), "{moment}: {ended}");
        assert_eq!(ended["status"], "applied", "{moment}: what was asked for is carried out: {ended}");
        assert_eq!(now, before, "{moment}");
        if moment != "counts" {
            assert_eq!(change(&mut admin, "install", "wordpress").await["status"], "applied");
        }
        assert_eq!(agents(&app).len(), 1);
    }

    // Back to the first, and what was done stands in the history.
    let made = change(&mut admin, "restore", "0").await;
    assert_eq!(made["status"], "applied", "{made}");
    assert_eq!(preset(&mut admin, "bad-user-agents").await, "on");
    let history = admin.get("/security/crowdsec/changes").await.expect(200);
    assert_eq!(history.as_array().unwrap().len(), 6, "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_which_the_agent_does_not_run_is_taken_back() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    switch(&mut admin, true).await;
    until(&mut admin, "it runs", |shown| shown["state"] == "running").await;
    let before = given(&app);
    // It is fine when it is tried. Where it is to be used, a folder stands in the place of a list that it needs.
    let list = app.data().join("crowdsec/data/ip_seo_bots.txt");
    std::fs::create_dir_all(&list).unwrap();
    let made = change(&mut admin, "install", "collections:crowdsecurity/whitelist-good-actors").await;
    assert_eq!(made["status"], "rolled_back", "{made}");
    assert!(made["error"].as_str().unwrap().contains("ip_seo_bots.txt"), "{made}");
    assert!(
        made["error"].as_str().unwrap().ends_with("the configuration before is in force again"),
        "{made}"
    );
    until(&mut admin, "it runs again", |shown| shown["state"] == "running").await;
    assert_eq!(given(&app), before);
}
