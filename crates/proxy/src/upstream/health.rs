//! What checks and requests tell about a server, as a pure state machine over a monotonic clock: well or not,
//! aside or on trial, warming up. Nothing here reads a clock or does I/O.

use crate::spec::{HealthCheck, Passive};
use std::collections::VecDeque;
use std::time::Duration;

/// For how long a fall is remembered, and how far it can raise the bar.
const FLAP_MEMORY: Duration = Duration::from_secs(600);
const MAX_DOUBLINGS: usize = 4;

/// What a server is fit for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Fitness {
    #[default]
    Well,
    /// Checks fail.
    Failing,
    /// Requests failed; from this moment on, one of them is the trial.
    Aside { until: Duration },
    /// Well again, with a growing share.
    Warming { since: Duration },
}

/// The memory of one server.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// Checks say that it is not well.
    failing: bool,
    /// Checks in a row that say otherwise than `failing`.
    streak: u32,
    /// When checks made it fall, the last ten minutes.
    falls: VecDeque<Duration>,
    /// When requests failed, within the window.
    failures: VecDeque<Duration>,
    aside: Option<Aside>,
    warming: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct Aside {
    until: Duration,
    back_off: Duration,
}

impl Health {
    /// What the server is fit for. `slow_start` is how long it warms up.
    pub(crate) fn fitness(&self, now: Duration, slow_start: Duration) -> Fitness {
        match (self.failing, self.aside, self.warming) {
            (true, ..) => Fitness::Failing,
            (_, Some(aside), _) => Fitness::Aside { until: aside.until },
            (_, _, Some(since)) if now < since + slow_start => Fitness::Warming { since },
            _ => Fitness::Well,
        }
    }

    /// A check has ended.
    pub(crate) fn checked(&mut self, rule: &HealthCheck, well: bool, now: Duration) {
        if well != self.failing {
            self.streak = 0;
            return;
        }
        self.streak += 1;
        while self.falls.front().is_some_and(|fall| now.saturating_sub(*fall) > FLAP_MEMORY) {
            self.falls.pop_front();
        }
        let needed = if self.failing {
            let doublings = self.falls.len().saturating_sub(1).min(MAX_DOUBLINGS);
            u32::from(rule.rise.max(1)) << doublings
        } else {
            u32::from(rule.fall.max(1))
        };
        if self.streak < needed {
            return;
        }
        self.streak = 0;
        self.failing = !self.failing;
        if self.failing {
            self.falls.push_back(now);
            self.falls.truncate(64);
        } else {
            self.back(now);
        }
    }

    /// A request has failed because of the server.
    pub(crate) fn failed(&mut self, rule: &Passive, now: Duration) {
        if rule.failures == 0 {
            return;
        }
        let back_off = |millis: u32| Duration::from_millis(millis.into());
        if let Some(aside) = &mut self.aside {
            // Those that were on their way when it was put aside say nothing new; the trial does.
            if now >= aside.until {
                aside.back_off =
                    (aside.back_off * 2).min(back_off(rule.max_back_off_ms.max(rule.back_off_ms)));
                aside.until = now + aside.back_off;
            }
            return;
        }
        let window = Duration::from_millis(rule.window_ms.into());
        self.failures.retain(|failure| now.saturating_sub(*failure) < window);
        self.failures.push_back(now);
        if self.failures.len() >= usize::from(rule.failures) {
            self.failures.clear();
            let back_off = back_off(rule.back_off_ms);
            self.aside = Some(Aside { until: now + back_off, back_off });
        }
    }

    /// A request has succeeded.
    pub(crate) fn succeeded(&mut self, now: Duration) {
        self.failures.clear();
        if self.aside.take_if(|aside| now >= aside.until).is_some() {
            self.back(now);
        }
    }

    /// Whether a success would change anything.
    pub(crate) fn is_suspect(&self) -> bool {
        self.aside.is_some() || !self.failures.is_empty()
    }

