//! Pulls decisions from LAPI, joins them with the bans of people, and lets the data plane refuse the banned. When
//! LAPI does not answer, the last decisions go on holding until they end by themselves.

use super::geo;
use super::kept::{self, Kept};
use super::state::{CrowdSec, Phase};
use super::supervise::network;
use super::terms::Terms;
use super::usage::Teller;
use base::{Code, Problem, Problems, Timestamp};
use crowdsec::{Access, Decision, Decisions, Lapi, LapiError, Stream};
use ipnet::IpNet;
use proxy::{BanReason, Bans, Captcha, Remedy, Subject};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::security_decisions::Release;
use store::security_enforcement::{Enforcement, WhenStale};
use store::{Store, security_configs, security_decisions, security_enforcement};
use tasks::{Outcome, Task};

/// How often LAPI is asked when it is on this machine.
const INTERVAL: Duration = Duration::from_secs(2);
/// How often when it is on another one, as is usual for bouncers.
const ELSEWHERE: Duration = Duration::from_secs(10);
/// How often everything is pulled, since LAPI does not tell of a decision that a longer one hid.
const WHOLE: Duration = Duration::from_secs(900);
/// After decisions were made, everything is pulled once more, after this time and a second for each so many that hold:
/// a decision that LAPI is writing down while it answers a pull is in neither this answer nor the next.
const SETTLED: Duration = Duration::from_secs(10);
const CHECKED_PER_SECOND: usize = 500;
/// Decisions are written down at once, and not again within a second for each so many of them.
const KEPT_PER_SECOND: usize = 2_000;
/// After they could not be written down.
const KEEP_AGAIN: Duration = Duration::from_secs(30);

/// The task that enforces.
#[derive(Debug)]
pub struct Enforce {
    store: Store,
    shared: CrowdSec,
    problems: Problems,
    /// When everything was pulled last, and from whom: another agent knows nothing of the pulls before.
    whole: Option<(Duration, Access)>,
    /// When LAPI was asked last.
    asked: Option<Duration>,
    /// What a person has ended and only Charon knows of, by its row, as far as LAPI does not hold it any more.
    over: Vec<String>,
    kept: Option<Duration>,
    unkept: bool,
    /// Why they could not be written down the last time.
    keep_fault: Option<String>,
    /// On which terms was enforced last.
    terms: Option<Terms>,
    first_failure: Option<Timestamp>,
    teller: Teller,
    /// Since when it is wished that decisions are enforced.
    wished_since: Option<Timestamp>,
}

impl CrowdSec {
    /// Refuses whom the last Charon has refused, before anything is listened on. What cannot be read is left out
    /// and said: the first pull brings it.
    pub async fn enforce_first(&self, store: &Store) {
        let now = self.clock.now();
        let Kept { terms: Terms { on, set, never, .. }, manual, decisions } = kept::read(&self.place);
        let (on, never) = match security_configs::wishes(store).await {
            Ok(wishes) => {
                let never = wishes.never_banned.iter().filter_map(|entry| network(entry)).collect();
                (wishes.crowdsec, never)
            }
            Err(error) => {
                tracing::warn!(
                    "the wish for CrowdSec cannot be read, and that of the last run holds: {error}"
                );
                (on, never)
            }
        };
        let manual = security_decisions::bans(store, now).await.unwrap_or_else(|error| {
            tracing::warn!("bans by hand cannot be read, and those of the last run hold: {error}");
            manual
        });
        let held = if on { decisions } else { Decisions::default() };
        self.with_decisions(|decisions| {
            *decisions = held;
            decisions.expire(now);
        });
        self.set_manual(manual);
        if let Err(error) = crate::captcha::sign(store, &self.captcha, now).await {
            tracing::warn!(
                "clients that have answered a challenge are asked once more: its keys cannot be read: {error}"
            );
        }
        let set = security_enforcement::get(store).await.unwrap_or_else(|error| {
            tracing::warn!(
                "how decisions are enforced cannot be read, and it stays as in the last run: {error}"
            );
            set
        });
        self.geo_files.lock().await.look(self, &set.geo_databases).await;
        self.publish(&self.terms(on, never, set, false));
        if let Err(error) = self.wish_appsec(store).await {
            tracing::warn!(
                "how AppSec is wished cannot be read, and no request is judged until it can: {error}"
            );
        }
    }

