//! CrowdSec for a while, with traffic and attackers: the badge stays green, each attacker is refused and nobody else,
//! one agent runs all the time, and none is left at the end.
//!
//! `CHARON_CROWDSEC_SOAK` sets how many seconds (12).

use crate::crowdsec::{agents, banned, probe};
use crate::crowdsec_enforcing::protected;
use crate::crowdsec_scenarios::ask;
use crate::hosts;
use base::{Clock, SystemClock, Timestamp};
use std::time::Duration;
use testkit::{Answer, Origin, RawClient, eventually};

/// Seconds between two trials.
const PACE: u64 = 15;
/// Between two attackers.
const ATTACK: Duration = Duration::from_secs(30);

#[expect(clippy::disallowed_methods, reason = "how long it lasts is a setting of this test")]
fn duration() -> Duration {
    let seconds = std::env::var("CHARON_CROWDSEC_SOAK").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(12))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_badge_stays_green_under_traffic_and_attacks_and_one_agent_runs_all_the_time() {
    let (mut app, mut admin, _origin) =
        protected(|builder| builder.set("CHARON_CROWDSEC_PROOF_INTERVAL", PACE.to_string())).await;
    let served = Origin::start(Answer::text("served")).await;
    hosts::add(&mut admin, "b.example.com", &served).await;
    let first = agents(&app);
    assert_eq!(first.len(), 1);

    let clock = SystemClock;
    let began = clock.monotonic();
    let (mut requests, mut attackers, mut looks) = (0_u64, 0_u32, 0_u64);
    let mut next_attack = Duration::ZERO;
    let mut oldest = Duration::ZERO;
    let mut wire = RawClient::connect(app.http()).await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    while clock.monotonic() - began < duration() {
        pace.tick().await;
        // A quiet visitor, who is never refused.
        let visitor = format!("198.51.100.{}", requests % 200 + 1);
        let answer = ask(&mut wire, &visitor, "GET", "b.example.com", "/", "user-agent: x\r\n").await;
        assert_eq!(answer.status, 200, "a visitor after {requests} requests: {}", answer.text());
        requests += 1;
        if clock.monotonic() - began >= next_attack {
            next_attack += ATTACK;
            attackers += 1;
            let attacker = format!("203.0.{}.{}", 113 + attackers / 250, attackers % 250 + 1);
            probe(&app, &attacker, "").await;
            banned(&app, &attacker).await;
        }
        let shown = admin.get("/security/crowdsec").await.expect(200);
        assert!(shown["state"] == "running" && shown["proof"]["broken_link"].is_null(), "false red: {shown}");
        assert_eq!(
            (&shown["restarts"]["ended"], &shown["restarts"]["hanging"]),
            (&0.into(), &0.into()),
            "{shown}"
        );
        let proven = Timestamp::parse(shown["proof"]["proven_at"].as_str().unwrap()).unwrap();
        oldest = oldest.max(clock.now().since(proven));
        assert_eq!(agents(&app), first);
        let health = admin.get("/health").await.json.to_string();
        assert!(!health.contains("crowdsec-"), "{health}");
        looks += 1;
    }
    eprintln!(
        "{} s: {requests} requests of visitors, {attackers} attackers, {looks} looks, no red; the oldest proof was {} s old",
        duration().as_secs(),
        oldest.as_secs()
    );
    assert_eq!(app.stop().await.code(), Some(0));
    eventually("no agent is left", Duration::from_secs(30), async || agents(&app).is_empty().then_some(()))
        .await;
}
