//! Makes the wish for CrowdSec so: at the start, after each change, when the agent ends, and every 30 seconds. Each
//! look ends in one state with its reason.

use super::events::{Event, EventKind};
use super::external::Elsewhere;
use super::fault::{Fault, blocking};
use super::key::Renewal;
use super::silence::{HANGS, Silence};
use super::state::{CrowdSec, Numbers, Phase, Proof, Pulled, Restarts, STOP, State};
use base::{Code, Problem, Problems};
use crowdsec::{
    Access, Escalation, Feeder, Installed, Lapi, LogLine, Prepared, Process, ProcessState, ReadCounts,
};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{Store, security_configs, settings};
use tasks::{Outcome, Task, Wake};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

/// Component name on the problem board.
const COMPONENT: &str = "CrowdSec";
/// As [`COMPONENT`], for Charon's key.
const KEY: &str = "CrowdSec key";
const INTERVAL: Duration = Duration::from_secs(30);
/// How long the agent may take until it reads.
const START: Duration = Duration::from_secs(60);
/// An agent that has run for so long begins again with short waits when it fails.
const STEADY: Duration = Duration::from_secs(300);
/// How long an agent that hangs may take to end.
const STOP_HANGING: Duration = Duration::from_secs(3);
/// Lines that the agent may be behind, or not understand, before it is a problem.
const TOLERATED: u64 = 100;

/// The reconciler of the agent.
#[derive(Debug)]
pub struct Supervise {
    store: Store,
    shared: CrowdSec,
    problems: Problems,
    /// Calls this task.
    wake: Wake,
    agent: Option<Agent>,
    feeder: Option<Feeder>,
    failures: u32,
    /// The edition that is being started.
    trying: Option<u64>,
    /// Charon's key at LAPI.
    renewal: Renewal,
    /// When the key is to be looked at again.
    key_due: Option<Duration>,
    elsewhere: Elsewhere,
}

/// What the agent is started anew for when it differs.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Wanted {
    /// Whom it overlooks.
    never: Vec<IpNet>,
    /// How long it bans.
    escalation: Escalation,
    /// The edition of its configuration.
    edition: u64,
    /// It talks to crowdsec.net.
    online: bool,
}

#[derive(Debug)]
struct Agent {
    pid: u32,
    state: watch::Receiver<ProcessState>,
    wanted: Wanted,
    started: Duration,
    /// What it had read at the look before.
    counts: ReadCounts,
    /// Whether it answers.
    silence: Silence,
}

impl Supervise {
    /// Nothing is started yet.
    pub fn new(store: Store, shared: CrowdSec, problems: Problems, wake: Wake) -> Self {
        let elsewhere = Elsewhere::default();
        Self {
            store,
            shared,
            problems,
            wake,
            agent: None,
            feeder: None,
            failures: 0,
            trying: None,
            renewal: Renewal::default(),
            key_due: None,
            elsewhere,
        }
    }

    async fn reconcile(&mut self) -> Result<String, (Phase, Fault)> {
        let unreadable = |error: store::Error| {
            let fault = Fault::new(
                format!("whether CrowdSec shall run cannot be read: {error}"),
                "restart Charon: it repairs the database at its start",
            );
            (Phase::Failing, fault)
        };
        let environment = self.shared.environment.clone();
        let environment = environment.as_ref().map(|(name, value)| (name.as_str(), value.as_str()));
        if let Some(done) = security_configs::fold(&self.store, environment).await.map_err(unreadable)? {
            match done.notable {
                true => tracing::warn!("{}", done.sentence),
                false => tracing::info!("{}", done.sentence),
            }
        }
        let wishes = security_configs::wishes(&self.store).await.map_err(unreadable)?;
        let before = self.shared.state().wish;
        self.shared.tell(|state| state.wish = Some(wishes.crowdsec));
        if before != Some(wishes.crowdsec) {
            tracing::info!("CrowdSec is wished {}", if wishes.crowdsec { "on" } else { "off" });
        }
        if !wishes.crowdsec {
            self.elsewhere = Elsewhere::default();
            return Ok(self.off().await);
        }
        self.move_to(wishes.external).await;
        if wishes.external {
            let looked = self.elsewhere.look(&self.store, &self.shared).await;
            self.failures = if looked.is_ok() { 0 } else { self.failures };
            return looked.map_err(|fault| (Phase::Failing, fault));
        }
        let never = self.never(&wishes.never_banned).await.map_err(unreadable)?;
        let escalation = escalation(&self.store).await.map_err(unreadable)?;
        let edition = crowdsec::current(&self.shared.place).number;
        let online = crowdsec::is_registered(&self.shared.place);
        self.on(Wanted { never, escalation, edition, online }).await
    }

