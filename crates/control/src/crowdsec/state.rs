//! What the tasks of CrowdSec share, and what they tell.

use super::events::{Event, EventKind, Events};
use super::geo::GeoFiles;
use super::terms::Terms;
use base::{Clock, Timestamp};
use crowdsec::{Decisions, FeedStatus, Held, Lapi, LogLine, Place, Process, ReadCounts};
use proxy::{AppSecCounts, CaptchaDesk, Geo, Knows, Proxy};
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::security_decisions::Ban;
use tasks::Wake;
use tokio::sync::watch;

/// How long the agent may take to end.
pub(super) const STOP: Duration = Duration::from_secs(10);

/// Bans that begin or end at once and are told one by one.
const MOST_TOLD: usize = 20;
/// What is the case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// It is switched off and does not run.
    Off,
    /// It is on its way.
    Starting,
    /// It runs and reads.
    Running,
    /// It shall run and does not.
    Failing,
    /// It shall run and is not installed.
    NotInstalled,
}

/// How the pulling of decisions goes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pulled {
    /// When it last went well.
    pub at: Option<Timestamp>,
    /// Why it does not go now.
    pub error: Option<String>,
    /// They are too old, and are not enforced, as was wished for this case.
    pub dropped: bool,
}

/// What tells countries and autonomous systems.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GeoState {
    /// Since when what is used was read; `None` while nothing is.
    pub loaded_at: Option<Timestamp>,
    /// Why the files cannot be used now, as a sentence part.
    pub error: Option<String>,
    /// What it can tell.
    pub knows: Knows,
}

/// Whether LAPI is told what was done with its decisions.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum UsageState {
    /// Not yet.
    #[default]
    NotYet,
    /// Its version has no place for it.
    NotSupported,
    /// It was told then.
    Told(Timestamp),
    /// It cannot be told.
    Failing(String),
}

/// How the last trial went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Proof {
    /// When a decision of LAPI was last seen to be enforced.
    pub proven_at: Option<Timestamp>,
    /// When the links behind LAPI were last seen to hold.
    pub partly_at: Option<Timestamp>,
    /// What that leaves open, and why.
    pub open: Option<&'static str>,
    /// Which link of the chain is broken, and how: `agent`, `LAPI`, `pull`, `lookup` or `proxy`.
    pub broken: Option<(&'static str, String)>,
    /// Since when.
    pub broken_since: Option<Timestamp>,
}

/// Numbers of what is handed to the agent and of what it makes of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// The handing over.
    pub feed: FeedStatus,
    /// What the agent counts; `None` while it does not say.
    pub agent: Option<ReadCounts>,
    /// What this agent and those before it have counted, since Charon's start.
    pub lines: ReadCounts,
    /// Requests that were not written down for it.
    pub lost: u64,
}

/// How the trials of the whole way have ended, since Charon's start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trials {
    /// Well.
    pub proven: u64,
    /// With a broken link, by its name.
    pub broken: BTreeMap<&'static str, u64>,
}

/// How often the agent had to be started anew, since Charon's start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Restarts {
    /// Because it had ended by itself.
    pub ended: u64,
    /// Because it did not answer any more.
    pub hanging: u64,
    /// When that was last, and why, as a sentence.
    pub last: Option<(Timestamp, String)>,
}

/// Everything about CrowdSec that a person may want to know.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// It shall run. `None`: nobody has looked yet.
    pub wish: Option<bool>,
    /// It is that of another machine.
    pub elsewhere: bool,
    /// What is the case.
    pub phase: Phase,
    /// The same as a sentence, with the reason.
    pub message: String,
    /// What mends it; empty when nothing needs mending.
    pub remedy: String,
    /// Since when the phase is this one.
    pub since: Timestamp,
    /// The agent's process.
    pub pid: Option<u32>,
    /// The agent's version.
    pub version: String,
    /// The edition of the configuration with which the agent was started last, and whether it ran with it.
    pub tried: Option<(u64, bool)>,
    /// Parsers and scenarios that are on.
    pub items: usize,
    /// What could not be switched on.
    pub missing: Vec<String>,
    /// Requests for the agent.
    pub numbers: Numbers,
    /// Decisions from the agent.
    pub pulled: Pulled,
    /// The trial of everything.
    pub proof: Proof,
    /// All trials.
    pub trials: Trials,
    /// Countries and autonomous systems.
    pub geo: GeoState,
    /// What LAPI is told.
    pub usage: UsageState,
    /// How often the agent failed.
    pub restarts: Restarts,
}

/// Who is banned, for people.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Blocked {
    /// By people.
    pub manual: Vec<Ban>,
    /// By CrowdSec.
    pub crowdsec: Vec<Held>,
    /// How it is enforced.
    pub terms: Terms,
    /// Decisions that are not enforced: how many, by what they are (`scope Country`) and why.
    pub not_enforced: BTreeMap<(String, &'static str), usize>,
}

