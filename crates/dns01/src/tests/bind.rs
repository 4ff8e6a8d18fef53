//! RFC 2136, look-ups and propagation against a real BIND.

use super::{built, built_at};
use crate::{DnsError, Outcome, Provider, Resolvers, challenge_name, test};
use base::clock::ManualClock;
use base::{Clock, SystemClock};
use std::sync::Arc;
use std::time::Duration;
use testkit::Bind;

const RECORD: &str = "_acme-challenge.www.example.test";

fn updater(bind: &Bind, key: &str, secret: &str, clock: Arc<dyn Clock>) -> Box<dyn Provider> {
    let server = bind.address.to_string();
    built_at("rfc2136", &[("server", &server), ("key_name", key), ("secret", secret)], clock)
}

async fn values(bind: &Bind, record: &str) -> Vec<String> {
    let mut values = crate::lookup::held(bind.address, record).await.unwrap();
    values.sort();
    values
}

#[tokio::test]
async fn values_at_one_name_are_written_and_removed_one_by_one() {
    let Some(bind) = Bind::start(&[("test", ""), ("example.test", "")]) else { return };
    let updater = updater(&bind, Bind::KEY, Bind::SECRET, Arc::new(SystemClock));
    let first = updater.present(RECORD, "one").await.unwrap();
    updater.present("_ACME-challenge.www.Example.test.", "one").await.unwrap();
    let second = updater.present(RECORD, "two").await.unwrap();
    assert_eq!(values(&bind, RECORD).await, ["one", "two"]);
    updater.remove(&first).await.unwrap();
    updater.remove(&first).await.unwrap();
    assert_eq!(values(&bind, RECORD).await, ["two"]);
    updater.remove(&second).await.unwrap();
    assert!(values(&bind, RECORD).await.is_empty());
}

#[tokio::test]
async fn a_trial_tells_each_step_and_leaves_nothing_behind() {
    let delegation = "_acme-challenge.shop CNAME shop.challenges.example.test.";
    let Some(bind) = Bind::start(&[("example.test", delegation)]) else { return };
    let resolvers = Resolvers { addresses: vec![bind.address], port: bind.address.port() };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let good = updater(&bind, Bind::KEY, Bind::SECRET, clock.clone());
    let limit = Duration::from_secs(10);
    for (zone, record) in [
        ("example.test", "_acme-challenge.example.test"),
        ("shop.example.test", "shop.challenges.example.test"),
    ] {
        let steps = test(&*good, &resolvers, zone, limit, &*clock).await;
        let seen: Vec<_> = steps.iter().map(|step| (step.name, step.outcome)).collect();
        let expected = ["find", "write", "look", "remove"].map(|name| (name, Outcome::Done));
        assert_eq!(seen, expected, "{steps:?}");
        assert!(steps[0].message.contains(record), "{steps:?}");
        assert_eq!(steps[2].message, "1 of 1 servers of the zone show it");
        assert!(values(&bind, record).await.is_empty());
    }
    let wrong = updater(&bind, Bind::KEY, "b3RoZXIgc2VjcmV0", clock.clone());
    let steps = test(&*wrong, &resolvers, "example.test", limit, &*clock).await;
    assert_eq!((steps[1].outcome, steps[2].outcome), (Outcome::Failed, Outcome::Skipped));
    assert!(steps[1].message.contains("BADSIG"), "{steps:?}");
    // Who cannot be asked is not mistaken for one that lacks the value.
    let nobody = Resolvers { addresses: vec![bind.address], port: 1 };
    let steps = test(&*good, &nobody, "example.test", Duration::ZERO, &*clock).await;
    assert_eq!((steps[2].outcome, steps[3].outcome), (Outcome::Unclear, Outcome::Done), "{steps:?}");
}