    /// Whom the agent overlooks: who is never banned, and proxies, which others stand behind.
    async fn never(&self, entries: &[String]) -> Result<Vec<IpNet>, store::Error> {
        let mut never: Vec<IpNet> = entries.iter().filter_map(|entry| network(entry)).collect();
        if let Some(setting) = settings::get(&self.store, "trusted_proxies").await? {
            let trusted: Vec<String> = serde_json::from_str(&setting.value).unwrap_or_default();
            never.extend(trusted.iter().filter_map(|entry| network(entry)));
        }
        Ok(never)
    }

    /// Forgets the one side when the wish is for the other.
    async fn move_to(&mut self, external: bool) {
        if self.shared.state().elsewhere == external {
            return;
        }
        if external {
            self.feeder = None;
            if self.stop_agent(STOP).await {
                tracing::info!("the CrowdSec agent was stopped, since that of another machine is used");
            }
        } else {
            self.elsewhere = Elsewhere::default();
            self.shared.set_lapi(None);
        }
        (self.failures, self.key_due) = (0, None);
        self.problems.report(KEY, Vec::new());
        self.problems.report("CrowdSec feed", Vec::new());
        self.shared.set_log(Vec::new());
        self.shared.refused.store(false, Ordering::Relaxed);
        self.shared.tell(|state| {
            *state = State {
                wish: state.wish,
                elsewhere: external,
                phase: Phase::Starting,
                message: "CrowdSec is on its way".to_owned(),
                tried: state.tried,
                geo: std::mem::take(&mut state.geo),
                restarts: std::mem::take(&mut state.restarts),
                // What counts must not go down.
                trials: std::mem::take(&mut state.trials),
                numbers: Numbers { lines: state.numbers.lines, ..Numbers::default() },
                ..State::default()
            };
        });
    }

    async fn off(&mut self) -> String {
        (self.failures, self.key_due) = (0, None);
        self.problems.report(KEY, Vec::new());
        self.feeder = None;
        let stopped = self.stop_agent(STOP).await;
        self.shared.tell(|state| {
            state.phase = Phase::Off;
            state.message = "CrowdSec is switched off".to_owned();
            state.remedy.clear();
            state.elsewhere = false;
            (state.pulled, state.proof) = (Pulled::default(), Proof::default());
        });
        self.shared.enforce.call();
        if stopped {
            tracing::info!("the CrowdSec agent was stopped, since it is switched off");
            return "CrowdSec was switched off: the agent is stopped".to_owned();
        }
        "nothing to do: CrowdSec is switched off".to_owned()
    }

    async fn stop_agent(&mut self, grace: Duration) -> bool {
        self.shared.set_lapi(None);
        if let Some(feeder) = &self.feeder {
            feeder.agent_reads(false);
        }
        self.shared.tell(|state| (state.pid, state.numbers.agent) = (None, None));
        let known = self.agent.take().is_some();
        self.shared.end_within(grace).await;
        known
    }

    /// Ends an agent that has failed. Another one is started after a while.
    async fn failed(
        &mut self,
        grace: Duration,
        message: String,
        count: impl FnOnce(&mut Restarts) -> &mut u64,
    ) -> Fault {
        self.stop_agent(grace).await;
        let now = self.shared.clock.now();
        self.shared.tell(|state| {
            *count(&mut state.restarts) += 1;
            state.restarts.last = Some((now, message.clone()));
        });
        Fault::other(message)
    }

