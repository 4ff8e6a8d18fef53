//! Proofs by DNS-01, against a real authority (`pebble`, strict) that asks a real name server (BIND), to which Charon
//! writes by RFC 2136. Says so and passes where one of them is not installed.

use crate::acme::{LIMIT, Setting, order, setting_of, trusted, until};
use crate::hosts;
use serde_json::{Value, json};
use testkit::pebble::{Habits, Pebble};
use testkit::{Api, App, Bind, eventually};

/// Another key than that of the server, which must not be seen anywhere.
const WRONG: &str = "Y2FuYXJ5IGNhbmFyeSBjYW5hcnkgY2FuYXJ5";

/// A Charon, an authority and a name server that know each other; `None` where one is not installed.
async fn all_three(zones: &[(&str, &str)], habits: Habits) -> Option<(Setting, Bind)> {
    if !Pebble::is_installed() {
        return None;
    }
    let bind = Bind::start(zones)?;
    let setting = knowing(&bind, Habits { resolver: Some(bind.address), ..habits }).await;
    Some((setting, bind))
}

/// A Charon that asks this name server.
async fn knowing(bind: &Bind, habits: Habits) -> Setting {
    let app = App::builder()
        .set("CHARON_DNS_RESOLVERS", bind.address.to_string())
        .set("CHARON_DNS_PORT", bind.address.port().to_string());
    setting_of(habits, app).await
}

fn provider(bind: &Bind, zone: &str, secret: &str) -> Value {
    let field = |name: &str, value: &str| json!({"name": name, "value": value});
    let server = bind.address.to_string();
    json!({"name": "the name server", "kind": "rfc2136", "zones": [zone], "fields": [
        field("server", &server), field("key_name", Bind::KEY), field("secret", secret)]})
}

fn steps(order: &Value) -> Vec<&str> {
    order["steps"].as_array().unwrap().iter().map(|step| step["name"].as_str().unwrap()).collect()
}

/// Waits until the records are gone and the order says so.
async fn cleaned(api: &mut Api, bind: &Bind, record: &str) -> Value {
    eventually("the records are removed", LIMIT, async || {
        let now = order(api).await;
        (bind.count(record) == 0 && steps(&now).contains(&"clean-up")).then_some(now)
    })
    .await
}

#[tokio::test]
async fn a_wildcard_and_its_parent_are_proven_by_two_values_at_one_name_also_across_kill_9() {
    // The authority thinks for two seconds about each name, so that there is time to die.
    let slow = ["PEBBLE_VA_NOSLEEP", "PEBBLE_VA_SLEEPTIME"].into_iter().zip([String::new(), "2".to_owned()]);
    let habits = Habits { environment: slow.collect(), ..Habits::default() };
    let Some((mut all, bind)) = all_three(&[("example.test", "")], habits).await else { return };
    let wish = json!({"automatic_certificate": true, "domain_names": "*.example.test,example.test",
        "forward_host": "127.0.0.1", "forward_port": 9});
    let refused = all.api.post("/proxy-hosts", &wish).await.expect(422);
    assert!(refused.to_string().contains("there is none; add one under Certificates"), "{refused}");
    let made =
        all.api.post("/dns-credentials", &provider(&bind, "example.test", Bind::SECRET)).await.expect(201);
    let more = json!({"automatic_certificate": true});
    hosts::add_with(&mut all.api, "*.example.test,example.test", &all.origin, more).await;
    let mut api = all.api.clone();
    let record = "_acme-challenge.example.test";
    // On a busy machine that moment may pass unseen.
    eventually("both values stand, or have done so", LIMIT, async || {
        (bind.count(record) == 2 || order(&mut api).await["phase"] == "valid").then_some(())
    })
    .await;
    all.app.kill();
    all.app.start_again().await;
    let mut now = all.app.admin().await;
    std::mem::swap(&mut api, &mut now);
    let done = until(&mut api, "valid").await;
    assert_eq!((&done["failures"], &done["message"]), (&json!(0), &json!("")), "{done}");
    for name in ["example.test", "any.example.test"] {
        trusted(&all, name).await;
    }
    let done = cleaned(&mut api, &bind, record).await;
    for step in ["record", "propagation", "challenge", "validation", "clean-up"] {
        assert!(steps(&done).contains(&step), "{step}: {done}");
    }
    assert!(done["steps"].as_array().unwrap().iter().all(|step| step["done"] == true), "{done}");
    // Who uses it is said, and the secret is nowhere in the clear.
    let path = format!("/dns-credentials/{}", made["uuid"].as_str().unwrap());
    let shown = api.get(&path).await.expect(200);
    assert_eq!(shown["used_by"][0]["name"], "*.example.test");
    assert_eq!(shown["secret_fields"], json!(["secret"]));
    let mut seen = all.app.output();
    for path in ["/dns-credentials", &path, "/audit?limit=100", "/acme/orders", "/revisions", "/health"] {
        seen += &api.get(path).await.expect(200).to_string();
    }
    assert!(!seen.contains(Bind::SECRET), "the secret is shown");
    let database = std::fs::read(all.app.data().join("charon.db")).unwrap();
    assert!(!String::from_utf8_lossy(&database).contains(Bind::SECRET));
}

