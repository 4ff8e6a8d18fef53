//! HTTP/3 through the whole product: the switch, its state, and what answers by HTTPS tell of it (see `docs/http3.md`).
//! That requests are answered by it is shown in `crates/proxy/tests/wire/h3.rs` and by `scripts/h3-check.sh`.

use crate::hosts;
use crate::load::{get_http3, http3_on, quic};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::time::Duration;
use testkit::{Answer, Api, App, Origin, RawClient, eventually};
use tokio::task::JoinSet;

const HOST: &str = "fast.example.com";
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the listener of HTTP/3 is as `wanted` says; none is an empty text.
pub(crate) async fn state(admin: &mut Api, wanted: impl Fn(&str) -> bool) -> Value {
    eventually("HTTP/3 is in the state that it should be in", PATIENCE, async || {
        let info = admin.get("/system/info").await.expect(200);
        let listeners = info["listeners"].as_array().unwrap();
        let listener = listeners.iter().find(|listener| listener["purpose"] == "http3").cloned();
        let listener = listener.unwrap_or(json!({ "state": "" }));
        wanted(listener["state"].as_str().unwrap()).then_some(listener)
    })
    .await
}

/// What an answer by HTTPS tells.
async fn told(app: &App, roots: &[u8]) -> Option<String> {
    let mut client = RawClient::connect_tls_as(app.https(), HOST, roots, &["http/1.1"], None).await.unwrap();
    client.get(HOST, "/").await.unwrap().header("alt-svc").map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn http_3_is_off_at_first_and_what_is_told_of_it_is_what_is_served_also_after_a_restart() {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("inside")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let roots = app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
    state(&mut admin, str::is_empty).await;
    assert_eq!(told(&app, &roots).await, None);

    admin.put("/settings", &json!({ "proxy.http3": true })).await.expect(200);
    let listener = state(&mut admin, |state| state == "listening").await;
    assert_eq!(listener["address"], app.https().to_string());
    assert!(UdpSocket::bind(app.https()).is_err());
    let advertised =
        async |app: &App| eventually("answers tell of it", PATIENCE, async || told(app, &roots).await).await;
    assert_eq!(advertised(&app).await, format!("h3=\":{}\"; ma=86400", app.https().port()));
    assert_eq!(hosts::get(app.http(), HOST, "/").await.header("alt-svc"), None, "not by plain HTTP");

    app.stop().await;
    app.start_again().await;
    let mut admin = app.admin().await;
    state(&mut admin, |state| state == "listening").await;
    advertised(&app).await;

    admin.put("/settings", &json!({ "proxy.http3": false })).await.expect(200);
    state(&mut admin, str::is_empty).await;
    eventually("nothing tells of it", PATIENCE, async || told(&app, &roots).await.is_none().then_some(()))
        .await;
    eventually("the port is free", PATIENCE, async || UdpSocket::bind(app.https()).ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn early_data_is_taken_once_it_is_switched_on_and_told_to_the_origin() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("inside")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let roots = app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
    admin.put("/settings", &json!({ "proxy.http3": true })).await.expect(200);
    state(&mut admin, |state| state == "listening").await;
    let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(quic(&roots, true));
    let mut tasks = JoinSet::new();
    // Whoever has been there may come back with early data, when it is taken.
    let mut come_back = async || {
        let connection = endpoint.connect(app.https(), HOST).unwrap().await.unwrap();
        let mut sender = http3_on(connection.clone(), &mut tasks).await;
        get_http3(&mut sender, HOST).await.unwrap();
        connection.close(0x100u32.into(), b"");
        let connecting = endpoint.connect(app.https(), HOST).unwrap();
        let (connection, accepted) = connecting.into_0rtt().ok()?;
        let mut sender = http3_on(connection, &mut tasks).await;
        get_http3(&mut sender, HOST).await.unwrap();
        accepted.await.then(|| origin.last_head().header("early-data").map(str::to_owned))
    };
    assert_eq!(come_back().await, None);
    admin.put("/settings", &json!({ "proxy.http3_early_data": true })).await.expect(200);
    // A busy machine may have ended the handshake before the request is looked at, which is no early data any more.
    eventually("early data is taken", PATIENCE, async || {
        come_back().await.flatten().filter(|told| told == "1")
    })
    .await;
    admin.put("/settings", &json!({ "proxy.http3_early_data": false })).await.expect(200);
    assert_eq!(come_back().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_udp_port_that_somebody_else_has_is_named_and_taken_once_it_is_free() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("inside")).await;
    hosts::add(&mut admin, HOST, &origin).await;
    let roots = app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
    let other = UdpSocket::bind(app.https()).unwrap();
    admin.put("/settings", &json!({ "proxy.http3": true })).await.expect(200);
    let listener = state(&mut admin, |state| !state.is_empty()).await;
    let text = listener["state"].as_str().unwrap();
    assert!(text.starts_with("failing: cannot listen on UDP") && text.contains("ss -lunp"), "{text}");
    let health = admin.get("/health").await.raw.text();
    assert!(health.contains("HTTP/3 is not served"), "{health}");
    assert_eq!(told(&app, &roots).await, None, "what is not served is not told of");
    drop(other);
    state(&mut admin, |state| state == "listening").await;
    eventually("answers tell of it", PATIENCE, async || told(&app, &roots).await).await;
}