    async fn on(&mut self, wanted: Wanted) -> Result<String, (Phase, Fault)> {
        if let Some(agent) = &self.agent {
            let ended = match &*agent.state.borrow() {
                ProcessState::Ended(how) => Some(how.clone()),
                _ => None,
            };
            self.listen().await;
            if let Some(how) = ended {
                let message = format!("the agent has ended by itself: {how}");
                let fault = self.failed(STOP, message, |restarts| &mut restarts.ended).await;
                return Err((Phase::Failing, fault));
            }
            if agent.wanted == wanted {
                return self.look().await.map_err(|fault| (Phase::Failing, fault));
            }
            let what = if agent.wanted.online != wanted.online {
                "its account at crowdsec.net is another now"
            } else if agent.wanted.edition != wanted.edition {
                "its configuration was changed"
            } else if agent.wanted.never == wanted.never {
                "bans shall last differently now"
            } else {
                "other addresses are never banned now"
            };
            tracing::info!("the CrowdSec agent is started anew, since {what}");
            self.stop_agent(STOP).await;
        }
        self.start(wanted).await
    }

    /// Takes down what the agent has said.
    async fn listen(&self) {
        if let Some(process) = &*self.shared.process.lock().await {
            self.shared.set_log(process.log());
        }
    }

    async fn start(&mut self, wanted: Wanted) -> Result<String, (Phase, Fault)> {
        self.shared.tell(|state| {
            // After a failure it says so until it runs.
            if state.phase != Phase::Failing {
                state.phase = Phase::Starting;
                state.message = "the agent is starting".to_owned();
                state.remedy.clear();
            }
        });
        self.trying = Some(crowdsec::current(&self.shared.place).number);
        let failing = |fault| (Phase::Failing, fault);
        let (place, program) = (self.shared.place.clone(), self.shared.program.clone());
        let found = blocking(move || crowdsec::find(program.as_deref())).await.map_err(failing)?;
        let installed = found.map_err(|lacks| (Phase::NotInstalled, Fault::new(lacks.what, lacks.remedy)))?;
        tracing::info!("CrowdSec is wished on and does not run: {} is started", installed.crowdsec.display());
        let (at, with, how) = (place.clone(), installed.clone(), wanted.clone());
        let prepared = blocking(move || {
            if let Some(found) = crowdsec::end_leftover(&at) {
                tracing::warn!("{found}");
            }
            how.escalation.keep(&at)?;
            let prepared = crowdsec::prepare(&at, &with, &how.never)?;
            crowdsec::check(&at, &with)?;
            Ok::<_, Fault>(prepared)
        });
        let prepared = prepared.await.map_err(failing)?.map_err(failing)?;
        self.run(&installed, prepared, wanted).await.map_err(failing)
    }