#[tokio::test]
async fn a_wrong_key_is_told_by_the_trial_and_by_the_order_and_a_delegated_name_is_proven_elsewhere() {
    let delegation = "_acme-challenge.shop CNAME shop.proofs.example.test.";
    let zones = [("example.test", delegation)];
    let Some((mut all, bind)) = all_three(&zones, Habits::default()).await else { return };
    let mut api = all.api.clone();
    let made = api.post("/dns-credentials", &provider(&bind, "proofs.example.test", WRONG)).await.expect(201);
    let path = format!("/dns-credentials/{}", made["uuid"].as_str().unwrap());
    let trial = api.post(&format!("{path}/test"), &json!({})).await.expect(200);
    assert_eq!(trial["works"], false);
    assert!(trial["steps"][1]["message"].as_str().unwrap().contains("BADSIG"), "{trial}");
    let more = json!({"automatic_certificate": true});
    hosts::add_with(&mut api, "*.shop.example.test", &all.origin, more).await;
    let failing = until(&mut api, "failing").await;
    let message = failing["message"].as_str().unwrap();
    assert!(message.starts_with("shop.example.test, by DNS provider the name server:"), "{message}");
    assert!(message.contains("BADSIG"), "{message}");
    assert!(failing["remedy"].as_str().unwrap().contains("try the credentials"), "{failing}");
    // Nothing was written, so that nothing has to be removed.
    let health = api.get("/health").await.json.to_string();
    assert!(!health.contains("dns-record-stays"), "{health}");
    // The key is not sent to another address, and is taken over where it is left empty.
    let mut changed = provider(&bind, "proofs.example.test", "");
    changed["fields"][0]["value"] = "127.0.0.1:1".into();
    let refused = api.put(&path, &changed).await.expect(422);
    assert!(refused.to_string().contains("belongs to another address"), "{refused}");
    api.put(&path, &provider(&bind, "proofs.example.test", "")).await.expect(200);
    api.put(&path, &provider(&bind, "proofs.example.test", Bind::SECRET)).await.expect(200);
    let trial = api.post(&format!("{path}/test"), &json!({"zone": "proofs.example.test"})).await.expect(200);
    assert_eq!(trial["works"], true, "{trial}");
    assert_eq!(trial["steps"].as_array().unwrap().iter().filter(|step| step["outcome"] == "done").count(), 4);
    let renew = format!("/acme/orders/{}/renew", failing["uuid"].as_str().unwrap());
    api.post(&renew, &json!({})).await.expect(202);
    until(&mut api, "valid").await;
    all.api = api.clone();
    trusted(&all, "a.shop.example.test").await;
    let done = cleaned(&mut api, &bind, "shop.proofs.example.test").await;
    assert!(done.to_string().contains("shop.proofs.example.test"), "{done}");
    // A name that nobody holds is told as that, with what to do.
    let host = done["hosts"][0]["uuid"].as_str().unwrap();
    let wish = json!({"domain_names": "*.nobody.test"});
    api.put(&format!("/proxy-hosts/{host}"), &wish).await.expect(200);
    let failing = until(&mut api, "failing").await;
    assert!(
        failing["message"].as_str().unwrap().contains("no DNS provider holds *.nobody.test"),
        "{failing}"
    );
    let output = all.app.output();
    assert!(!output.contains(WRONG) && !output.contains(Bind::SECRET), "a key is in the log");
    // Without its provider the certificate goes on serving.
    api.delete(&path).await.expect(204);
    assert_eq!(api.get("/dns-credentials").await.expect(200), json!([]));
}

#[tokio::test]
async fn a_proof_that_the_authority_does_not_find_is_told_and_leaves_no_record_behind() {
    if !Pebble::is_installed() {
        return;
    }
    let Some(bind) = Bind::start(&[("example.test", "")]) else { return };
    // The authority sees another zone of that name, as it does when the registrar names other servers.
    let Some(other) = Bind::start(&[("example.test", "")]) else { return };
    let all = knowing(&bind, Habits { resolver: Some(other.address), ..Habits::default() }).await;
    let mut api = all.api.clone();
    let mut wish = provider(&bind, "example.test", Bind::SECRET);
    wish["every_name"] = true.into();
    api.post("/dns-credentials", &wish).await.expect(201);
    // No wildcard: its provider is to prove every name.
    hosts::add_with(&mut api, "nas.example.test", &all.origin, json!({"automatic_certificate": true})).await;
    let failing = until(&mut api, "failing").await;
    assert!(failing["message"].as_str().unwrap().starts_with("nas.example.test: "), "{failing}");
    assert!(failing["remedy"].as_str().unwrap().contains("NS records at the registrar"), "{failing}");
    assert!(steps(&failing).contains(&"propagation"), "{failing}");
    cleaned(&mut api, &bind, "_acme-challenge.nas.example.test").await;
    assert!(!api.get("/health").await.json.to_string().contains("dns-record-stays"));
    // Being an administrator of Charon is not being one of the machine, nor of its cloud.
    let field = |name: &str, value: &str| json!({"name": name, "value": value});
    let shell = json!({"name": "shell", "kind": "exec", "zones": ["a.test"], "fields": [field("program", "/bin/sh")]});
    let refused = api.post("/dns-credentials", &shell).await.expect(422);
    assert!(refused.to_string().contains("CHARON_DNS_PROGRAMS"), "{refused}");
    let kinds = api.get("/dns-credentials/kinds").await.expect(200);
    let kind = |name: &str| kinds.as_array().unwrap().iter().find(|kind| kind["name"] == name).unwrap();
    assert_eq!((&kind("exec")["available"], &kind("webhook")["available"]), (&json!(false), &json!(true)));
    let hook = json!({"name": "hook", "kind": "webhook", "zones": ["a.test"],
        "fields": [field("endpoint", "http://169.254.169.254/latest")]});
    let made = api.post("/dns-credentials", &hook).await.expect(201);
    let path = format!("/dns-credentials/{}/test", made["uuid"].as_str().unwrap());
    let trial = api.post(&path, &json!({})).await.expect(200);
    assert!(trial["steps"][1]["message"].as_str().unwrap().contains("link-local"), "{trial}");
}
