//! The answers to the challenges of open orders outlive Charon: they are given from the first connection after kill -9
//! and by the process that takes over, also while the authority itself cannot be asked; and they end with the order.

use crate::acme::{LIMIT, Setting, order, setting_of, until};
use crate::hosts;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use testkit::pebble::{Habits, Pebble};
use testkit::{App, RawClient, eventually};

const NAME: &str = "a.example.com";

/// An order whose answers are in place, at an authority that takes a day to look and then is gone.
async fn waiting(challenge: &str) -> Setting {
    let slow =
        ["PEBBLE_VA_NOSLEEP", "PEBBLE_VA_SLEEPTIME"].into_iter().zip([String::new(), "86400".to_owned()]);
    let habits = Habits { environment: slow.collect(), ..Habits::default() };
    let mut all = setting_of(habits, App::builder().set("CHARON_UPGRADE_GRACE", "1")).await;
    let first = json!({"directory": all.pebble.directory(), "roots_pem": all.pebble.root_pem()});
    let settings = json!({"email": "", "terms_agreed": true, "first": first, "challenge": challenge});
    all.api.put("/acme", &settings).await.expect(200);
    let more = json!({"automatic_certificate": true, "ssl_forced": true});
    hosts::add_with(&mut all.api, NAME, &all.origin, more).await;
    let mut api = all.api.clone();
    eventually("the authority was told to look", LIMIT, async || {
        order(&mut api).await["steps"].to_string().contains("the authority looks").then_some(())
    })
    .await;
    all.pebble.stop();
    all
}

/// The answers that are kept for the open order.
fn kept(app: &App) -> Vec<Value> {
    let rows = crate::sqlite::run(&app.data().join("charon.db"), &["SELECT answers FROM acme_orders"]);
    match rows[0][0].as_str().unwrap() {
        "" => Vec::new(),
        text => serde_json::from_str(text).unwrap(),
    }
}

/// Whether Charon proves the name to somebody who connects now. `None`: nobody listens there.
async fn proves(address: SocketAddr, answer: &Value) -> Option<bool> {
    let text = |name: &str| answer[name].as_str().unwrap();
    if text("challenge") == "tls-alpn-01" {
        RawClient::connect(address).await.ok()?;
        let shown = RawClient::connect_tls(address, NAME, &[], &["acme-tls/1"]).await;
        // Only a proof has the critical extension that no client knows (RFC 8737, section 3).
        let error = shown.expect_err("nobody trusts a proof").to_string();
        return Some(error.contains("UnsupportedCriticalExtension"));
    }
    let mut client = RawClient::connect(address).await.ok()?;
    let path = format!("/.well-known/acme-challenge/{}", text("token"));
    let answer = client.get(NAME, &path).await.expect("an answer");
    Some(answer.status == 200 && answer.text() == text("key_authorization"))
}

async fn check(challenge: &str) {
    let mut all = waiting(challenge).await;
    let address = if challenge == "http-01" { all.app.http() } else { all.app.https() };
    let answers = kept(&all.app);
    assert_eq!((answers.len(), &answers[0]["challenge"]), (1, &json!(challenge)));
    assert_eq!(proves(address, &answers[0]).await, Some(true));

    all.app.kill();
    all.app.spawn_again();
    let first =
        eventually("somebody listens again", LIMIT, async || proves(address, &answers[0]).await).await;
    assert!(first, "the first connection after the start met no proof");
    all.app.wait_until_ready().await;
    assert_eq!(proves(address, &answers[0]).await, Some(true));

    // Whoever looks during an upgrade, at the old process or at the new one, finds it.
    let (is_over, looked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (answer, over, count) = (answers[0].clone(), is_over.clone(), looked.clone());
    #[expect(clippy::disallowed_methods, reason = "a panic here is joined below")]
    let looking = tokio::spawn(async move {
        while !over.load(Ordering::Relaxed) {
            assert_eq!(proves(address, &answer).await, Some(true), "after {count:?} looks");
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let run = tokio::task::block_in_place(|| all.app.run(&["upgrade"]));
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(all.app.wait_for_end().await.success(), "{}", all.app.output());
    let before = looked.load(Ordering::Relaxed);
    eventually("the new process alone was asked", LIMIT, async || {
        (looked.load(Ordering::Relaxed) > before + 3 || looking.is_finished()).then_some(())
    })
    .await;
    is_over.store(true, Ordering::Relaxed);
    looking.await.expect("every look met the proof");

    // The authority has forgotten the order: nothing is answered for it any more.
    all.pebble.begin().await;
    let mut api = all.app.admin().await;
    let uuid = until(&mut api, "failing").await["uuid"].as_str().unwrap().to_owned();
    api.post(&format!("/acme/orders/{uuid}/renew"), &json!({})).await.expect(202);
    eventually("the answer is withdrawn", LIMIT, async || {
        (proves(address, &answers[0]).await == Some(false) && !kept(&all.app).contains(&answers[0]))
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_for_the_authority_are_there_from_the_first_connection_after_kill_9_and_through_an_upgrade() {
    if Pebble::is_installed() {
        check("http-01").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_by_tls_are_there_from_the_first_connection_after_kill_9_and_through_an_upgrade() {
    if Pebble::is_installed() {
        check("tls-alpn-01").await;
    }
}