    async fn run(
        &mut self,
        installed: &Installed,
        prepared: Prepared,
        wanted: Wanted,
    ) -> Result<String, Fault> {
        let (place, clock) = (&self.shared.place, &self.shared.clock);
        if self.feeder.is_none() {
            let feeder = Feeder::start(place, clock.clone());
            self.feeder =
                Some(feeder.map_err(|error| Fault::other(format!("no thread to feed it: {error}")))?);
        }
        let process = Process::start(place, installed, clock.clone())?;
        let mut state = process.state();
        let wait = state.wait_for(|state| *state != ProcessState::Starting);
        let outcome = tokio::time::timeout(START, wait).await;
        let outcome = outcome.ok().and_then(Result::ok).map(|state| state.clone());
        self.shared.set_log(process.log());
        match outcome {
            Some(ProcessState::Running) => {}
            Some(ProcessState::Ended(how)) => {
                return Err(Fault::other(format!("the agent ended right after its start: {how}")));
            }
            Some(ProcessState::Starting) | None => {
                process.stop(STOP).await;
                let message = format!("the agent did not begin to read within {} seconds", START.as_secs());
                return Err(Fault::other(message));
            }
        }
        let lapi = Lapi::new(Access {
            url: format!("http://{}", place.lapi()),
            key: Some(prepared.key),
            machine: Some((Prepared::MACHINE.to_owned(), prepared.password)),
            ..Access::default()
        })?;
        lapi.health().await?;
        self.shared.set_lapi(Some(lapi));
        if let Some(feeder) = &self.feeder {
            feeder.agent_reads(true);
        }
        let (pid, wake, mut ended) = (process.pid(), self.wake.clone(), process.state());
        let (shared, mut decided) = (self.shared.clone(), process.decided());
        // Ends with the agent.
        tasks::spawn("CrowdSec has decided", async move {
            while decided.changed().await.is_ok() {
                shared.decided.store(true, Ordering::Relaxed);
                shared.enforce.call();
            }
        });
        let state = process.state();
        tasks::spawn("CrowdSec agent is heard", heard(self.shared.clone(), process.listen()));
        *self.shared.process.lock().await = Some(process);
        tasks::spawn("CrowdSec agent has ended", async move {
            _ = ended.wait_for(|state| matches!(state, ProcessState::Ended(_))).await;
            wake.call();
        });
        let (started, counts) = (clock.monotonic(), ReadCounts::default());
        let wanted = Wanted { edition: prepared.edition, online: prepared.online, ..wanted };
        let silence = Silence::default();
        self.agent = Some(Agent { pid, state, wanted, started, counts, silence });
        tracing::info!(agent.pid = pid, agent.version = installed.version, "the CrowdSec agent runs");
        self.shared.tell(|state| {
            state.phase = Phase::Running;
            state.message = runs(place.port);
            state.remedy.clear();
            state.pid = Some(pid);
            state.version.clone_from(&installed.version);
            state.tried = Some((prepared.edition, true));
            state.items = prepared.items;
            state.missing = prepared.missing;
        });
        self.shared.enforce.call();
        self.shared.prove.call();
        Ok(format!("the agent was started: process {pid}"))
    }

    /// Looks after an agent that runs.
    async fn look(&mut self) -> Result<String, Fault> {
        let (Some(agent), Some(lapi)) = (&mut self.agent, self.shared.lapi()) else {
            return Err(Fault::other("the agent runs without LAPI"));
        };
        let asked = self.shared.clock.monotonic();
        if let Err(error) = lapi.health().await {
            let (pid, now) = (agent.pid, self.shared.clock.monotonic());
            let silent = agent.silence.goes_on(asked, now);
            if silent < HANGS {
                return Err(Fault::other(format!(
                    "the agent runs as process {pid} and does not answer, and is started anew when that lasts for \
                     {} seconds: {error}",
                    HANGS.as_secs()
                )));
            }
            let message = format!(
                "the agent was ended, since it hung: process {pid} has not answered for {} seconds ({error})",
                silent.as_secs()
            );
            tracing::warn!(agent.pid = pid, "{message}; another one is started");
            return Err(self.failed(STOP_HANGING, message, |restarts| &mut restarts.hanging).await);
        }
        agent.silence.end();
        if self.shared.clock.monotonic().saturating_sub(agent.started) >= STEADY {
            self.failures = 0;
        }
        let counts = lapi.read_counts(self.shared.place.metrics_port).await.ok();
        let feed = self.feeder.as_ref().map(Feeder::status).unwrap_or_default();
        let before = agent.counts;
        agent.counts = counts.unwrap_or(before);
        let now_read = agent.counts;
        let mut problems = Vec::new();
        if let Some(counts) = counts {
            let behind = feed.handed_to_this.saturating_sub(counts.read);
            if behind > TOLERATED && counts.read == before.read {
                let message = format!(
                    "CrowdSec does not read: {} requests were handed to it and it has read {}",
                    feed.handed_to_this, counts.read
                );
                problems.push((message, "switch CrowdSec off and on on the page Security, and report this"));
            }
            if counts.unparsed > TOLERATED && counts.unparsed * 20 > counts.read {
                let message = format!(
                    "CrowdSec does not understand {} of the {} requests that it has read",
                    counts.unparsed, counts.read
                );
                problems.push((message, "read the agent's log on the page Security, and report this"));
            }
        } else {
            let message =
                "CrowdSec does not say how many requests it reads: its metrics do not answer".to_owned();
            problems.push((message, "see that nothing else uses the port after that of LAPI"));
        }
        if let Some(error) = &feed.error {
            let message = format!("requests cannot be handed to CrowdSec: {error}");
            problems.push((message, "see that the data folder can be written and has space"));
        }
        let dropped = self.shared.proxy.log_status().feed_dropped;
        let lost = dropped > self.shared.state().numbers.lost;
        if lost {
            let message = format!("{dropped} requests since the start were not written down for CrowdSec");
            problems.push((message, "see that the data folder can be written and is fast enough"));
        }
        let problems = problems
            .into_iter()
            .map(|(message, remedy)| Problem::new(Code::CrowdSecBlind, message, remedy).link("/security"));
        self.problems.report("CrowdSec feed", problems.collect());
        let pid = agent.pid;
        let (due, problems) = self.renewal.look(&self.shared).await;
        self.key_due = due;
        self.problems.report(KEY, problems);
        let port = self.shared.place.port;
        self.shared.tell(|state| {
            state.phase = Phase::Running;
            state.message = runs(port);
            state.remedy.clear();
            (state.numbers.feed, state.numbers.agent, state.numbers.lost) = (feed, counts, dropped);
            state.numbers.lines = state.numbers.lines.plus(now_read.since(before));
        });
        Ok(format!("nothing to do: the agent runs as process {pid}"))
    }
}