    /// Refuses whom the last Charon has refused, without the database; then [`CrowdSec::let_end`] is to be run.
    pub async fn enforce_kept(&self) {
        let Kept { terms: Terms { on, set, never, .. }, manual, decisions } = kept::read(&self.place);
        tracing::info!(
            "{} decisions of CrowdSec and {} bans by hand of the last run hold until they end",
            decisions.len(),
            manual.len()
        );
        self.with_decisions(|known| *known = decisions);
        self.set_manual(manual);
        self.geo_files.lock().await.look(self, &set.geo_databases).await;
        self.publish(&self.terms(on, never, set, false));
    }

    /// Ends bans whose time is over, and makes no new ones, until this is dropped.
    pub async fn let_end(self) {
        loop {
            tokio::time::sleep(INTERVAL).await;
            let now = self.clock.now();
            if self.with_decisions(|decisions| decisions.expire(now)) | self.end_manual(now) {
                self.publish(&self.blocked().terms.clone());
            }
        }
    }

    fn terms(&self, on: bool, never: Vec<IpNet>, set: Enforcement, dropped: bool) -> Terms {
        let (knows, geo) = self.geo();
        Terms { on, set, never, knows, geo, dropped }
    }

    /// Lets the data plane refuse who is banned now.
    fn publish(&self, terms: &Terms) {
        self.take_down(terms, |manual, held, geo| {
            if manual.is_empty() && held.is_empty() && !terms.on {
                self.proxy.ban(None);
                return;
            }
            let mut known: BTreeMap<(&str, Remedy), BanReason> = BTreeMap::new();
            let enforced: Vec<(Subject, Remedy, &str)> = held
                .iter()
                .filter_map(|held| {
                    let (subject, remedy) = terms.enforces(held).ok()?;
                    Some((subject, remedy, held.scenario.as_str()))
                })
                .collect();
            for (_, remedy, scenario) in &enforced {
                known.entry((scenario, *remedy)).or_insert_with(|| reason(*remedy, "crowdsec", scenario));
            }
            let by_people: Vec<(IpNet, BanReason)> = manual
                .iter()
                .filter_map(|ban| Some((network(&ban.value)?, reason(Remedy::Ban, "manual", &ban.reason))))
                .collect();
            let by_people = by_people.iter().map(|(network, reason)| (Subject::from(*network), reason));
            let decided = enforced.iter().filter_map(|(subject, remedy, scenario)| {
                Some((*subject, known.get(&(*scenario, *remedy))?))
            });
            let grace = Duration::from_secs(60) * terms.set.captcha_grace_minutes;
            let captcha = Arc::new(Captcha::new(self.captcha.clone(), grace));
            let bans = Bans::new(by_people.chain(decided), &terms.never, Some(self.canary.clone()))
                .located_by(geo)
                .challenged_by(Some(captcha));
            self.proxy.ban(Some(Arc::new(bans)));
        });
    }
}

fn reason(remedy: Remedy, source: &'static str, rule: &str) -> BanReason {
    BanReason { remedy, source, rule: rule.to_owned() }
}

impl Enforce {
    /// Takes over what [`CrowdSec::enforce_first`] has published.
    pub fn new(store: Store, shared: CrowdSec, problems: Problems) -> Self {
        Self {
            store,
            shared,
            problems,
            whole: None,
            asked: None,
            over: Vec::new(),
            kept: None,
            unkept: false,
            keep_fault: None,
            terms: None,
            first_failure: None,
            teller: Teller::default(),
            wished_since: None,
        }
    }

