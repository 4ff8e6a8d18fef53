//! Makes the data plane serve what the rows say: read, compile, build, publish, record. The only writer of the
//! data plane's configuration. What did not change since the last look is taken over from it.

use super::internal_certificates;
use super::rows::Held;
use crate::compile::Ports;
use crate::compile::{self, Compiled, Compiler, Rows, known_as};
use crate::{Applied, HostState, LastGood, LastGoodError, Serving, diff, split, summary};
use base::{Clock, Code, Problem, Problems, Timestamp};
use proxy::spec::Patch;
use proxy::{BuildProblem, Config};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use store::caddy_configs::{self, NewRevision, Revision};
use store::proxy_hosts::ProxyHost;
use store::{Store, security_audits};
use tasks::{Outcome, Task};
use tokio::sync::watch;

/// The reconciler of the data plane's configuration.
#[derive(Debug)]
pub struct Apply {
    /// Where rows come from.
    pub store: Store,
    /// What serves.
    pub proxy: Arc<proxy::Proxy>,
    /// The board; problems of the configuration stand under `configuration`.
    pub problems: Problems,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Told after each look.
    pub applied: watch::Sender<Applied>,
    /// The file for starts without a database.
    pub last_good: LastGood,
    /// Where is listened: HTTPS redirects name the port.
    pub listeners: watch::Receiver<Vec<super::ListenerState>>,
    /// What it remembers between looks.
    pub memory: Memory,
}

/// What the reconciler remembers between looks. What is served depends on the rows alone: without it, all of them are
/// read and compiled anew.
#[derive(Debug, Default)]
pub struct Memory {
    rows: Held,
    compiler: Compiler,
    /// What was built last, and what it lacks.
    config: Option<Arc<Config>>,
    faults: Vec<BuildProblem>,
    /// What is served and recorded, once it is.
    settled: Option<Settled>,
}

/// A revision that is served, stands in the history and in the last good configuration.
#[derive(Clone, Debug)]
struct Settled {
    revision: u64,
    hash: String,
    /// When it was recorded.
    at: Timestamp,
    /// Bytes of the last good configuration when it was written whole, and by which it has grown since.
    whole: u64,
    grown: u64,
}

impl Memory {
    /// Reads and compiles what is stored, before anything serves: what the first requests of a process get.
    /// [`Apply`] then goes on from there, and tells of problems.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn first(store: &Store, clock: &dyn Clock, ports: Ports) -> anyhow::Result<Self> {
        let mut memory = Self::default();
        memory.rows.refresh(store, clock.monotonic(), ports).await?;
        match internal_certificates::ensure(store, &memory.rows.rows, clock.now()).await {
            Ok(issued) if issued.is_empty() => {}
            Ok(_) => memory.rows.refresh(store, clock.monotonic(), ports).await?,
            // The reconciler tries again, and tells.
            Err(error) => tracing::warn!("internal certificates could not be issued: {error:#}"),
        }
        let compiled = memory.compiler.compile(&memory.rows.rows);
        memory.build(&compiled.patch);
        Ok(memory)
    }

    /// What was built last; nothing before the first time.
    pub fn config(&self) -> Option<Arc<Config>> {
        self.config.clone()
    }

    /// Builds the next configuration from the one before.
    fn build(&mut self, patch: &Patch) -> Arc<Config> {
        let before = self.config.take().unwrap_or_else(|| Arc::new(Config::empty()));
        let (config, faults) = before.patched(patch);
        let config = Arc::new(config);
        (self.config, self.faults) = (Some(config.clone()), faults);
        config
    }
}

/// Component name on the problem board.
const COMPONENT: &str = "configuration";

/// Who writes without a person: see `Audit::system`.
const SYSTEM: &str = "system";
/// How many audit entries are looked at for the one who caused a change.
const RECENT: u64 = 50;

/// The last good configuration is written whole when its changes have become larger than it was, and than this many
/// bytes.
const LAST_GOOD_GROWTH: u64 = 1_000_000;