fn runs(port: u16) -> String {
    format!("the agent runs and reads, with LAPI on port {port}")
}

/// How long bans shall last. What cannot be read is the default, as it is for the API.
async fn escalation(store: &Store) -> Result<Escalation, store::Error> {
    let minutes = security_configs::escalation(store).await?;
    Ok(minutes.and_then(|minutes| Escalation::new(minutes).ok()).unwrap_or_default())
}

/// Tells people who look on what the agent complains of.
async fn heard(shared: CrowdSec, mut told: broadcast::Receiver<LogLine>) {
    loop {
        match told.recv().await {
            Ok(LogLine { time, level, message }) => {
                let kind = EventKind::Agent;
                shared.events.push(Event { time, kind, source: level, reason: message, ..Event::default() });
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// An address or a network.
pub(super) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

impl Task for Supervise {
    fn name(&self) -> &'static str {
        "run CrowdSec"
    }

    /// After failures the waits grow from a second to half a minute.
    fn interval(&self) -> Duration {
        let interval = match self.failures {
            0 => INTERVAL,
            count => INTERVAL.min(Duration::from_secs(1 << (count - 1).min(5))),
        };
        interval.min(self.key_due.unwrap_or(interval))
    }

    async fn run(&mut self) -> Outcome {
        match self.reconcile().await {
            Ok(message) => {
                self.problems.report(COMPONENT, Vec::new());
                Outcome::Ok(message)
            }
            Err((phase, Fault { message, remedy })) => {
                let code = if phase == Phase::NotInstalled {
                    self.failures = 0;
                    Code::CrowdSecNotInstalled
                } else {
                    self.failures = self.failures.saturating_add(1);
                    Code::CrowdSecFailing
                };
                let tried = self.trying.take();
                self.shared.tell(|state| {
                    state.phase = phase;
                    state.tried = tried.map(|edition| (edition, false)).or(state.tried);
                    state.message.clone_from(&message);
                    state.remedy.clone_from(&remedy);
                });
                let what = match self.shared.state().elsewhere {
                    true => "CrowdSec of the other machine cannot be used",
                    false => "CrowdSec is switched on and does not run",
                };
                let sentence = format!("{what}: {message}");
                self.problems
                    .report(COMPONENT, vec![Problem::new(code, sentence.clone(), remedy).link("/security")]);
                // The problem says it; a second one about this task would say it again.
                Outcome::Ok(sentence)
            }
        }
    }
}
