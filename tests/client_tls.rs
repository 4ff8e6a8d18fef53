//! TLS towards clients through the whole product: policy, client certificates and uploads, set by the API, kept over
//! a restart (see `docs/tls.md`).

use crate::hosts;
use base::{Clock, SystemClock};
use serde_json::json;
use testkit::{Answer, App, Origin, RawClient};

const CLIENT_CA: &str = include_str!("fixtures/tls/client-ca.pem");
const CLIENT: &str = include_str!("fixtures/tls/client.pem");
const HOST: &str = "safe.example.com";

/// The status of a request by a client with this certificate; 0 when the handshake fails.
async fn status(app: &App, roots: &[u8], own: Option<&str>) -> u16 {
    match RawClient::connect_tls_as(app.https(), HOST, roots, &["http/1.1"], own).await {
        Ok(mut client) => client.get(HOST, "/").await.map_or(0, |answer| answer.status),
        Err(_) => 0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_wants_client_certificates_keeps_wanting_them_after_a_restart_and_a_bad_authority_is_refused()
 {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("inside")).await;
    let host = hosts::add(&mut admin, HOST, &origin).await;
    let roots = app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
    assert_eq!(status(&app, &roots, None).await, 200);

    let junk = json!({ "tls": { "client_certificates": { "required": true, "ca_pem": "junk" } } });
    let refused = admin.put(&hosts::path(&host), &junk).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "tls.client_certificates.ca_pem", "{refused}");
    let message = refused["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("no certificate in it") && message.contains("Paste"), "{message}");
    assert_eq!(status(&app, &roots, None).await, 200, "nothing of it holds");

    let asked = json!({ "tls": { "client_certificates": { "required": true, "ca_pem": CLIENT_CA } } });
    let saved = admin.put(&hosts::path(&host), &asked).await.expect(200);
    assert_eq!(saved["tls"]["client_certificates"]["required"], true);
    assert_eq!(saved["status"]["state"], "serving", "{saved}");
    app.stop().await;
    app.start_again().await;
    let mut admin = app.admin().await;
    assert_eq!(hosts::show(&mut admin, &host).await["tls"], saved["tls"]);
    assert_eq!(status(&app, &roots, None).await, 403);
    assert_eq!(status(&app, &roots, Some(CLIENT)).await, 200);
    assert_eq!(hosts::get(app.http(), HOST, "/").await.status, 403);
    // Other changes leave it alone.
    admin.put(&hosts::path(&host), &json!({ "name": "Safe" })).await.expect(200);
    assert_eq!(status(&app, &roots, None).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn preload_is_sent_only_when_it_was_asked_for_with_what_browsers_want() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("inside")).await;
    let host = hosts::add(&mut admin, HOST, &origin).await;
    let roots = app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
    let short = json!({ "hsts_enabled": true, "hsts_max_age": 600, "tls": { "hsts_preload": true } });
    let refused = admin.put(&hosts::path(&host), &short).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "tls.hsts_preload", "{refused}");
    let full = json!({ "hsts_enabled": true, "hsts_subdomains": true, "tls": { "hsts_preload": true } });
    admin.put(&hosts::path(&host), &full).await.expect(200);
    let mut client = RawClient::connect_tls(app.https(), HOST, &roots, &["http/1.1"]).await.unwrap();
    let answer = client.get(HOST, "/").await.unwrap();
    let sent = answer.header("strict-transport-security").unwrap();
    assert_eq!(sent, "max-age=31536000; includeSubDomains; preload");
    // Taking the ground away takes a word, not silence.
    let refused = admin.put(&hosts::path(&host), &json!({ "hsts_subdomains": false })).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "tls.hsts_preload", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_who_name_nothing_known_are_refused_when_the_settings_say_so() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("inside")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let roots = app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
    admin
        .put("/settings", &json!({ "tls.unknown_name": "refuse", "tls.policy": "modern" }))
        .await
        .expect(200);
    let error = RawClient::connect_tls(app.https(), "who.example.com", &roots, &[]).await.err().unwrap();
    assert!(error.to_string().contains("UnrecognisedName"), "{error}");
    assert_eq!(status(&app, &roots, None).await, 200);
    admin.put("/settings", &json!({ "tls.policy": "ancient" })).await.expect(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_was_pasted_in_the_wrong_order_is_served_in_the_right_one() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("inside")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let now = SystemClock.now();
    let root = certs::InternalCa::create(now).unwrap();
    let authority = certs::InternalCa::from_pem(&root.chain_pem, &root.key_pem).unwrap();
    let leaf = authority.issue(&[HOST.to_owned()], now).unwrap();
    let pasted = format!("{}{}", root.chain_pem, leaf.chain_pem);
    let upload = json!({ "name": "mine", "certificate": pasted, "private_key": leaf.key_pem.expose() });
    let made = admin.post("/certificates", &upload).await.expect(201);
    assert_eq!(made["domains"], json!([HOST]));
    let client = RawClient::connect_tls(app.https(), HOST, root.chain_pem.as_bytes(), &[]).await.unwrap();
    assert!(client.is_shown(&leaf.chain_pem));
    let weak = include_str!("../crates/certs/tests/fixtures/rsa1024.pem");
    let upload = json!({ "name": "weak", "certificate": weak, "private_key": weak });
    let refused = admin.post("/certificates", &upload).await.expect(422);
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("2048"), "{refused}");
}