impl Blocked {
    /// Who has decided, why, and whom it is about.
    fn all(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let manual = self.manual.iter().map(|ban| ("manual", ban.reason.as_str(), ban.value.as_str()));
        let decided = self
            .crowdsec
            .iter()
            .map(|held| (held.origin.as_str(), held.scenario.as_str(), held.value.as_str()));
        manual.chain(decided)
    }
}

#[derive(Debug, Default)]
struct Inside {
    decisions: Decisions,
    manual: Vec<Ban>,
    /// What the data plane was told last; `None` before the first time.
    blocked: Option<Arc<Blocked>>,
    lapi: Option<Lapi>,
    log: Vec<LogLine>,
    geo: Option<Arc<Geo>>,
    /// Which `geo` this is.
    geo_number: u64,
}

/// What the tasks share. Cheap to clone; all clones are one. It outlives the database: the bans do.
#[derive(Clone, Debug)]
pub struct CrowdSec {
    /// Where the agent lives.
    pub place: Arc<Place>,
    /// Where the agent's program lies, when that was said.
    pub program: Option<PathBuf>,
    /// A variable of the environment that wishes it on or off: name and value.
    pub environment: Option<(String, String)>,
    /// How often the whole way is tried out, and how old decisions may be.
    pub pace: Duration,
    /// What refuses the banned.
    pub proxy: Arc<Proxy>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// The address that stands for an attacker in trials (RFC 5737).
    pub canary: proxy::Canary,
    /// Calls the task that makes the wish so.
    pub supervise: Wake,
    /// Where suspected clients answer.
    pub captcha: Arc<CaptchaDesk>,
    /// Calls the task that enforces.
    pub enforce: Wake,
    /// Calls the task that proves.
    pub prove: Wake,
    /// The agent has told that it decided something since everything was pulled.
    pub(super) decided: Arc<AtomicBool>,
    /// LAPI has refused Charon's key at the last pull.
    pub(super) refused: Arc<AtomicBool>,
    /// Somebody waits for the next pull.
    pub(super) hurry: Arc<AtomicBool>,
    /// A trial has put a decision in, or taken it out.
    pub(super) touched: Arc<AtomicBool>,
    /// What AppSec has said in this process.
    pub(super) appsec_counts: Arc<AppSecCounts>,
    appsec_fault: Arc<Mutex<Option<(Timestamp, String)>>>,
    /// The databases of countries and networks.
    pub(super) geo_files: Arc<tokio::sync::Mutex<GeoFiles>>,
    /// What happens, for people who look on.
    pub events: Arc<Events>,
    /// The agent that runs.
    pub(super) process: Arc<tokio::sync::Mutex<Option<Process>>>,
    state: Arc<watch::Sender<State>>,
    inside: Arc<Mutex<Inside>>,
}

impl CrowdSec {
    /// Nothing runs and nobody is banned.
    pub fn new(
        place: Place,
        program: Option<PathBuf>,
        environment: Option<(String, String)>,
        pace: Duration,
        proxy: Arc<Proxy>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let [last] = base::random::bytes();
        let address = IpAddr::from(Ipv4Addr::new(192, 0, 2, last.clamp(1, 254)));
        Self {
            place: Arc::new(place),
            program,
            environment,
            pace,
            proxy,
            clock,
            canary: proxy::Canary { token: base::random::hex_token::<32>(), address },
            supervise: Wake::new(),
            captcha: Arc::new(CaptchaDesk::new(&base::random::bytes::<32>())),
            enforce: Wake::new(),
            prove: Wake::new(),
            decided: Arc::default(),
            refused: Arc::default(),
            hurry: Arc::default(),
            touched: Arc::default(),
            appsec_counts: Arc::default(),
            appsec_fault: Arc::default(),
            geo_files: Arc::default(),
            events: Arc::default(),
            process: Arc::default(),
            state: Arc::new(watch::Sender::new(State::default())),
            inside: Arc::default(),
        }
    }

    /// How it stands.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// How it stands, to be waited on.
    pub(super) fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Who is banned now. Decisions of trials are left out.
    pub fn blocked(&self) -> Arc<Blocked> {
        self.inside().blocked.clone().unwrap_or_default()
    }

    /// Ends the agent, politely. What would start another one must have ended.
    pub async fn end(&self) {
        self.end_within(STOP).await;
    }

    /// As [`CrowdSec::end`]; it is killed when it takes longer than `grace`.
    pub(super) async fn end_within(&self, grace: Duration) {
        if let Some(process) = self.process.lock().await.take() {
            process.stop(grace).await;
        }
    }

