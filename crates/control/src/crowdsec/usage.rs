//! Tells LAPI what was done with its decisions, where its version has a place for it.

use super::state::{Blocked, CrowdSec, UsageState};
use base::Timestamp;
use crowdsec::{Counted, Lapi, Usage};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often it is told, and tried again after a failure.
const INTERVAL: Duration = Duration::from_secs(1_800);

/// Requests that were stopped, by remediation and rule.
type Stopped = BTreeMap<(&'static str, String), u64>;

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Teller {
    tried: Option<Duration>,
    told: Option<(Duration, u64, Stopped)>,
    started: Option<Timestamp>,
}

impl Teller {
    /// Tells what has happened since it was told last, when it is time.
    pub(super) async fn look(&mut self, shared: &CrowdSec, lapi: &Lapi) {
        let (now, at) = (shared.clock.now(), shared.clock.monotonic());
        let started = *self.started.get_or_insert(now);
        if self.tried.is_some_and(|tried| at.saturating_sub(tried) < INTERVAL) {
            return;
        }
        self.tried = Some(at);
        let stats = shared.proxy.stats();
        let stopped: Stopped = stats
            .blocked
            .iter()
            .filter_map(|((source, rule), count)| {
                // Bans by hand are none of LAPI's, and trials are no requests.
                let remediation = match *source {
                    "crowdsec" if !rule.starts_with("charon/") => "ban",
                    "captcha" => "captcha",
                    "appsec" if rule == "appsec/captcha" => "captcha",
                    "appsec" => "ban",
                    _ => return None,
                };
                Some(((remediation, rule.clone()), *count))
            })
            .collect();
        let (since, processed, known) = self.told.clone().unwrap_or((at, stats.requests, stopped.clone()));
        let usage = Usage {
            processed: stats.requests.saturating_sub(processed),
            dropped: dropped(&stopped, &known, &shared.blocked()),
            active: active(&shared.blocked()),
            window: at.saturating_sub(since),
        };
        let state = match lapi.tell_usage(&usage, started, now).await {
            Ok(true) => {
                self.told = Some((at, stats.requests, stopped));
                UsageState::Told(now)
            }
            Ok(false) => UsageState::NotSupported,
            // What was not told goes with the next.
            Err(error) => UsageState::Failing(error.to_string()),
        };
        shared.tell(|shown| shown.usage = state);
    }
}

/// By origin: that of a decision with the same scenario, as far as one holds.
fn dropped(now: &Stopped, before: &Stopped, blocked: &Blocked) -> Vec<Counted> {
    let origin = |rule: &str| {
        if rule.starts_with("appsec/") {
            return "appsec".to_owned();
        }
        let held = blocked.crowdsec.iter().find(|held| held.scenario == rule);
        held.map_or_else(|| "crowdsec".to_owned(), |held| held.origin.clone())
    };
    let mut sums: BTreeMap<(String, &'static str), u64> = BTreeMap::new();
    for (key, count) in now {
        let new = count - before.get(key).copied().unwrap_or(0).min(*count);
        *sums.entry((origin(&key.1), key.0)).or_default() += new;
    }
    sums.into_iter().map(|((origin, remediation), count)| Counted { origin, remediation, count }).collect()
}

fn active(blocked: &Blocked) -> Vec<Counted> {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for held in &blocked.crowdsec {
        *sums.entry(&held.origin).or_default() += 1;
    }
    let counted =
        |(origin, count): (&str, u64)| Counted { origin: origin.to_owned(), remediation: "", count };
    sums.into_iter().map(counted).collect()
}
