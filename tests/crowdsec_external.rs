//! CrowdSec of another machine: Debian's real LAPI in a folder of its own, and Charon as its bouncer.

use crate::crowdsec::{LIMIT, agents, banned, request, until};
use crate::hosts;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use testkit::{Answer, Api, App, BOUNCERS, LapiTls, Origin, OtherLapi, Reply, eventually};

/// A Charon with the host `a.example.com`, and a trial every six seconds.
async fn charon() -> (App, Api, Origin) {
    let app = App::builder().set("CHARON_CROWDSEC_PROOF_INTERVAL", "6").start().await;
    let mut admin = app.admin().await;
    admin.put("/settings", &json!({ "trusted_proxies": ["127.0.0.0/8"] })).await.expect(200);
    let origin = Origin::start(Answer::Full(404, Vec::new(), b"nothing".to_vec())).await;
    hosts::add(&mut admin, "a.example.com", &origin).await;
    (app, admin, origin)
}

async fn passes(app: &App, client: &str) {
    eventually(&format!("{client} is served"), LIMIT, async || {
        (request(app, client, "/", "").await.status == 404).then_some(())
    })
    .await;
}

async fn trial(admin: &mut Api, input: &Value) -> Value {
    admin.post("/security/crowdsec/external/test", input).await.expect(200)
}

/// Tries it out, and says what is wrong with what remedy.
async fn fails(admin: &mut Api, input: &Value, message: &str, remedy: &str) {
    let tried = trial(admin, input).await;
    assert_eq!(tried["works"], false, "{message}: {tried}");
    let has = |field: &str, part: &str| tried[field].as_str().unwrap().contains(part);
    assert!(has("message", message) && has("remedy", remedy), "{message}: {tried}");
}

async fn works(admin: &mut Api, input: &Value) {
    let tried = trial(admin, input).await;
    assert_eq!(tried["works"], true, "{tried}");
}

async fn use_it(admin: &mut Api, input: &Value) -> Reply {
    let stored = admin.put("/security/crowdsec/external", input).await;
    admin.put("/security/crowdsec", &json!({ "mode": "external", "enabled": true })).await.expect(200);
    stored
}

