//! The proof, when a link of the way from a decision to a refused request is broken behind Charon's back: the badge
//! names the link, and is green again after the repair.

use crate::crowdsec::{agents, until};
use crate::crowdsec_enforcing::{protected, proven};
use base::{Clock, SystemClock};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use testkit::{Api, App};

/// Red within this time, with a trial every six seconds.
const RED: Duration = Duration::from_secs(90);

/// Waits until the badge is red, and says how long that took.
async fn red(admin: &mut Api, links: &[&str], part: &str) {
    let began = SystemClock.monotonic();
    let broken = |shown: &Value| {
        let proof = &shown["proof"];
        let reason = proof["reason"].as_str().unwrap_or_default();
        proof["broken_link"].as_str().is_some_and(|link| links.contains(&link)) && reason.contains(part)
    };
    let shown = until(admin, &format!("one of {links:?} is broken: {part}"), broken).await;
    let took = SystemClock.monotonic() - began;
    eprintln!(
        "{}: red after {} ms: {}",
        shown["proof"]["broken_link"],
        took.as_millis(),
        shown["proof"]["reason"]
    );
    assert!(took <= RED, "{took:?}");
}

fn signal(name: &str, pid: u32) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

fn bouncers(app: &App, arguments: &[&str]) {
    let config = app.data().join("crowdsec/config.yaml");
    let output =
        Command::new("cscli").arg("-c").arg(config).arg("bouncers").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_link_turns_the_badge_red_with_its_name_and_its_repair_turns_it_green() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("crowdsec");
    let install = || std::os::unix::fs::symlink("/usr/bin/crowdsec", &program).unwrap();
    install();
    let path = program.display().to_string();
    let (app, mut admin, _origin) = protected(|builder| {
        builder.set("CHARON_CROWDSEC_PROOF_INTERVAL", "6").set("CHARON_CROWDSEC_BIN", path)
    })
    .await;

    // The agent hangs: its LAPI takes connections and says nothing. It is ended, and another one comes.
    let agent = agents(&app)[0];
    signal("-STOP", agent);
    red(&mut admin, &["LAPI", "agent", "pull"], "").await;
    let another = |shown: &Value| shown["state"] == "running" && shown["pid"].as_u64() != Some(agent.into());
    let shown = until(&mut admin, "another agent runs", another).await;
    assert_eq!(shown["restarts"]["hanging"], 1, "{shown}");
    let reason = shown["restarts"]["last_reason"].as_str().unwrap();
    assert!(reason.contains(&format!("it hung: process {agent} has not answered for")), "{shown}");
    assert!(!Path::new(&format!("/proc/{agent}")).exists(), "no orphan");
    assert!(app.output().lines().any(|line| line.contains("WARN") && line.contains("it hung")));
    proven(&mut admin).await;

    // The agent is gone and cannot come back, since its program is gone too.
    std::fs::remove_file(&program).unwrap();
    signal("-KILL", agents(&app)[0]);
    red(&mut admin, &["agent"], "the agent does not run").await;
    // Its port is somebody else's when it can.
    let port = u16::try_from(admin.get("/security/crowdsec").await.json["port"].as_u64().unwrap()).unwrap();
    let taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
    install();
    until(&mut admin, "the port is named", |shown| {
        shown["message"].as_str().unwrap().contains(&format!("the port {port}"))
    })
    .await;
    red(&mut admin, &["agent"], "the agent does not run").await;
    drop(taken);
    proven(&mut admin).await;

    // Charon's key is revoked: decisions are made, and not pulled, until there is another key.
    let key = || std::fs::read_to_string(app.data().join("crowdsec/bouncer.key")).unwrap();
    let before = key();
    let agent = agents(&app)[0];
    bouncers(&app, &["delete", "charon-proxy"]);
    red(&mut admin, &["pull"], "LAPI refuses Charon's credentials").await;
    proven(&mut admin).await;
    assert_ne!(key(), before);
    assert_eq!(agents(&app), [agent], "the agent runs on");
    let output = app.output();
    let told: Vec<&str> = output.lines().filter(|line| line.contains("a new one was made")).collect();
    assert!(told.len() == 1 && told[0].contains("WARN"), "{told:?}");

    // The address of trials is never banned: the look-up finds nothing.
    let never = |list: Value| json!({ "never_banned": list });
    admin.put("/security/crowdsec", &never(json!(["192.0.2.0/24"]))).await.expect(200);
    red(&mut admin, &["lookup"], "").await;
    admin.put("/security/crowdsec", &never(json!([]))).await.expect(200);
    proven(&mut admin).await;

    // The listener lets requests of the address of trials through, as those of a trusted proxy.
    let trusted = |list: Value| json!({ "trusted_proxies": list });
    admin.put("/settings", &trusted(json!(["192.0.2.0/24"]))).await.expect(200);
    red(&mut admin, &["proxy"], "instead of 403").await;
    admin.put("/settings", &trusted(json!([]))).await.expect(200);
    proven(&mut admin).await;
    assert!(Path::new(&format!("/proc/{}", agents(&app)[0])).exists());
    let health = admin.get("/health").await.json;
    assert!(!health.to_string().contains("crowdsec-not-proven"), "{health}");
}