impl Task for Apply {
    fn name(&self) -> &'static str {
        "apply configuration"
    }

    /// Every change calls. This finds what other programs have written, and certificates that are due.
    fn interval(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn run(&mut self) -> Outcome {
        // What a failure says is about changes up to here.
        let change = self.store.change_number().await;
        let served = match self.look().await {
            Ok(served) => served,
            Err(error) => {
                // What is remembered may be ahead of what is served.
                self.memory = Memory::default();
                let message = format!("the newest configuration is not served: {error:#}");
                self.applied.send_modify(|applied| {
                    applied.error = Some(message.clone());
                    applied.tried = change.unwrap_or(applied.tried);
                });
                let remedy = "the configuration before it goes on serving; mend what the message names, Charon tries again by itself";
                return Outcome::Failing(message, remedy.to_owned());
            }
        };
        let remedy =
            "what is configured is served; mend what the message names, Charon tries again by itself";
        match (served.renewed, served.trouble) {
            (Err(error), _) => {
                let message = format!("internal certificates could not be issued: {error:#}");
                Outcome::Failing(message, remedy.to_owned())
            }
            (Ok(_), Some(trouble)) => Outcome::Failing(trouble, remedy.to_owned()),
            (Ok(issued), None) => Outcome::Ok(match issued.as_slice() {
                [] => served.message,
                names if names.len() <= 10 => {
                    format!("{}; issued internal certificates for {}", served.message, names.join(", "))
                }
                names => format!("{}; issued {} internal certificates", served.message, names.len()),
            }),
        }
    }
}

/// What a look at the rows came to.
struct Served {
    message: String,
    /// What went wrong besides; the configuration is served all the same.
    trouble: Option<String>,
    /// For whom internal certificates were issued.
    renewed: anyhow::Result<Vec<String>>,
}

impl Apply {
    async fn look(&mut self) -> anyhow::Result<Served> {
        let ports = super::ports(&self.listeners.borrow());
        self.memory.rows.refresh(&self.store, self.clock.monotonic(), ports).await?;
        // Renewal comes first, but must not keep a change from being served.
        let renewed =
            internal_certificates::ensure(&self.store, &self.memory.rows.rows, self.clock.now()).await;
        if renewed.as_ref().map_or(true, |issued| !issued.is_empty()) {
            self.memory.rows.refresh(&self.store, self.clock.monotonic(), ports).await?;
        }
        let (message, trouble) = self.serve(self.memory.rows.change()).await?;
        if trouble.is_some() {
            // The next look does all of it again, until it is gone.
            self.memory = Memory::default();
        }
        Ok(Served { message, trouble, renewed })
    }

    /// Makes the data plane serve the rows, tells everyone who waits, and then records it.
    async fn serve(&mut self, change: u64) -> anyhow::Result<(String, Option<String>)> {
        let settled = self.memory.settled.clone();
        let (latest, next) = match &settled {
            Some(settled) => (None, settled.revision + 1),
            None => {
                let next = u64::try_from(caddy_configs::next_revision(&self.store).await?)?;
                (caddy_configs::latest(&self.store).await?, next)
            }
        };
        // From here to the publication nothing can fail: what is remembered is what is served.
        let mut compiled = self.memory.compiler.compile(&self.memory.rows.rows);
        let recorded = match (&settled, &latest) {
            (Some(settled), _) if settled.hash == compiled.hash => Some(settled.revision),
            (None, Some(latest)) if latest.in_parts && latest.config_hash == compiled.hash => {
                latest.revision.and_then(|number| u64::try_from(number).ok())
            }
            _ => None,
        };
        if compiled.is_same && recorded.is_some() && settled.is_some() {
            self.applied.send_modify(|applied| {
                applied.change = change;
                applied.tried = change;
                applied.error = None;
            });
            return Ok((format!("nothing to do: change {change} is served already"), None));
        }
        let revision = recorded.unwrap_or(next);
        compiled.patch.rest.revision = revision;
        let config = self.memory.build(&compiled.patch);
        self.proxy.publish(config);
        let (hosts, left_out) = self.tell(change, revision, &mut compiled, settled.is_none());
        tracing::info!(
            revision,
            hosts,
            left_out,
            "serving revision {revision}: {hosts} hosts, {left_out} left out"
        );
        let message =
            format!("revision {revision} serves change {change}: {hosts} hosts, {left_out} left out");
        let at = settled.as_ref().map(|settled| settled.at);
        let at = at.or(latest.as_ref().map(|latest| latest.applied_at)).unwrap_or_default();
        // First what a start without a database needs, which does not need the database itself.
        let kept = self.keep(revision, &compiled.patch, settled.as_ref()).await?;
        let recorded = match recorded {
            Some(_) => Ok(at),
            None => {
                let recorded = self.record(at, settled.is_none(), latest, &compiled).await;
                recorded.map(|recorded| recorded.applied_at)
            }
        };
        self.applied.send_modify(|applied| applied.recorded = revision);
        let trouble = match (recorded, kept) {
            (Ok(at), Ok((whole, grown))) => {
                let hash = compiled.hash;
                self.memory.settled = Some(Settled { revision, hash, at, whole, grown });
                None
            }
            (Err(error), _) => {
                Some(format!("revision {revision} serves, but the history does not know it: {error}"))
            }
            (_, Err(error)) => {
                Some(format!("revision {revision} serves, but a start without a database would not: {error}"))
            }
        };
        Ok((message, trouble))
    }

