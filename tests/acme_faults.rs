//! An authority that makes it hard (acceptance D3): it refuses nine of ten nonces, or takes its time for each name.

use crate::acme::{setting_of, trusted, until};
use crate::hosts;
use base::{Clock, SystemClock};
use serde_json::json;
use testkit::App;
use testkit::pebble::{Habits, Pebble};

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
