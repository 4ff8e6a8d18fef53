//! An authority that makes it hard (acceptance D3): it refuses nine of ten nonces, or takes its time for each name.

use crate::acme::{LIMIT, order, setting_of, trusted, until};
use crate::hosts;
use base::{Clock, SystemClock};
use serde_json::json;
use testkit::pebble::{Habits, Pebble};
use testkit::{App, eventually};

const CLIENT_CA: &str = include_str!("fixtures/tls/client-ca.pem");

/// Orders a certificate for these names at an authority with such an environment, and waits until it serves. Returns
/// how many orders that took.
async fn issued(names: &str, challenge: &str, environment: &[(&'static str, &str)]) -> usize {
    let environment = environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let mut all = setting_of(Habits { environment, ..Habits::default() }, App::builder()).await;
    let first = json!({"directory": all.pebble.directory(), "roots_pem": all.pebble.root_pem()});
    let settings = json!({"email": "", "terms_agreed": true, "first": first, "challenge": challenge});
    all.api.put("/acme", &settings).await.expect(200);
    let begin = SystemClock.monotonic();
    hosts::add_with(&mut all.api, names, &all.origin, json!({"automatic_certificate": true})).await;
    let mut api = all.api.clone();
    let done = until(&mut api, "valid").await;
    let took = SystemClock.monotonic().saturating_sub(begin);
    assert_eq!((&done["failures"], &done["message"]), (&json!(0), &json!("")), "{done}");
    for name in names.split(',') {
        trusted(&all, name).await;
    }
    let output = all.pebble.output();
    let count = |text: &str| output.lines().filter(|line| line.contains(text)).count();
    eprintln!(
        "{challenge} for {names}: valid after {took:?}, {} orders, {} requests",
        count("Added order"),
        count("POST /")
    );
    count("Added order")
}

#[tokio::test]
async fn an_authority_that_refuses_nine_of_ten_nonces_issues_in_the_end() {
    if Pebble::is_installed() {
        issued("a.example.com", "http-01", &[("PEBBLE_WFE_NONCEREJECT", "90")]).await;
    }
}

#[tokio::test]
async fn an_authority_that_takes_up_to_fifteen_seconds_for_a_name_is_waited_for() {
    if Pebble::is_installed() {
        let slow = [("PEBBLE_VA_NOSLEEP", ""), ("PEBBLE_VA_SLEEPTIME", "15")];
        assert_eq!(issued("a.example.com,b.example.com", "tls-alpn-01", &slow).await, 1);
    }
}

#[tokio::test]
async fn an_authority_that_keeps_what_was_proven_is_not_shown_it_again() {
    if !Pebble::is_installed() {
        return;
    }
    let environment = vec![("PEBBLE_AUTHZREUSE", "100".to_owned())];
    let mut all = setting_of(Habits { environment, ..Habits::default() }, App::builder()).await;
    hosts::add_with(&mut all.api, "a.example.com", &all.origin, json!({"automatic_certificate": true})).await;
    let mut api = all.api.clone();
    let first = until(&mut api, "valid").await;
    let path = format!("/acme/orders/{}/renew", first["uuid"].as_str().unwrap());
    api.post(&path, &json!({})).await.expect(202);
    let second = eventually("it is renewed", LIMIT, async || {
        let now = order(&mut api).await;
        (now["phase"] == "valid" && now["begun_at"] != first["begun_at"]).then_some(now)
    })
    .await;
    let steps: Vec<_> = second["steps"].as_array().unwrap().iter().map(|step| &step["name"]).collect();
    assert_eq!(steps, ["account", "order", "finalise", "download", "store"], "{second}");
    trusted(&all, "a.example.com").await;
}

#[tokio::test]
async fn a_host_that_nobody_else_gets_into_is_proven_all_the_same() {
    if !Pebble::is_installed() {
        return;
    }
    for challenge in ["http-01", "tls-alpn-01"] {
        let mut all = setting_of(Habits::default(), App::builder()).await;
        let first = json!({"directory": all.pebble.directory(), "roots_pem": all.pebble.root_pem()});
        let settings = json!({"email": "", "terms_agreed": true, "first": first, "challenge": challenge});
        all.api.put("/acme", &settings).await.expect(200);
        let closed = json!({
            "automatic_certificate": true, "ssl_forced": true, "traffic": {"maintenance": {"message": "Back at noon."}},
            "tls": {"client_certificates": {"required": true, "ca_pem": CLIENT_CA}},
        });
        hosts::add_with(&mut all.api, "a.example.com", &all.origin, closed).await;
        let answer = hosts::get(all.app.http(), "a.example.com", "/").await;
        assert_ne!(answer.status, 200, "nobody gets in");
        let done = until(&mut all.api.clone(), "valid").await;
        assert_eq!(done["failures"], 0, "{challenge}: {done}");
    }
}