    /// Lets `told` refuse all of them, and shows them afterwards: what is shown is in force.
    pub(super) fn take_down(&self, terms: &Terms, told: impl FnOnce(&[Ban], &[Held], Option<Arc<Geo>>)) {
        let (manual, held, geo) = {
            let inside = self.inside();
            let held: Vec<Held> = inside.decisions.iter().cloned().collect();
            (inside.manual.clone(), held, inside.geo.clone())
        };
        told(&manual, &held, geo);
        let canary = self.canary.address.to_string();
        let crowdsec: Vec<Held> = held.into_iter().filter(|held| held.value != canary).collect();
        let mut not_enforced = BTreeMap::new();
        for held in &crowdsec {
            if let Err((what, why)) = terms.enforces(held) {
                *not_enforced.entry((what, why)).or_default() += 1;
            }
        }
        let terms = terms.clone();
        let now = Arc::new(Blocked { manual, crowdsec, terms, not_enforced });
        let before = self.inside().blocked.replace(now.clone());
        // What the last Charon has refused already is no news.
        if let Some(before) = before {
            self.tell_changes(&before, &now);
        }
    }

    pub(super) fn set_geo(&self, geo: Option<Arc<Geo>>) {
        let mut inside = self.inside();
        inside.geo = geo;
        inside.geo_number += 1;
    }

    /// What can be told of addresses, and a number that is another one after each change of it.
    pub(super) fn geo(&self) -> (Knows, u64) {
        let inside = self.inside();
        (inside.geo.as_deref().map(Geo::knows).unwrap_or_default(), inside.geo_number)
    }

    /// Tells whom bans begin and end for; of many at once, how many more there are.
    fn tell_changes(&self, before: &Blocked, now: &Blocked) {
        let time = self.clock.now();
        for (kind, old, new) in [(EventKind::Ban, before, now), (EventKind::Unban, now, before)] {
            let known: HashSet<_> = old.all().map(|(_, _, value)| value).collect();
            let mut fresh = new.all().filter(|(_, _, value)| !known.contains(value));
            for (source, reason, client) in fresh.by_ref().take(MOST_TOLD) {
                let [source, reason, client] = [source, reason, client].map(str::to_owned);
                self.events.push(Event { time, kind, source, reason, client, ..Event::default() });
            }
            let more = fresh.count();
            if more > 0 {
                let reason = format!("and {more} more at once");
                self.events.push(Event { time, kind, reason, ..Event::default() });
            }
        }
    }

    /// Since when AppSec cannot be found, and why.
    pub(super) fn appsec_fault(&self) -> Option<(Timestamp, String)> {
        self.appsec_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_appsec_fault(&self, why: Option<String>) {
        let mut fault = self.appsec_fault.lock().unwrap_or_else(PoisonError::into_inner);
        let since = fault.as_ref().map_or_else(|| self.clock.now(), |(since, _)| *since);
        *fault = why.map(|why| (since, why));
    }

    /// Asks for a pull now, also where they are rarer.
    pub(super) fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
        self.enforce.call();
    }

    /// The newest lines of the agent's log, the oldest first.
    pub fn log(&self) -> Vec<LogLine> {
        self.inside().log.clone()
    }

    /// Tells what is the case. The moment since when stays while the phase does.
    pub(super) fn tell(&self, change: impl FnOnce(&mut State)) {
        let now = self.clock.now();
        let mut news = Vec::new();
        self.state.send_modify(|state| {
            let (before, proven) =
                (state.phase, state.proof.broken.clone().filter(|_| state.phase == Phase::Running));
            change(state);
            if state.phase != before {
                state.since = now;
                news.push((EventKind::State, state.message.clone()));
            }
            match (&proven, &state.proof.broken) {
                (None, Some((link, why))) if state.phase == Phase::Running => {
                    news.push((EventKind::Proof, format!("the link '{link}' is broken: {why}")));
                }
                (Some(_), None) => news.push((EventKind::Proof, "proven again".to_owned())),
                _ => {}
            }
        });
        for (kind, reason) in news {
            let source = "crowdsec".to_owned();
            self.events.push(Event { time: now, kind, source, reason, ..Event::default() });
        }
    }

    /// The LAPI that answers; `None` while no agent runs.
    pub fn lapi(&self) -> Option<Lapi> {
        self.inside().lapi.clone()
    }

    pub(super) fn set_lapi(&self, lapi: Option<Lapi>) {
        self.inside().lapi = lapi;
    }

    pub(super) fn set_log(&self, log: Vec<LogLine>) {
        self.inside().log = log;
    }

    pub(super) fn set_manual(&self, bans: Vec<Ban>) -> bool {
        let mut inside = self.inside();
        let changed = inside.manual != bans;
        inside.manual = bans;
        changed
    }

    /// Forgets bans by people that are over. Says whether there were any.
    pub(super) fn end_manual(&self, now: Timestamp) -> bool {
        let mut inside = self.inside();
        let before = inside.manual.len();
        inside.manual.retain(|ban| ban.expires_at.is_none_or(|end| end > now));
        inside.manual.len() != before
    }

    /// All bans and decisions that are known.
    pub(super) fn known(&self) -> (Vec<Ban>, Decisions) {
        let inside = self.inside();
        (inside.manual.clone(), inside.decisions.clone())
    }

    /// Works on the decisions; nobody else does meanwhile.
    pub(super) fn with_decisions<T>(&self, work: impl FnOnce(&mut Decisions) -> T) -> T {
        work(&mut self.inside().decisions)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
