//! CrowdSec's AppSec component, a program beside us that judges requests: where it is, what holds when it does not
//! answer, and a breaker, so that a dead one costs requests nothing.

use crate::captcha::{Captcha, Desk};
use crate::upstream::live::LiveServer;
use ahash::AHashSet;
use base::{Secret, Timestamp};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Failures in a row after which it is not asked for a while.
const TOLERATED: u32 = 3;
/// The shortest and the longest while.
const PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// What is set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppSecSettings {
    /// Where it listens; tried in this order.
    pub addresses: Vec<SocketAddr>,
    /// Name and port for its `Host`.
    pub authority: String,
    /// The path that it listens on.
    pub path: String,
    /// The key of a bouncer.
    pub key: Secret<String>,
    /// The longest that a request waits for it.
    pub limit: Duration,
    /// The longest body that it is sent, in bytes.
    pub largest_body: usize,
    /// Requests are refused when it does not answer; else they pass.
    pub refuse_on_failure: bool,
    /// Requests with a longer body are refused; else they are judged without it.
    pub refuse_large_bodies: bool,
    /// How long a solved challenge holds.
    pub grace: Duration,
    /// Hosts that it is not asked about, by id.
    pub exempt: Vec<String>,
}

/// What it has said, and what was made of it, since the process began.
#[derive(Debug, Default)]
pub struct AppSecCounts {
    allowed: AtomicU64,
    banned: AtomicU64,
    challenged: AtomicU64,
    failed: AtomicU64,
    skipped: AtomicU64,
    without_body: AtomicU64,
    too_large: AtomicU64,
}

/// The same to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AppSecNumbers {
    /// It let them pass.
    pub allowed: u64,
    /// It had them refused.
    pub banned: u64,
    /// It had their clients challenged.
    pub challenged: u64,
    /// It did not answer, or not as it should.
    pub failed: u64,
    /// It was not asked, since it had failed before.
    pub skipped: u64,
    /// Of those that it judged: without their bodies.
    pub without_body: u64,
    /// Refused without asking, since their bodies are too long.
    pub too_large: u64,
}

impl AppSecCounts {
    /// As of now.
    pub fn numbers(&self) -> AppSecNumbers {
        AppSecNumbers {
            allowed: self.allowed.load(Relaxed),
            banned: self.banned.load(Relaxed),
            challenged: self.challenged.load(Relaxed),
            failed: self.failed.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            without_body: self.without_body.load(Relaxed),
            too_large: self.too_large.load(Relaxed),
        }
    }

    pub(crate) fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Allowed => &self.allowed,
            Outcome::Banned => &self.banned,
            Outcome::Challenged => &self.challenged,
            Outcome::Failed => &self.failed,
            Outcome::Skipped => &self.skipped,
            Outcome::WithoutBody => &self.without_body,
            Outcome::TooLarge => &self.too_large,
        };
        counter.fetch_add(1, Relaxed);
    }
}

/// What became of a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Allowed,
    Banned,
    Challenged,
    Failed,
    Skipped,
    WithoutBody,
    TooLarge,
}

/// What judges requests now; `None`: nothing does.
pub(crate) type Published = Option<Arc<AppSec>>;

/// One AppSec component, for all workers.
#[derive(Debug)]
pub struct AppSec {
    pub(crate) settings: AppSecSettings,
    pub(crate) counts: Arc<AppSecCounts>,
    pub(crate) captcha: Captcha,
    /// Its place in the pools of kept connections.
    pub(crate) server: LiveServer,
    exempt: AHashSet<Box<str>>,
    breaker: Breaker,
}

impl AppSec {
    /// It is asked from the first request on. `desk` judges the challenges of whom it suspects.
    pub fn new(settings: AppSecSettings, counts: Arc<AppSecCounts>, desk: Arc<Desk>) -> Self {
        // Below those of upstreams, which count from zero on.
        static NEXT: AtomicU64 = AtomicU64::new(u64::MAX);
        let captcha = Captcha::new(desk, settings.grace);
        let exempt = settings.exempt.iter().map(|id| id.as_str().into()).collect();
        let server = LiveServer::alone(NEXT.fetch_sub(1, Relaxed));
        Self { settings, counts, captcha, server, exempt, breaker: Breaker::default() }
    }

