//! Pulls decisions from LAPI, joins them with the bans of people, and lets the data plane refuse the banned. When
//! LAPI does not answer, the last decisions go on holding until they end by themselves.

use super::state::{CrowdSec, Phase};
use super::supervise::network;
use base::{Code, Problem, Problems, Timestamp};
use crowdsec::{Decisions, Lapi, LapiError};
use ipnet::IpNet;
use proxy::{BanReason, Bans};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::security_decisions::Release;
use store::{Store, security_configs, security_decisions};
use tasks::{Outcome, Task};

/// How often LAPI is asked. It is on this machine.
const INTERVAL: Duration = Duration::from_secs(2);
/// How often everything is pulled, since LAPI does not tell of a decision that a longer one hid.
const WHOLE: Duration = Duration::from_secs(900);
/// Decisions are written down at once, and not again within a second for each so many of them.
const KEPT_PER_SECOND: usize = 2_000;
/// How old decisions may be before it is a problem.
const STALE: Duration = Duration::from_secs(60);

/// The task that enforces.
#[derive(Debug)]
pub struct Enforce {
    store: Store,
    shared: CrowdSec,
    problems: Problems,
    /// When everything was pulled last, and from whom: another agent knows nothing of the pulls before.
    whole: Option<(Duration, String)>,
    kept: Option<Duration>,
    unkept: bool,
    never: Vec<IpNet>,
    published: bool,
    first_failure: Option<Timestamp>,
}

/// The file with the last decisions, for the first moment of the next start.
fn kept_file(shared: &CrowdSec) -> PathBuf {
    shared.place.folder.join("decisions.json")
}

impl CrowdSec {
    /// Refuses whom the last Charon has refused, before anything is listened on. What cannot be read is left out
    /// and said: the first pull brings it.
    pub async fn enforce_first(&self, store: &Store) {
        let now = self.clock.now();
        let wishes = security_configs::wishes(store).await.unwrap_or_default();
        let manual = security_decisions::bans(store, now).await.unwrap_or_else(|error| {
            tracing::warn!("the first moment is served without the stored bans: {error}");
            Vec::new()
        });
        let held = match std::fs::read(kept_file(self)) {
            Ok(text) if wishes.crowdsec => {
                serde_json::from_slice::<Decisions>(&text).unwrap_or_else(|error| {
                    tracing::warn!(
                        "the last decisions of CrowdSec cannot be read: {error}; the first pull brings them"
                    );
                    Decisions::default()
                })
            }
            _ => Decisions::default(),
        };
        self.with_decisions(|decisions| {
            *decisions = held;
            decisions.expire(now);
        });
        self.set_manual(manual);
        let never: Vec<IpNet> = wishes.never_banned.iter().filter_map(|entry| network(entry)).collect();
        self.publish(&never, wishes.crowdsec);
    }

    /// Lets the data plane refuse who is banned now.
    fn publish(&self, never: &[IpNet], on: bool) {
        self.take_down(|manual, held| {
            if manual.is_empty() && held.is_empty() && !on {
                self.proxy.ban(None);
                return;
            }
            let mut known: BTreeMap<&str, BanReason> = BTreeMap::new();
            for held in held {
                known.entry(&held.scenario).or_insert_with(|| reason("crowdsec", &held.scenario));
            }
            let by_people: Vec<(IpNet, BanReason)> = manual
                .iter()
                .filter_map(|ban| network(&ban.value).map(|network| (network, reason("manual", &ban.reason))))
                .collect();
            let by_people = by_people.iter().map(|(network, reason)| (*network, reason));
            let decided =
                held.iter().filter_map(|held| Some((held.network()?, known.get(held.scenario.as_str())?)));
            let bans = Bans::new(by_people.chain(decided), never, Some(self.canary.clone()));
            self.proxy.ban(Some(Arc::new(bans)));
        });
    }
}

fn reason(source: &'static str, rule: &str) -> BanReason {
    BanReason { source, rule: rule.to_owned() }
}

impl Enforce {
    /// Takes over what [`CrowdSec::enforce_first`] has published.
    pub fn new(store: Store, shared: CrowdSec, problems: Problems) -> Self {
        Self {
            store,
            shared,
            problems,
            whole: None,
            kept: None,
            unkept: false,
            never: Vec::new(),
            published: false,
            first_failure: None,
        }
    }