#[tokio::test]
async fn wrong_keys_clocks_and_zones_are_told_apart() {
    let Some(bind) = Bind::start(&[("example.test", "")]) else { return };
    let now = || Arc::new(SystemClock);
    let late = Arc::new(ManualClock::new(SystemClock.now().plus(Duration::from_secs(3600))));
    let other = "b3RoZXIgc2VjcmV0";
    for (updater, expected) in [
        (updater(&bind, Bind::KEY, other, now()), "BADSIG"),
        (updater(&bind, "unknown-key", Bind::SECRET, now()), "BADKEY"),
        (updater(&bind, Bind::KEY, Bind::SECRET, late), "BADTIME"),
        (updater(&bind, Bind::POWERLESS, Bind::SECRET, now()), "REFUSED"),
    ] {
        let error = updater.present(RECORD, "one").await.unwrap_err();
        assert!(matches!(&error, DnsError::Refused { reason } if reason.starts_with(expected)), "{error}");
    }
    let updater = updater(&bind, Bind::KEY, Bind::SECRET, now());
    let error = updater.present("_acme-challenge.elsewhere.invalid", "one").await.unwrap_err();
    assert!(matches!(error, DnsError::ZoneNotFound { .. }), "{error}");
    assert!(values(&bind, RECORD).await.is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let settings = [
        ("server", "127.0.0.1:1"),
        ("key_name", Bind::KEY),
        ("secret", Bind::SECRET),
        ("algorithm", "hmac-sha512"),
    ];
    let error = built("rfc2136", &settings).present(RECORD, "one").await.unwrap_err();
    assert!(matches!(error, DnsError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn delegation_is_followed_and_the_servers_of_the_zone_are_asked() {
    let delegation = "_acme-challenge.shop CNAME shop.challenges.example.test.
_acme-challenge.round CNAME a.example.test.\na CNAME _acme-challenge.round";
    let Some(bind) = Bind::start(&[("example.test", delegation)]) else { return };
    let resolvers = Resolvers { addresses: vec![bind.address], port: bind.address.port() };
    let target = resolvers.target(&challenge_name("*.shop.example.test")).await.unwrap();
    assert_eq!(target, "shop.challenges.example.test");
    assert_eq!(resolvers.target(RECORD).await.unwrap(), RECORD);
    let circle = resolvers.target(&challenge_name("round.example.test")).await.unwrap_err();
    assert!(circle.to_string().contains("circle"), "{circle}");

    let seen = resolvers.wait_for(&target, "proof", Duration::ZERO, &SystemClock).await.unwrap();
    let lack = &seen.lacking[0];
    assert_eq!((seen.servers, lack.server.as_str()), (1, "ns1.example.test"));
    assert_eq!(lack.reason, "it shows no TXT record there yet");
    let updater = updater(&bind, Bind::KEY, Bind::SECRET, Arc::new(SystemClock));
    updater.present(&target, "another").await.unwrap();
    let seen = resolvers.wait_for(&target, "proof", Duration::ZERO, &SystemClock).await.unwrap();
    assert_eq!(seen.lacking[0].reason, "it shows only other values there");
    updater.present(&target, "proof").await.unwrap();
    let seen = resolvers.wait_for(&target, "proof", Duration::ZERO, &SystemClock).await.unwrap();
    assert!(seen.lacking.is_empty(), "{seen:?}");
}

#[tokio::test]
async fn an_answer_too_long_for_a_datagram_is_fetched_whole() {
    let Some(bind) = Bind::start(&[("example.test", "")]) else { return };
    let updater = updater(&bind, Bind::KEY, Bind::SECRET, Arc::new(SystemClock));
    for number in 0..8 {
        updater.present(RECORD, &format!("{number}{}", "x".repeat(150))).await.unwrap();
    }
    assert_eq!(values(&bind, RECORD).await.len(), 8);
}

#[test]
fn broken_messages_are_not_read() {
    let mut message = crate::wire::question("example.test", crate::wire::TXT, false).unwrap();
    assert!(crate::wire::parse(&message).is_some());
    message[7] = 1; // an answer that is not there
    message.extend([0xc0, 0x1e]); // a name that points at itself
    assert!(crate::wire::parse(&message).is_none());
    for length in 0..message.len() {
        let _ = crate::wire::parse(&message[..length]);
    }
}