    /// Says what is served now. Returns how many hosts there are, and how many of them are left out.
    fn tell(&self, change: u64, revision: u64, compiled: &mut Compiled, is_first: bool) -> (usize, usize) {
        let faults = &self.memory.faults;
        let rows: HashMap<&str, &ProxyHost> = match faults.is_empty() {
            true => HashMap::new(),
            false => self.memory.rows.rows.hosts.iter().map(|host| (&*host.uuid, &**host)).collect(),
        };
        let before = self.applied.borrow().hosts.clone();
        let mut states = (*before).clone();
        let mut news: HashMap<String, Option<String>> =
            std::mem::take(&mut compiled.touched).into_iter().collect();
        if is_first {
            // What differs from what was told before is not known: who told it may have had other rows.
            let hosts = self.memory.rows.rows.hosts.iter().filter(|host| host.enabled);
            let now: HashMap<&str, &Arc<ProxyHost>> = hosts.map(|host| (&*host.uuid, host)).collect();
            states.retain(|id, state| now.get(&**id).is_some_and(|host| host.updated_at < state.since));
            for (id, host) in now {
                let known = states.get(id).is_some_and(|state| {
                    compiled.left_out.get(id).map_or(Serving::Yes, left_out) == state.serving
                });
                if !known {
                    news.insert(id.to_owned(), Some(known_as(host)));
                }
            }
        }
        for fault in faults {
            let row = fault.host_id.as_deref().and_then(|id| rows.get(id)).copied();
            compiled.problems.push(built(fault, row));
            let Some(row) = row.filter(|_| fault.left_out) else { continue };
            let why = compile::Fault { message: fault.message.clone(), remedy: fault.remedy.clone() };
            if states.get(&*row.uuid).is_none_or(|state| state.serving != left_out(&why)) {
                news.insert(row.uuid.clone(), Some(known_as(row)));
            }
            compiled.left_out.insert(row.uuid.clone(), why);
        }
        // One that the data plane could not take over before may be well now, without a change of its own.
        for (id, state) in states.iter().filter(|(_, state)| state.serving != Serving::Yes) {
            if !compiled.left_out.contains_key(&**id) {
                news.entry(id.to_string()).or_insert_with(|| Some(state.name.clone()));
            }
        }
        let now = self.clock.now();
        for (id, name) in news {
            match name {
                None => _ = states.remove(&*id),
                Some(name) => {
                    let serving = compiled.left_out.get(&id).map_or(Serving::Yes, left_out);
                    states.insert(id.into(), Arc::new(HostState { name, serving, since: now, revision }));
                }
            }
        }
        let counts = (states.len(), compiled.left_out.len());
        self.problems.report(COMPONENT, compiled.problems.clone());
        let recorded = self.applied.borrow().recorded;
        self.applied.send_replace(Applied {
            change,
            tried: change,
            revision,
            recorded,
            since: now,
            error: None,
            hosts: Arc::new(states),
        });
        counts
    }