    async fn look(&mut self) -> Result<String, store::Error> {
        let now = self.shared.clock.now();
        let wishes = security_configs::wishes(&self.store).await?;
        let never: Vec<IpNet> = wishes.never_banned.iter().filter_map(|entry| network(entry)).collect();
        let set = security_enforcement::get(&self.store).await?;
        self.shared.geo_files.lock().await.look(&self.shared, &set.geo_databases).await;
        let releases = security_decisions::releases(&self.store).await?;
        let mut changed = false;
        changed |= self.shared.set_manual(security_decisions::bans(&self.store, now).await?);
        changed |= self.shared.with_decisions(|decisions| decisions.expire(now));
        changed |= self.shared.touched.swap(false, Ordering::Relaxed);
        self.wished_since = wishes.crowdsec.then(|| self.wished_since.unwrap_or(now));
        if !wishes.crowdsec {
            changed |= self.shared.with_decisions(|decisions| !std::mem::take(decisions).is_empty());
            self.whole = None;
        }
        changed |= self.release(&releases);
        // What people say is in force before LAPI is asked, which may take its time.
        let dropped = set.when_stale == WhenStale::Drop && wishes.crowdsec && self.stale(now).is_some();
        let terms = self.shared.terms(wishes.crowdsec, never, set, dropped);
        self.publish(changed, terms.clone());
        let state = self.shared.state();
        let lapi = self.shared.lapi();
        if let Some(lapi) = lapi.as_ref().filter(|_| wishes.crowdsec && self.is_due(state.elsewhere)) {
            // What comes now may be about somebody who was let go; a person's word goes first.
            let changed = self.pull(lapi, &releases).await | self.release(&releases);
            let dropped = terms.dropped && self.stale(now).is_some();
            self.publish(changed, Terms { dropped, ..terms });
        }
        if let Some(lapi) = lapi.as_ref().filter(|_| wishes.crowdsec && self.first_failure.is_none()) {
            self.teller.look(&self.shared, lapi).await;
        }
        self.keep();
        let mut fulfilled = Vec::new();
        for release in &releases {
            let done = match &lapi {
                // It cannot be told: what was ended stays so here until it is over there.
                Some(lapi) if !lapi.has_machine() => self.over.contains(&release.uuid),
                Some(lapi) => match release.decision {
                    Some(id) => {
                        // LAPI does not tell of a shorter one that this one hid.
                        self.whole = None;
                        lapi.delete_one(id).await.is_ok()
                    }
                    None => lapi.delete(scope(&release.value), &release.value).await.is_ok(),
                },
                // Nothing was ever decided where no agent was.
                None => !wishes.crowdsec && !self.shared.place.config().exists(),
            };
            if done {
                fulfilled.push(release.uuid.clone());
            }
        }
        security_decisions::forget(&self.store, &fulfilled, now).await?;
        self.over.clear();
        self.tell(wishes.crowdsec && state.phase != Phase::NotInstalled, now);
        let blocked = self.shared.blocked();
        let (held, manual) = (blocked.crowdsec.len(), blocked.manual.len());
        Ok(format!("{held} decisions of CrowdSec and {manual} bans by people hold"))
    }

    /// A LAPI of another machine is asked less often, unless somebody waits.
    fn is_due(&mut self, elsewhere: bool) -> bool {
        let now = self.shared.clock.monotonic();
        let waited_for = self.shared.hurry.swap(false, Ordering::Relaxed);
        // Often enough that decisions are not taken for old.
        let interval = ELSEWHERE.min(self.shared.pace / 3);
        let late = self.asked.is_none_or(|asked| now.saturating_sub(asked) >= interval);
        let due = !elsewhere || waited_for || late;
        if due {
            self.asked = Some(now);
        }
        due
    }

    fn release(&self, releases: &[Release]) -> bool {
        let release = |release: &Release| {
            self.shared.with_decisions(|decisions| match release.decision {
                Some(id) => decisions.release_one(id),
                None => decisions.release(scope(&release.value), &release.value),
            })
        };
        releases.iter().fold(false, |changed, each| release(each) | changed)
    }

    fn publish(&mut self, changed: bool, terms: Terms) {
        if changed || self.terms.as_ref() != Some(&terms) {
            self.shared.publish(&terms);
            self.unkept = true;
            self.shared.tell(|state| state.pulled.dropped = terms.dropped);
            self.terms = Some(terms);
        }
    }

    async fn pull(&mut self, lapi: &Lapi, releases: &[Release]) -> bool {
        let clock = self.shared.clock.clone();
        let age = |(at, from): &(Duration, Access)| {
            (from == lapi.access()).then(|| clock.monotonic().saturating_sub(*at))
        };
        let held = self.shared.with_decisions(|decisions| decisions.len());
        let settled = SETTLED + Duration::from_secs((held / CHECKED_PER_SECOND) as u64);
        let decided = self.shared.decided.load(Ordering::Relaxed);
        let due = |age: Duration| age >= WHOLE || (decided && age >= settled);
        let all = self.whole.as_ref().and_then(age).is_none_or(due);
        if all {
            self.shared.decided.store(false, Ordering::Relaxed);
        }
        let asked = clock.now();
        match lapi.pull(all).await {
            Ok(stream) => {
                if all {
                    self.whole = Some((clock.monotonic(), lapi.access().clone()));
                }
                self.over = releases
                    .iter()
                    .filter(|release| is_over(release, all, &stream))
                    .map(|release| release.uuid.clone())
                    .collect();
                if self.first_failure.take().is_some() && self.shared.state().elsewhere {
                    self.shared.supervise.call();
                }
                self.shared.refused.store(false, Ordering::Relaxed);
                self.shared.tell(|state| (state.pulled.at, state.pulled.error) = (Some(asked), None));
                self.shared
                    .with_decisions(|decisions| decisions.take(all, &stream.new, &stream.deleted, asked))
            }
            Err(error) => {
                let refused = matches!(error, LapiError::Credentials { .. });
                let was_refused = self.shared.refused.swap(refused, Ordering::Relaxed);
                if self.first_failure.is_none() {
                    tracing::warn!(
                        "decisions cannot be pulled from CrowdSec, and the last ones go on holding: {error}"
                    );
                }
                // Whatever was sent meanwhile may be lost.
                self.whole = None;
                self.shared.tell(|state| state.pulled.error = Some(error.to_string()));
                if self.first_failure.is_none() || refused != was_refused {
                    // The agent hangs, or has to be told another key.
                    self.shared.supervise.call();
                }
                self.first_failure = self.first_failure.or(Some(asked));
                false
            }
        }
    }