    async fn look(&mut self) -> Result<String, store::Error> {
        let now = self.shared.clock.now();
        let wishes = security_configs::wishes(&self.store).await?;
        let never: Vec<IpNet> = wishes.never_banned.iter().filter_map(|entry| network(entry)).collect();
        let releases = security_decisions::releases(&self.store).await?;
        let mut changed = !self.published || never != self.never;
        changed |= self.shared.set_manual(security_decisions::bans(&self.store, now).await?);
        changed |= self.shared.with_decisions(|decisions| decisions.expire(now));
        if !wishes.crowdsec {
            changed |= self.shared.with_decisions(|decisions| !std::mem::take(decisions).is_empty());
            self.whole = None;
        }
        changed |= self.release(&releases);
        // What people say is in force before LAPI is asked, which may take its time.
        self.publish(changed, &never, wishes.crowdsec);
        let state = self.shared.state();
        let lapi = self.shared.lapi();
        if let Some(lapi) = lapi.as_ref().filter(|_| wishes.crowdsec) {
            // What comes now may be about somebody who was let go; a person's word goes first.
            let changed = self.pull(lapi).await | self.release(&releases);
            self.publish(changed, &never, true);
        }
        self.keep(wishes.crowdsec);
        let mut fulfilled = Vec::new();
        for release in &releases {
            let done = match &lapi {
                Some(lapi) => lapi.delete(scope(&release.value), &release.value).await.is_ok(),
                // Nothing was ever decided where no agent was.
                None => !wishes.crowdsec && !self.shared.place.config().exists(),
            };
            if done {
                fulfilled.push(release.uuid.clone());
            }
        }
        security_decisions::forget(&self.store, &fulfilled, now).await?;
        self.tell(wishes.crowdsec && state.phase != Phase::NotInstalled, now);
        let blocked = self.shared.blocked();
        let (held, manual) = (blocked.crowdsec.len(), blocked.manual.len());
        Ok(format!("{held} decisions of CrowdSec and {manual} bans by people hold"))
    }

    fn release(&self, releases: &[Release]) -> bool {
        let release = |release: &Release| {
            self.shared.with_decisions(|decisions| decisions.release(scope(&release.value), &release.value))
        };
        releases.iter().fold(false, |changed, each| release(each) | changed)
    }

    fn publish(&mut self, changed: bool, never: &[IpNet], on: bool) {
        if changed {
            self.shared.publish(never, on);
            never.clone_into(&mut self.never);
            (self.published, self.unkept) = (true, true);
        }
    }

    async fn pull(&mut self, lapi: &Lapi) -> bool {
        let clock = self.shared.clock.clone();
        let age = |(at, from): &(Duration, String)| {
            (from == lapi.key.expose()).then(|| clock.monotonic().saturating_sub(*at))
        };
        let all = self.whole.as_ref().and_then(age).is_none_or(|age| age >= WHOLE);
        let asked = clock.now();
        match lapi.pull(all).await {
            Ok(stream) => {
                if all {
                    self.whole = Some((clock.monotonic(), lapi.key.expose().clone()));
                }
                self.first_failure = None;
                self.shared.tell(|state| (state.pulled.at, state.pulled.error) = (Some(asked), None));
                self.shared
                    .with_decisions(|decisions| decisions.take(all, &stream.new, &stream.deleted, asked))
            }
            Err(error) => {
                if self.first_failure.is_none() {
                    tracing::warn!(
                        "decisions cannot be pulled from CrowdSec, and the last ones go on holding: {error}"
                    );
                    self.first_failure = Some(asked);
                }
                // Whatever was sent meanwhile may be lost.
                self.whole = None;
                if matches!(error, LapiError::Credentials { .. }) {
                    tracing::warn!(
                        "LAPI does not know Charon's key; a restart of the agent makes it known again"
                    );
                }
                self.shared.tell(|state| state.pulled.error = Some(error.to_string()));
                false
            }
        }
    }

    /// Says when decisions are old.
    fn tell(&mut self, wished: bool, now: Timestamp) {
        let pulled = self.shared.state().pulled;
        let since = pulled.at.or(self.first_failure);
        let stale = since.filter(|since| wished && now.since(*since) >= STALE);
        let problem = stale.map(|since| {
            let held = self.shared.with_decisions(|decisions| decisions.len());
            let why = pulled.error.unwrap_or_else(|| "the agent does not run".to_owned());
            let message = format!(
                "the decisions of CrowdSec are as of {since}, and {held} of them still hold: {why}; requests are served"
            );
            let remedy = "see on the page Security why the agent does not run; bans by hand hold meanwhile";
            Problem::new(Code::CrowdSecStale, message, remedy).link("/security")
        });
        self.problems.report("CrowdSec decisions", problem.into_iter().collect());
    }

    /// Writes the decisions down for the next start.
    fn keep(&mut self, on: bool) {
        let now = self.shared.clock.monotonic();
        let held = self.shared.with_decisions(|decisions| decisions.len());
        let pause = Duration::from_secs((held / KEPT_PER_SECOND) as u64);
        if !self.unkept || self.kept.is_some_and(|kept| now.saturating_sub(kept) < pause) {
            return;
        }
        let file = kept_file(&self.shared);
        let written = if on {
            let text = self.shared.with_decisions(|decisions| serde_json::to_vec(decisions));
            let new = file.with_extension("new");
            text.map_err(std::io::Error::other)
                .and_then(|text| std::fs::write(&new, text))
                .and_then(|()| std::fs::rename(&new, &file))
        } else {
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        };
        (self.kept, self.unkept) = (Some(now), false);
        if let Err(error) = written {
            tracing::debug!("{} cannot be written: {error}", file.display());
        }
    }
}

fn scope(value: &str) -> &'static str {
    if value.contains('/') { "Range" } else { "Ip" }
}

impl Task for Enforce {
    fn name(&self) -> &'static str {
        "enforce bans"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn run(&mut self) -> Outcome {
        match self.look().await {
            Ok(message) => Outcome::Ok(message),
            Err(error) => Outcome::Failing(
                format!("bans cannot be read: {error}"),
                "those that were in force stay in force; restart Charon: it repairs the database at its start".to_owned(),
            ),
        }
    }
}