    /// What is set.
    pub fn settings(&self) -> &AppSecSettings {
        &self.settings
    }

    /// Since when it has failed, and how it last did; `None` while it answers.
    pub fn failing(&self) -> Option<(Timestamp, String)> {
        self.breaker.failing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It has answered at least once.
    pub fn has_answered(&self) -> bool {
        self.breaker.answers.load(Relaxed) > 0
    }

    pub(crate) fn judges(&self, host: &str) -> bool {
        self.exempt.is_empty() || !self.exempt.contains(host)
    }

    /// Whether it is to be asked at `now`, on the monotonic clock.
    pub(crate) fn may_ask(&self, now: Duration) -> bool {
        self.breaker.may_ask(now)
    }

    pub(crate) fn answered(&self) {
        self.breaker.answered();
    }

    pub(crate) fn failed(&self, now: Duration, wall: Timestamp, why: String) {
        self.breaker.failed(now, wall, why);
    }
}

/// After some failures in a row only one request asks, after a while that doubles each time.
#[derive(Debug, Default)]
struct Breaker {
    answers: AtomicU64,
    failures: AtomicU32,
    /// Nobody asks before this moment, in microseconds of the monotonic clock; 0 while it answers.
    until: AtomicU64,
    failing: Mutex<Option<(Timestamp, String)>>,
}

impl Breaker {
    fn may_ask(&self, now: Duration) -> bool {
        let until = self.until.load(Relaxed);
        if until == 0 {
            return true;
        }
        let now = micros(now);
        // Whoever moves the moment on asks; for as long as that takes nobody else does.
        now >= until && self.until.compare_exchange(until, now + micros(PAUSE[0]), Relaxed, Relaxed).is_ok()
    }

    fn answered(&self) {
        self.answers.fetch_add(1, Relaxed);
        if self.failures.load(Relaxed) > 0 {
            self.failures.store(0, Relaxed);
            self.until.store(0, Relaxed);
            *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    fn failed(&self, now: Duration, wall: Timestamp, why: String) {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        if failures >= TOLERATED {
            let [least, most] = PAUSE;
            let pause = (least * (1 << (failures - TOLERATED).min(5))).min(most);
            self.until.store(micros(now + pause), Relaxed);
        }
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        let since = failing.as_ref().map_or(wall, |(since, _)| *since);
        *failing = Some((since, why));
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_one_is_asked_ever_more_seldom_by_one_request_and_an_answer_ends_that() {
        let breaker = Breaker::default();
        let at = Duration::from_millis;
        let wall = Timestamp::from_millis;
        for failure in 1..=3 {
            assert!(breaker.may_ask(at(failure)), "{failure}");
            breaker.failed(at(failure), wall(7), "dead".to_owned());
        }
        assert!(!breaker.may_ask(at(10)) && !breaker.may_ask(at(1_002)));
        assert!(breaker.may_ask(at(1_003)), "one tries");
        assert!(!breaker.may_ask(at(1_003)), "and nobody beside it");
        breaker.failed(at(1_100), wall(8), "still dead".to_owned());
        assert!(!breaker.may_ask(at(3_099)) && breaker.may_ask(at(3_100)), "twice as long");
        assert_eq!(*breaker.failing.lock().unwrap(), Some((wall(7), "still dead".to_owned())));
        for _ in 0..40 {
            breaker.failed(at(3_200), wall(9), "dead".to_owned());
        }
        assert!(!breaker.may_ask(at(33_199)) && breaker.may_ask(at(33_200)), "half a minute at most");
        breaker.answered();
        assert!(breaker.may_ask(at(33_201)) && breaker.failing.lock().unwrap().is_none());
    }
}