    /// As of when the decisions are, when they are too old.
    fn stale(&self, now: Timestamp) -> Option<Timestamp> {
        let held = || self.shared.with_decisions(|decisions| !decisions.is_empty());
        let known = self.shared.state().pulled.at.or(self.first_failure);
        // Those of an earlier run, when no agent has come up since.
        let since = known.or_else(|| self.wished_since.filter(|_| held()))?;
        (now.since(since) >= self.shared.pace).then_some(since)
    }

    /// Says when decisions are old, or cannot be enforced.
    fn tell(&mut self, wished: bool, now: Timestamp) {
        let state = self.shared.state();
        let mut problems: Vec<Problem> = geo::problem(&state.geo).into_iter().collect();
        if let Some(since) = self.stale(now).filter(|_| wished) {
            let held = self.shared.with_decisions(|decisions| decisions.len());
            let why = state.pulled.error.unwrap_or(if state.elsewhere {
                state.message
            } else {
                "the agent does not run".to_owned()
            });
            let holds = match state.pulled.dropped {
                true => format!("none of the {held} that are known is enforced, as was set for this case"),
                false => format!("{held} of them still hold"),
            };
            let message = format!(
                "the decisions of CrowdSec are as of {since}, and {holds}: {why}; requests are served"
            );
            let remedy = "see on the page Security why LAPI does not answer; bans by hand hold meanwhile";
            problems.push(Problem::new(Code::CrowdSecStale, message, remedy).link("/security"));
        }
        let blocked = self.shared.blocked();
        // That old ones are dropped is said above; that unknown types are ignored was set by a person.
        let lacking = blocked.not_enforced.iter().filter(|((what, _), _)| what.starts_with("scope "));
        if wished && !state.pulled.dropped {
            problems.extend(lacking.map(|((what, why), count)| {
                let message = format!("{count} decisions of {what} are not enforceable: {why}");
                let remedy =
                    "name a database in MaxMind's format on the page Security, or end these decisions";
                Problem::new(Code::CrowdSecNotEnforceable, message, remedy).about(what).link("/security")
            }));
        }
        self.problems.report("CrowdSec decisions", problems);
    }

    /// Writes the decisions down for the next start.
    fn keep(&mut self) {
        let now = self.shared.clock.monotonic();
        let held = self.shared.with_decisions(|decisions| decisions.len());
        let pause = Duration::from_secs((held / KEPT_PER_SECOND) as u64);
        let pause = if self.keep_fault.is_some() { pause.max(KEEP_AGAIN) } else { pause };
        if !self.unkept || self.kept.is_some_and(|kept| now.saturating_sub(kept) < pause) {
            return;
        }
        let terms = self.terms.clone().unwrap_or_default();
        let (manual, decisions) = self.shared.known();
        let fault = kept::write(&self.shared.place, &Kept { terms, manual, decisions }).err();
        (self.kept, self.unkept) = (Some(now), fault.is_some());
        let fault = fault.map(|error| error.to_string());
        if let Some(error) = fault.as_ref().filter(|_| fault != self.keep_fault) {
            tracing::warn!(
                "who is banned cannot be written down, so bans will hold after a restart only once they are read \
                 again: {error}"
            );
        }
        self.keep_fault = fault;
    }
}

/// What a person has ended does not stand at LAPI any more. When the same stands there anew, it holds.
fn is_over(release: &Release, all: bool, stream: &Stream) -> bool {
    let same = |decision: &Decision| match release.decision {
        Some(id) => decision.id == id,
        None => {
            decision.scope.eq_ignore_ascii_case(scope(&release.value))
                && network(&decision.value) == network(&release.value)
        }
    };
    let stands = stream.new.iter().any(same);
    !stands && (all || stream.deleted.iter().any(same))
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