    /// Writes the revision into the history. The first of a process is compared with what stands there; after that,
    /// what differs is known.
    async fn record(
        &self,
        since: Timestamp,
        is_first: bool,
        latest: Option<Revision>,
        compiled: &Compiled,
    ) -> Result<Revision, store::Error> {
        let (parts, summary) = if is_first {
            let after = self.memory.compiler.parts(&self.memory.rows.rows);
            let before = match latest.as_ref().map(|latest| (latest.revision.unwrap_or(0), latest.in_parts)) {
                None => BTreeMap::new(),
                Some((number, true)) => caddy_configs::parts(&self.store, number).await?,
                Some((number, false)) => split(&caddy_configs::get(&self.store, number).await?.document),
            };
            let (parts, changes) = diff(&before, &after);
            let summary = match latest {
                None => "First configuration".to_owned(),
                Some(_) => summary(&changes),
            };
            // To a document of an earlier version nothing can be added.
            let parts = if latest.is_some_and(|latest| latest.in_parts) { parts } else { after };
            (parts, summary)
        } else {
            (compiled.parts.clone(), summary(&compiled.changes))
        };
        let new = NewRevision {
            config_hash: compiled.hash.clone(),
            parts,
            summary,
            actor: self.actor(since).await,
            success: true,
            error_msg: String::new(),
            problems: serde_json::to_value(&compiled.problems).unwrap_or_default(),
        };
        caddy_configs::record(&self.store, &new).await
    }

    /// Writes what has changed to the last good configuration, or all of it. Returns its bytes when it was written
    /// whole, and by how many it has grown since.
    async fn keep(
        &self,
        revision: u64,
        patch: &Patch,
        settled: Option<&Settled>,
    ) -> anyhow::Result<Result<(u64, u64), LastGoodError>> {
        let file = self.last_good.clone();
        let written = match settled {
            Some(Settled { whole, grown, .. }) if *grown <= (*whole).max(LAST_GOOD_GROWTH) => {
                let (patch, whole, grown) = (patch.clone(), *whole, *grown);
                let append = move || file.append(&patch).map(|more| (whole, grown + more));
                tokio::task::spawn_blocking(append).await?
            }
            _ => {
                let all = self.memory.compiler.whole(revision);
                tokio::task::spawn_blocking(move || file.write(&all).map(|whole| (whole, 0))).await?
            }
        };
        Ok(written)
    }

    /// Who has caused the change, for the history: the last person who wrote since the revision before.
    async fn actor(&self, since: base::Timestamp) -> String {
        let filter = security_audits::Filter::default();
        match security_audits::list(&self.store, &filter, RECENT).await {
            Ok(entries) => entries
                .into_iter()
                .take_while(|entry| entry.created_at >= since)
                .find(|entry| entry.actor != SYSTEM)
                .map_or_else(|| SYSTEM.to_owned(), |entry| entry.actor),
            Err(error) => {
                tracing::warn!("the history does not know who changed the configuration: {error}");
                "unknown".to_owned()
            }
        }
    }
}

fn left_out(fault: &compile::Fault) -> Serving {
    Serving::LeftOut { message: fault.message.clone(), remedy: fault.remedy.clone() }
}

/// What the data plane could not take over.
fn built(fault: &BuildProblem, host: Option<&ProxyHost>) -> Problem {
    let host = host.map(|host| (known_as(host), format!("/proxy-hosts/{}", host.uuid)));
    let (subject, link) = match &host {
        Some((name, link)) => (format!("host {name}"), link.clone()),
        None => ("configuration".to_owned(), "/settings".to_owned()),
    };
    let (code, message) = match (&host, fault.left_out) {
        (Some((name, _)), true) => (Code::HostLeftOut, format!("{name} is not served: {}", fault.message)),
        (Some((name, _)), false) => (Code::HostSettingIgnored, format!("{name}: {}", fault.message)),
        (None, _) => (Code::HostSettingIgnored, fault.message.clone()),
    };
    Problem::new(code, message, fault.remedy.clone()).about(subject).link(link)
}

/// Reads everything that the configuration of the data plane is made from.
///
/// # Errors
/// When the database cannot be read. A key that cannot be opened or does not fit is told in its row.
pub async fn rows(store: &Store, ports: Ports) -> anyhow::Result<Rows> {
    let mut held = Held::default();
    held.refresh(store, Duration::ZERO, ports).await?;
    Ok(held.rows)
}
