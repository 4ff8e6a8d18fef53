//! The enrolment in CrowdSec's console: the real `cscli` and the real agent against a stand-in of the Central API.

use crate::crowdsec::{switch, until};
use crate::sqlite;
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Api, App, CONSOLE_KEY, CentralApi, eventually};

/// As long as a busy machine may take.
const LIMIT: Duration = Duration::from_secs(90);

async fn console(admin: &mut Api) -> Value {
    admin.get("/security/crowdsec/console").await.expect(200)
}

/// Asks for an enrolment and waits until it has ended.
async fn enroll(admin: &mut Api, input: Value) -> Value {
    let asked = admin.post("/security/crowdsec/console", &input).await;
    assert!([200, 202].contains(&asked.status), "{asked:?}");
    eventually("the attempt has ended", LIMIT, async || {
        Some(console(admin).await).filter(|shown| shown["state"] != "registering")
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_of_the_enrolment_is_told_as_it_is_and_the_key_never() {
    // A proxy that is not there stands for a network without a way to crowdsec.net.
    let app = App::builder().set("HTTPS_PROXY", "http://127.0.0.1:1").start().await;
    let mut admin = app.admin().await;
    let shown = console(&mut admin).await;
    assert_eq!((&shown["state"], &shown["key_present"]), (&json!("not_enrolled"), &json!(false)));
    assert_eq!((&shown["agent_runs"], &shown["registered"]), (&json!(false), &json!(false)));
    for (input, part) in [
        (json!({ "key": "short", "name": "home" }), "key"),
        (json!({ "key": "with spaces in it", "name": "home" }), "key"),
        (json!({ "key": CONSOLE_KEY, "name": "--help" }), "name"),
    ] {
        let refused = admin.post("/security/crowdsec/console", &input).await.expect(422);
        assert!(refused.to_string().contains(part), "{refused}");
    }
    let input = json!({ "key": "badkeyofnobody", "name": "home" });
    let failed = enroll(&mut admin, input.clone()).await;
    assert_eq!(failed["state"], "failed");
    assert!(failed["message"].as_str().unwrap().contains("CrowdSec has to run first"), "{failed}");

    switch(&mut admin, true).await;
    let running = |shown: &Value| shown["state"] == "running";
    let first = until(&mut admin, "it runs", running).await["pid"].clone();
    let failed = enroll(&mut admin, input.clone()).await;
    assert_eq!((&failed["state"], &failed["agent_runs"]), (&json!("failed"), &json!(true)));
    assert!(
        failed["message"].as_str().unwrap().contains("could not be registered at crowdsec.net"),
        "{failed}"
    );

    // Registered, as `cscli capi register` would have left it.
    let central = CentralApi::start().await;
    let credentials = app.data().join("crowdsec/online_api_credentials.yaml");
    std::fs::write(&credentials, central.credentials()).unwrap();
    let failed = enroll(&mut admin, input).await;
    assert!(failed["message"].as_str().unwrap().contains("key provided is not valid"), "{failed}");
    assert!(!failed.to_string().contains("badkey") && failed["key_present"] == true, "{failed}");
    let stored =
        sqlite::run(&app.data().join("charon.db"), &["SELECT enroll_key FROM crowdsec_console_enrollments"]);
    assert!(!stored[0].to_string().contains("badkey"), "{stored:?}");

    let enrolled = enroll(
        &mut admin,
        json!({ "key": format!("sudo cscli console enroll {CONSOLE_KEY}"), "name": "home" }),
    )
    .await;
    assert_eq!(enrolled["state"], "pending_acceptance", "{enrolled}");
    assert_eq!(
        (&enrolled["name"], &enrolled["key_present"], &enrolled["registered"]),
        (&json!("home"), &json!(false), &json!(true))
    );
    let asked = central.asked("/enroll").pop().unwrap();
    assert_eq!((&asked["attachment_key"], &asked["name"]), (&json!(CONSOLE_KEY), &json!("home")));
    // The agent is started anew with the account, and talks to crowdsec.net from now on.
    let another = |shown: &Value| shown["state"] == "running" && shown["pid"] != first;
    until(&mut admin, "another agent runs", another).await;
    eventually("the agent signs in there", LIMIT, async || {
        (!central.asked("/metrics").is_empty()).then_some(())
    })
    .await;

    // Once more: crowdsec.net says that it is enrolled.
    let again = enroll(&mut admin, json!({ "key": CONSOLE_KEY, "name": "home" })).await;
    assert_eq!(again["state"], "enrolled", "{again}");
    assert!(!app.output().contains(CONSOLE_KEY), "no key in the log");

    // Leaving takes the account away, and the agent with it.
    admin.delete("/security/crowdsec/console").await.expect(204);
    eventually("the account is gone", LIMIT, async || (!credentials.exists()).then_some(())).await;
    assert_eq!(console(&mut admin).await["state"], "not_enrolled");
}