    /// Checks are no longer made: what they said is void.
    pub(crate) fn unchecked(&mut self) {
        self.failing = false;
        self.streak = 0;
        self.falls.clear();
        self.warming = None;
    }

    fn back(&mut self, now: Duration) {
        self.warming = Some(now);
        self.aside = None;
        self.failures.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fitness(health: &Health, now: Duration) -> Fitness {
        health.fitness(now, Duration::ZERO)
    }

    #[test]
    fn checks_in_a_row_change_a_server_and_single_ones_do_not() {
        let rule = HealthCheck { rise: 2, fall: 3, ..HealthCheck::default() };
        let mut health = Health::default();
        for (second, well) in [(1, false), (2, false), (3, true), (4, false), (5, false)] {
            health.checked(&rule, well, at(second));
            assert_eq!(fitness(&health, at(second)), Fitness::Well);
        }
        health.checked(&rule, false, at(6));
        assert_eq!(fitness(&health, at(6)), Fitness::Failing);
        for (second, well) in [(7, true), (8, false), (9, true)] {
            health.checked(&rule, well, at(second));
            assert_eq!(fitness(&health, at(second)), Fitness::Failing);
        }
        health.checked(&rule, true, at(10));
        assert_eq!(health.fitness(at(11), at(5)), Fitness::Warming { since: at(10) });
        assert_eq!(health.fitness(at(15), at(5)), Fitness::Well);
    }

    #[test]
    fn each_fall_doubles_what_a_server_must_show_and_is_forgotten_after_ten_minutes() {
        let rule = HealthCheck { rise: 2, fall: 1, ..HealthCheck::default() };
        let mut health = Health::default();
        let mut now = 0;
        let mut cycle = |start: u64| {
            now = now.max(start);
            health.checked(&rule, false, at(now));
            let mut needed = 0;
            while fitness(&health, at(now)) == Fitness::Failing {
                now += 1;
                needed += 1;
                health.checked(&rule, true, at(now));
            }
            needed
        };
        let needed: Vec<_> = (0..7).map(|_| cycle(0)).collect();
        assert_eq!(needed, [2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(cycle(2000), 2);
    }

    #[test]
    fn failures_within_the_window_put_a_server_aside_and_a_trial_decides() {
        let rule = Passive { failures: 3, window_ms: 10_000, ..Passive::default() };
        let mut health = Health::default();
        for second in [0, 6, 12, 18] {
            health.failed(&rule, at(second));
            assert_eq!(fitness(&health, at(second)), Fitness::Well, "too rare");
        }
        assert!(health.is_suspect());
        health.failed(&rule, at(19));
        assert_eq!(fitness(&health, at(19)), Fitness::Aside { until: at(20) });
        // A straggler changes nothing, neither way.
        health.failed(&rule, at(19));
        health.succeeded(at(19));
        assert_eq!(fitness(&health, at(19)), Fitness::Aside { until: at(20) });
        health.failed(&rule, at(20));
        assert_eq!(fitness(&health, at(20)), Fitness::Aside { until: at(22) });
        health.failed(&rule, at(22));
        assert_eq!(fitness(&health, at(22)), Fitness::Aside { until: at(26) });
        health.succeeded(at(26));
        assert_eq!(fitness(&health, at(26)), Fitness::Well);
        assert!(!health.is_suspect());
    }

    #[test]
    fn the_time_aside_has_an_end_and_zero_failures_switch_it_off() {
        let rule = Passive { failures: 1, max_back_off_ms: 4_000, ..Passive::default() };
        let mut health = Health::default();
        health.failed(&rule, at(0));
        for (second, until) in [(1, 3), (3, 7), (7, 11), (11, 15)] {
            health.failed(&rule, at(second));
            assert_eq!(fitness(&health, at(second)), Fitness::Aside { until: at(until) });
        }
        let mut health = Health::default();
        health.failed(&Passive { failures: 0, ..rule }, at(0));
        assert_eq!(fitness(&health, at(0)), Fitness::Well);
    }
}
