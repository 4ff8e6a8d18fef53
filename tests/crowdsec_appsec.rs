//! AppSec through the real executable, from the setting to the refusal. What answers is a stand-in: Debian's CrowdSec
//! (1.4.6) has no AppSec.

use crate::crowdsec::{LIMIT, request};
use crate::hosts;
use serde_json::{Value, json};
use testkit::{APPSEC_KEY, Answer, Api, App, AppSecStandIn, Origin, RawClient, eventually};

async fn until(admin: &mut Api, state: &str) -> Value {
    eventually(&format!("AppSec is {state}"), LIMIT, async || {
        Some(admin.get("/security/appsec").await.expect(200)).filter(|shown| shown["state"] == state)
    })
    .await
}

async fn has_status(app: &App, path: &str, status: u16) {
    eventually(&format!("{path} is answered with {status}"), LIMIT, async || {
        (request(app, "203.0.113.7", path, "").await.status == status).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_judged_as_it_is_set_and_a_silent_judge_is_told_also_after_a_restart() {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    admin.put("/settings", &json!({ "trusted_proxies": ["127.0.0.0/8"] })).await.expect(200);
    let origin = Origin::start(Answer::text("fine")).await;
    let host = hosts::add(&mut admin, "a.example.com", &origin).await;
    let appsec = AppSecStandIn::start(0).await;

    let shown = admin.get("/security/appsec").await.expect(200);
    assert_eq!((&shown["state"], &shown["limit_ms"]), (&json!("off"), &json!(200)));
    let refused = admin.put("/security/appsec", &json!({ "enabled": true })).await.expect(422);
    assert!(refused.to_string().contains("api_key") && refused.to_string().contains("url"), "{refused}");
    // As long as a busy machine may take.
    let wish = json!({ "enabled": true, "url": appsec.url(), "api_key": APPSEC_KEY, "limit_ms": 5000 });
    let stored = admin.put("/security/appsec", &wish).await.expect(200);
    assert!(stored["api_key_set"] == true && !stored.to_string().contains(APPSEC_KEY), "{stored}");
    has_status(&app, "/.env", 403).await;
    assert_eq!(request(&app, "203.0.113.7", "/", "").await.status, 200);
    let mut wire = RawClient::connect(app.http()).await.unwrap();
    wire.send("POST / HTTP/1.1\r\nhost: a.example.com\r\ncontent-length: 4\r\n\r\nEVIL").await.unwrap();
    assert_eq!(wire.read_response().await.unwrap().status, 403);
    let shown = until(&mut admin, "judging").await;
    assert!(shown["counts"]["banned"].as_u64() >= Some(2), "{shown}");

    // One host is let out.
    let uuid = host["uuid"].as_str().unwrap();
    let none = json!({ "exempt_hosts": ["000000000000000000000000000000000000"] });
    let refused = admin.put("/security/appsec", &none).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "exempt_hosts.0", "{refused}");
    admin.put("/security/appsec", &json!({ "exempt_hosts": [uuid] })).await.expect(200);
    has_status(&app, "/.env", 200).await;
    admin.put("/security/appsec", &json!({ "exempt_hosts": [] })).await.expect(200);
    has_status(&app, "/.env", 403).await;

    // It is kept over a restart, from the first request on.
    app.kill();
    app.start_again().await;
    assert_eq!(request(&app, "203.0.113.7", "/.env", "").await.status, 403);
    let mut admin = admin.at(app.ui());

    // It dies: requests pass, and it is told; or they are refused, as is set.
    let port = appsec.port();
    drop(appsec);
    has_status(&app, "/.env", 200).await;
    let shown = until(&mut admin, "failing").await;
    assert!(!shown["failing_since"].is_null(), "{shown}");
    eventually("the problem is told", LIMIT, async || {
        admin.get("/health").await.json.to_string().contains("appsec-failing").then_some(())
    })
    .await;
    admin.put("/security/appsec", &json!({ "on_failure": "refuse" })).await.expect(200);
    has_status(&app, "/", 503).await;

    // It lives again, which is found by itself.
    let appsec = AppSecStandIn::start(port).await;
    has_status(&app, "/", 200).await;
    has_status(&app, "/.env", 403).await;
    until(&mut admin, "judging").await;
    admin.put("/security/appsec", &json!({ "enabled": false })).await.expect(200);
    has_status(&app, "/.env", 200).await;
    until(&mut admin, "off").await;
    let asked = appsec.asked();
    assert_eq!(request(&app, "203.0.113.7", "/.env", "").await.status, 200);
    assert_eq!(appsec.asked(), asked, "it is not asked any more");
}
