//! Automatic certificates while the wall clock of the machine is wrong (acceptance D9): each is renewed once at most,
//! what goes on is said in plain words, and nothing is left of it when the clock is right again.

use crate::acme::{LIMIT, Setting, setting_of, trusted};
use crate::clock_jumps::Wall;
use crate::hosts;
use base::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::pebble::{Habits, Pebble};
use testkit::{Api, App, RawClient, eventually};

const NAMES: [&str; 3] = ["a.example.com", "b.example.com", "c.example.com"];
const DAY: Duration = Duration::from_secs(86_400);

/// Orders that the authority has seen.
fn ordered(all: &Setting) -> usize {
    all.pebble.output().lines().filter(|line| line.contains("Added order")).count()
}

/// What the board says of the clock.
async fn said(api: &mut Api) -> Option<String> {
    let health = api.get("/health").await.json;
    let problems = health["problems"].as_array().unwrap();
    let one = problems.iter().find(|one| one["code"] == "clock-wrong")?;
    assert!(one["remedy"].as_str().unwrap().contains("timedatectl"), "{one}");
    Some(one["message"].as_str().unwrap().to_owned())
}

/// Waits until Charon has looked after its certificates since the clock was set to so many days from now. A session may
/// have ended by that clock, so there is another one.
async fn looked(all: &Setting, days: i64) -> (Api, String) {
    let mut api = all.app.admin().await;
    // Calls who looks after certificates.
    hosts::add(&mut api, &format!("w{}.example.com", days + 1_000), &all.origin).await;
    let message = eventually(&format!("the board knows of {days} days"), LIMIT, async || {
        let now = SystemClock.now();
        let there = if days < 0 { now.minus(DAY * 2) } else { now.plus(DAY * days as u32) };
        let date = there.to_string()[..10].to_owned();
        said(&mut api).await.filter(|message| message.contains(&format!("it says {date}")))
    })
    .await;
    (api, message)
}

async fn all_valid(api: &mut Api) -> bool {
    let orders = api.get("/acme/orders").await.expect(200);
    let orders = orders.as_array().unwrap();
    orders.len() == NAMES.len() && orders.iter().all(|one| one["phase"] == "valid")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_said_renews_each_certificate_once_and_leaves_nothing_when_it_is_right_again() {
    if !Pebble::is_installed() {
        return;
    }
    let Some((wall, app)) = Wall::of(App::builder()) else { return };
    // Good for 60 days; the authority's own certificate is good from yesterday for 90 days.
    let mut all = setting_of(Habits { validity: Some(60 * 86_400), ..Habits::default() }, app).await;
    for name in NAMES {
        let more = json!({"automatic_certificate": true});
        hosts::add_with(&mut all.api, name, &all.origin, more).await;
    }
    let mut first = all.api.clone();
    eventually("there are certificates", LIMIT, async || all_valid(&mut first).await.then_some(())).await;
    assert_eq!((ordered(&all), said(&mut first).await), (3, None));

    wall.set("-2d");
    let (_, message) = looked(&all, -2).await;
    assert!(message.contains("its certificate begins on"), "{message}");
    wall.set("+1d");
    let (_, message) = looked(&all, 1).await;
    assert!(message.contains("and the authority's"), "{message}");
    assert_eq!(ordered(&all), 3, "nothing was due");
    for name in NAMES {
        trusted(&all, name).await;
    }

    wall.set("+80d");
    assert_eq!(first.get("/auth/me").await.status, 401, "sessions have ended by then");
    let (mut api, _) = looked(&all, 80).await;
    eventually("all are renewed", LIMIT, async || {
        (ordered(&all) >= 6 && all_valid(&mut api).await).then_some(())
    })
    .await;
    wall.set("+81d");
    looked(&all, 81).await;
    assert_eq!(ordered(&all), 6, "each was renewed once, though by this clock what came has ended already");

    // A start with a wrong clock is no storm either; the authority cannot be asked, and that is said plainly.
    wall.set("+90d");
    all.app.kill();
    all.app.start_again().await;
    let (mut api, message) = looked(&all, 90).await;
    assert!(message.contains("its certificate ended on"), "{message}");
    let uuids: Vec<Value> = api.get("/acme/orders").await.expect(200).as_array().unwrap().clone();
    for one in &uuids {
        api.post(&format!("/acme/orders/{}/renew", one["uuid"].as_str().unwrap()), &json!({}))
            .await
            .expect(202);
    }
    eventually("the attempts have failed", LIMIT, async || {
        let orders = api.get("/acme/orders").await.expect(200);
        let failed = |one: &Value| {
            one["phase"] == "failing"
                && one["message"].as_str().unwrap().contains("and the clock of this machine says")
                && one["remedy"].as_str().unwrap().contains("timedatectl")
        };
        orders.as_array().unwrap().iter().all(failed).then_some(())
    })
    .await;

    wall.set("+0");
    let mut api = all.app.admin().await;
    hosts::add(&mut api, "right.example.com", &all.origin).await;
    eventually("all is well again", LIMIT, async || {
        (said(&mut api).await.is_none() && all_valid(&mut api).await).then_some(())
    })
    .await;
    assert_eq!(ordered(&all), 6, "what failed meanwhile is not due");
    for name in NAMES {
        trusted(&all, name).await;
    }
    // What the internal authority made by the clock that was ahead is made anew.
    let root = all.app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
    let made = "w1090.example.com";
    RawClient::connect_tls(all.app.https(), made, &root, &[]).await.expect("it is good now");
    // A person who asks is served, though the last order was begun in what is the future now.
    let one = api.get("/acme/orders").await.expect(200)[0].clone();
    let begun = Timestamp::parse(one["begun_at"].as_str().unwrap()).unwrap();
    assert!(begun > SystemClock.now(), "{one}");
    api.post(&format!("/acme/orders/{}/renew", one["uuid"].as_str().unwrap()), &json!({})).await.expect(202);
    eventually("there is another order", LIMIT, async || (ordered(&all) == 7).then_some(())).await;
    eventually("it is valid", LIMIT, async || all_valid(&mut api).await.then_some(())).await;
    let output = all.app.output();
    assert!(!output.contains("panicked"), "{output}");
}