fn reads(shown: &Value, state: &str, message: &str) -> bool {
    shown["mode"] == "external"
        && shown["state"] == state
        && shown["message"].as_str().unwrap().contains(message)
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_of_another_machine_hold_here_and_whatever_breaks_is_named_and_heals() {
    let mut other = OtherLapi::start(None);
    let key = other.cscli(&["bouncers", "add", "charon", "-o", "raw"]);
    let (mut app, mut admin, origin) = charon().await;

    // Nothing is stored yet, and what is tried first says what is wrong.
    admin.put("/security/crowdsec", &json!({ "mode": "external" })).await.expect(422);
    let of = |url: String, key: &str| json!({ "url": url, "api_key": key });
    let (url, port) = (other.url(), other.port());
    fails(&mut admin, &of(url.clone(), "wrong"), "does not know Charon's key", "cscli bouncers add").await;
    fails(&mut admin, &of("http://127.0.0.1:1".to_owned(), &key), "does not answer", "listen_uri").await;
    fails(&mut admin, &of("http://nobody.invalid".to_owned(), &key), "does not answer", "curl").await;
    fails(&mut admin, &of(format!("https://127.0.0.1:{port}"), &key), "TLS", "http://").await;
    fails(&mut admin, &of(format!("{url}/elsewhere"), &key), "404", "something else than LAPI").await;
    let page = Origin::start(Answer::Full(200, Vec::new(), b"<html>".to_vec())).await;
    fails(&mut admin, &of(format!("http://{}", page.address()), &key), "no LAPI", "something else").await;
    let good = of(format!("{url}/v1/"), &key);
    works(&mut admin, &good).await;

    // From a local agent to that of the other machine.
    crate::crowdsec::switch(&mut admin, true).await;
    until(&mut admin, "the local agent runs", |shown| shown["state"] == "running").await;
    assert_eq!(agents(&app).len(), 1);
    let stored = use_it(&mut admin, &good).await.expect(200);
    assert_eq!((&stored["url"], &stored["api_key_set"]), (&json!(url), &json!(true)));
    assert!(!stored.to_string().contains(&key), "{stored}");
    let partly = |shown: &Value| {
        reads(shown, "running", &url)
            && !shown["proof"]["partly_at"].is_null()
            && shown["proof"]["broken_link"].is_null()
    };
    let shown = until(&mut admin, "its LAPI is used", partly).await;
    assert!(agents(&app).is_empty(), "the local agent is stopped");
    assert!(shown["proof"]["proven_at"].is_null(), "no decision was made there: {shown}");
    assert!(shown["proof"]["not_proven"].as_str().unwrap().contains("login of a machine"), "{shown}");

    other.ban("203.0.113.9");
    other.ban("203.0.113.10");
    banned(&app, "203.0.113.9").await;
    let bans = admin.get("/security/bans?value=203.0.113.9").await.expect(200);
    assert_eq!(bans["items"][0]["reason"], "of the other machine", "{bans}");
    assert_eq!(request(&app, "203.0.113.8", "/", "").await.status, 404);
    other.unban("203.0.113.9");
    passes(&app, "203.0.113.9").await;

    // What belongs to the other machine is refused with the reason.
    let change = json!({ "action": "install", "about": "wordpress" });
    let refused = admin.post("/security/crowdsec/changes", &change).await.expect(409);
    assert!(refused.to_string().contains("another machine"), "{refused}");
    admin.get("/security/crowdsec/files").await.expect(409);
    let hub = admin.get("/security/crowdsec/hub").await.expect(200);
    assert_eq!((&hub["available"], &hub["items"]), (&json!(false), &json!([])));
    let alerts = admin.get("/security/alerts").await.expect(409);
    assert!(alerts.to_string().contains("crowdsec-no-login"), "{alerts}");

    // Without a login an end of a ban holds here alone.
    banned(&app, "203.0.113.10").await;
    admin.post("/security/bans/end", &json!({ "value": "203.0.113.10" })).await.expect(200);
    passes(&app, "203.0.113.10").await;

    // Both survive a restart.
    other.ban("203.0.113.11");
    banned(&app, "203.0.113.11").await;
    app.kill();
    app.start_again().await;
    assert_eq!(request(&app, "203.0.113.11", "/", "").await.status, 403, "from the first moment on");
    let mut admin = admin.at(app.ui());
    until(&mut admin, "it is used after a restart", partly).await;
    assert_eq!(request(&app, "203.0.113.10", "/", "").await.status, 404, "what a person has ended stays so");

    // The key is revoked, and known again.
    other.cscli(&["bouncers", "delete", "charon"]);
    let revoked = |shown: &Value| {
        reads(shown, "failing", "does not know Charon's key") && shown["proof"]["broken_link"] == "pull"
    };
    let shown = until(&mut admin, "the link is named", revoked).await;
    assert!(shown["remedy"].as_str().unwrap().contains("cscli bouncers add"), "{shown}");
    assert_eq!(request(&app, "203.0.113.11", "/", "").await.status, 403, "the last decisions hold");
    other.cscli(&["bouncers", "add", "charon", "-k", &key]);
    until(&mut admin, "it heals", partly).await;

    // LAPI is gone, and comes back; nothing is held when that is set.
    other.stop();
    let gone =
        |shown: &Value| reads(shown, "failing", "does not answer") && shown["proof"]["broken_link"] == "LAPI";
    until(&mut admin, "LAPI is missed", gone).await;
    assert_eq!(request(&app, "203.0.113.11", "/", "").await.status, 403);
    let health = admin.get("/health").await.json;
    assert!(health.to_string().contains("CrowdSec of the other machine cannot be used"), "{health}");
    admin.put("/security/enforcement", &json!({ "when_stale": "drop" })).await.expect(200);
    passes(&app, "203.0.113.11").await;
    admin.put("/security/enforcement", &json!({ "when_stale": "keep" })).await.expect(200);
    other.start_again();
    until(&mut admin, "LAPI is back", partly).await;
    banned(&app, "203.0.113.11").await;

    // With the login of a machine everything is proven, alerts are seen, and an end is told.
    other.cscli(&["machines", "add", "charon", "--password", "of-charon", "--file", "/dev/null"]);
    let with = |password: &str| json!({ "url": url, "machine": "charon", "password": password });
    fails(&mut admin, &with("wrong"), "refuses the login of the machine 'charon'", "cscli machines add")
        .await;
    works(&mut admin, &with("of-charon")).await;
    let elsewhere = json!({ "url": "http://127.0.0.1:1", "machine": "charon", "password": "of-charon" });
    let refused = admin.post("/security/crowdsec/external/test", &elsewhere).await.expect(422);
    assert!(refused.to_string().contains("belongs to another address"), "{refused}");
    use_it(&mut admin, &with("of-charon")).await.expect(200);
    let whole =
        |shown: &Value| !shown["proof"]["proven_at"].is_null() && shown["proof"]["not_proven"].is_null();
    until(&mut admin, "the whole way is proven", whole).await;
    let alerts = admin.get("/security/alerts?value=203.0.113.11").await.expect(200);
    assert_eq!(alerts[0]["scenario"], "of the other machine", "{alerts}");
    admin.post("/security/bans/end", &json!({ "value": "203.0.113.11" })).await.expect(200);
    passes(&app, "203.0.113.11").await;
    eventually("the end is told", LIMIT, async || {
        (!other.cscli(&["decisions", "list", "-o", "raw"]).contains("203.0.113.11")).then_some(())
    })
    .await;

    // Off, and here again.
    crate::crowdsec::switch(&mut admin, false).await;
    let off = |shown: &Value| shown["state"] == "off" && shown["mode"] == "external";
    until(&mut admin, "it is off and the choice stays", off).await;
    admin.put("/security/crowdsec", &json!({ "mode": "local", "enabled": true })).await.expect(200);
    let local = |shown: &Value| {
        shown["mode"] == "local" && shown["state"] == "running" && !shown["proof"]["proven_at"].is_null()
    };
    until(&mut admin, "the local agent runs and is proven again", local).await;
    assert_eq!(agents(&app).len(), 1);
    drop((page, origin));
}

/// A certificate of this authority.
fn issue(issuer: &CertifiedIssuer<'_, KeyPair>, names: &[&str], unit: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "charon");
    params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
    (params.signed_by(&key, issuer).unwrap().pem(), key.serialize_pem())
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "authority of the test");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_serves_in_place_of_a_key_and_each_fault_of_tls_is_named() {
    let (ours, foreign) = (authority(), authority());
    let (certificate, key) = issue(&ours, &["localhost"], "lapi");
    let other = OtherLapi::start(Some(&LapiTls { certificate, key, authority: ours.pem() }));
    let (app, mut admin, _origin) = charon().await;
    let url = other.url();
    let input = |url: &str, (certificate, key): &(String, String), authority: &str| json!({ "url": url, "certificate": certificate, "private_key": key, "authorities": authority });
    let good = issue(&ours, &[], BOUNCERS);
    let (roots, wrong_roots) = (ours.pem(), foreign.pem());
    fails(&mut admin, &input(&url, &good, ""), "not trusted here", "certificate of the authority").await;
    fails(&mut admin, &input(&url, &good, &wrong_roots), "TLS", "certificate of the authority").await;
    let named = format!("https://127.0.0.1:{}", other.port());
    fails(&mut admin, &input(&named, &good, &roots), "another name", "with the name that stands in").await;
    let unit = issue(&ours, &[], "somebody");
    fails(&mut admin, &input(&url, &unit, &roots), "does not take", "bouncers_allowed_ou").await;
    let strange = issue(&foreign, &[], BOUNCERS);
    fails(&mut admin, &input(&url, &strange, &roots), "refuses the", "ca_cert_path").await;
    let plain = json!({ "url": format!("http://localhost:{}", other.port()), "api_key": "k" });
    fails(&mut admin, &plain, "speaks HTTPS", "https://").await;
    let mixed = json!({ "url": url, "certificate": good.0, "private_key": strange.1, "authorities": roots });
    let refused = admin.put("/security/crowdsec/external", &mixed).await.expect(422);
    assert!(refused.to_string().contains("does not belong to the certificate"), "{refused}");

    // A key over TLS, and then the certificate.
    let key = other.cscli(&["bouncers", "add", "by-key", "-o", "raw"]);
    works(&mut admin, &json!({ "url": url, "api_key": key, "authorities": roots })).await;
    works(&mut admin, &input(&url, &good, &roots)).await;
    let stored = use_it(&mut admin, &input(&url, &good, &roots)).await.expect(200);
    assert_eq!(
        (&stored["certificate"]["subject"], &stored["api_key_set"]),
        (&json!("charon"), &json!(false))
    );
    until(&mut admin, "LAPI takes the certificate", |shown| {
        reads(shown, "running", "takes Charon's certificate")
    })
    .await;
    other.ban("203.0.113.9");
    banned(&app, "203.0.113.9").await;
    other.unban("203.0.113.9");
    passes(&app, "203.0.113.9").await;
    let bouncers = other.cscli(&["bouncers", "list", "-o", "json"]);
    assert!(bouncers.contains("\"tls\""), "{bouncers}");
}
