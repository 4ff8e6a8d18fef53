//! What runs behind compiled upstreams: health, counters, turns, places. It belongs to the process, not to a
//! configuration: a server that did not change keeps what is known about it.

use super::balance::Candidate;
use super::health::{Fitness, Health};
use super::names::Name;
use super::status::{CheckResult, ServerHealth, ServerStatus, UpstreamStatus};
use crate::config::{Config, Host, Identity, Seat, Server, Target, UpstreamKey};
use crate::spec::HealthCheck;
use crate::stats::Counter;
use ahash::{AHashMap, AHashSet};
use base::{Clock, Timestamp};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// The running side of one upstream.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) servers: Vec<LiveServer>,
    pub(crate) queue: Arc<Queue>,
    /// One per worker; only for upstreams that choose.
    pub(crate) turns: AllTurns,
}

/// The running side of one server.
#[derive(Clone, Debug)]
pub(crate) struct LiveServer {
    pub(crate) state: Arc<ServerState>,
    /// The number under which its connections are pooled.
    pub(crate) pool: u64,
    /// For servers that are found by name.
    pub(crate) name: Option<Arc<Name>>,
}

impl LiveServer {
    /// A server that belongs to no upstream, with its place in the pools.
    pub(crate) fn alone(pool: u64) -> Self {
        let state = ServerState::new(String::new(), 0, Timestamp::default());
        Self { state: Arc::new(state), pool, name: None }
    }
}

type AllTurns = Arc<[Mutex<Turns>]>;

/// A worker's memory of whose turn it is, and room for the candidates.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    pub(crate) turns: Vec<i64>,
    pub(crate) candidates: Vec<Candidate>,
}

/// Requests that wait for a place at one of an upstream's servers.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) waiting: AtomicU32,
    pub(crate) freed: Notify,
}

/// One worker's counters of one server.
#[derive(Debug, Default)]
struct Counters {
    active: Counter,
    requests: Counter,
    failures: Counter,
}

/// What is known about one server.
#[derive(Debug)]
pub(crate) struct ServerState {
    /// `nas:8080 of Photos`, for logs.
    label: String,
    counters: Box<[Counters]>,
    /// Requests that hold one of a limited number of places.
    places: AtomicU32,
    /// [`Fitness`] in two bits, and its milliseconds above them.
    fitness: AtomicU64,
    /// A success would change something.
    suspect: AtomicBool,
    /// A request is on trial.
    trial: AtomicBool,
    detail: Mutex<Detail>,
}

#[derive(Debug, Default)]
struct Detail {
    health: Health,
    since: Timestamp,
    why: Option<String>,
    check: Option<CheckResult>,
    /// How often it was put out of use.
    ejections: u64,
}

impl ServerState {
    fn new(label: String, workers: usize, now: Timestamp) -> Self {
        Self {
            label,
            counters: (0..workers).map(|_| Counters::default()).collect(),
            places: AtomicU32::new(0),
            fitness: AtomicU64::new(0),
            suspect: AtomicBool::new(false),
            trial: AtomicBool::new(false),
            detail: Mutex::new(Detail { since: now, ..Detail::default() }),
        }
    }

    /// What the server is fit for.
    pub(crate) fn fitness(&self) -> Fitness {
        let packed = self.fitness.load(Relaxed);
        let moment = Duration::from_millis(packed >> 2);
        match packed & 3 {
            0 => Fitness::Well,
            1 => Fitness::Failing,
            2 => Fitness::Aside { until: moment },
            _ => Fitness::Warming { since: moment },
        }
    }

    /// Requests in flight.
    pub(crate) fn active(&self) -> u64 {
        self.counters.iter().map(|counters| counters.active.get()).sum()
    }

    /// Whether a request can be on trial now.
    pub(crate) fn trial_is_free(&self) -> bool {
        !self.trial.load(Relaxed)
    }

    pub(crate) fn places(&self) -> u32 {
        self.places.load(SeqCst)
    }

    /// Takes one of `max` places.
    pub(crate) fn take_place(&self, max: u32) -> bool {
        self.places.fetch_update(SeqCst, SeqCst, |taken| (taken < max).then_some(taken + 1)).is_ok()
    }

    pub(crate) fn take_trial(&self) -> bool {
        !self.trial.swap(true, SeqCst)
    }

    pub(crate) fn end_trial(&self) {
        self.trial.store(false, SeqCst);
    }

    /// Whether a success is worth telling.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.load(Relaxed)
    }

    /// A request has failed because of the server. `why` is the end of the sentence "the server ...".
    pub(crate) fn failed(&self, target: &Target, worker: usize, why: &str, clock: &dyn Clock) {
        if let Some(counters) = self.counters.get(worker) {
            counters.failures.add(1);
        }
        let now = clock.monotonic();
        self.change(target, clock, |detail| {
            detail.health.failed(&target.passive, now);
            detail.why = Some(why.to_owned());
        });
    }

    /// A request has succeeded. To be told only when [`ServerState::is_suspect`].
    pub(crate) fn succeeded(&self, target: &Target, clock: &dyn Clock) {
        let now = clock.monotonic();
        self.change(target, clock, |detail| detail.health.succeeded(now));
    }

    /// A check has ended.
    pub(crate) fn checked(
        &self,
        target: &Target,
        rule: &HealthCheck,
        result: CheckResult,
        clock: &dyn Clock,
    ) {
        let now = clock.monotonic();
        self.change(target, clock, |detail| {
            detail.health.checked(rule, result.ok, now);
            if !result.ok {
                detail.why = Some(result.message.clone());
            }
            detail.check = Some(result);
        });
    }

    /// No check is made any more.
    pub(crate) fn unchecked(&self, target: &Target, clock: &dyn Clock) {
        self.change(target, clock, |detail| {
            detail.health.unchecked();
            detail.check = None;
        });
    }

    fn change(&self, target: &Target, clock: &dyn Clock, change: impl FnOnce(&mut Detail)) {
        let (now, slow_start) = (clock.monotonic(), target.slow_start());
        let mut detail = self.detail.lock().unwrap_or_else(PoisonError::into_inner);
        let before = detail.health.fitness(now, slow_start);
        change(&mut detail);
        let after = detail.health.fitness(now, slow_start);
        self.suspect.store(detail.health.is_suspect(), Relaxed);
        let millis = |moment: Duration| u64::try_from(moment.as_millis()).unwrap_or(u64::MAX >> 2) << 2;
        let packed = match after {
            Fitness::Well => 0,
            Fitness::Failing => 1,
            // Rounded up: nothing is on trial before its time.
            Fitness::Aside { until } => 2 | (millis(until) + 4),
            Fitness::Warming { since } => 3 | millis(since),
        };
        self.fitness.store(packed, Relaxed);
        if std::mem::discriminant(&before) == std::mem::discriminant(&after) {
            return;
        }
        detail.since = clock.now();
        let out = |fitness: &Fitness| matches!(fitness, Fitness::Failing | Fitness::Aside { .. });
        detail.ejections += u64::from(out(&after) && !out(&before));
        let (label, why) = (&self.label, detail.why.as_deref().unwrap_or("it failed"));
        let host = &target.key.host;
        match after {
            Fitness::Failing => {
                tracing::warn!(host.id = %host, "the server {label} fails its checks: {why}");
            }
            Fitness::Aside { .. } => {
                tracing::warn!(host.id = %host, "the server {label} is put aside, since requests failed: {why}");
            }
            Fitness::Well | Fitness::Warming { .. } => {
                tracing::info!(host.id = %host, "the server {label} is well again");
            }
        }
    }

    fn status(
        &self,
        target: &Target,
        server: &Server,
        name: Option<&Name>,
        clock: &dyn Clock,
    ) -> ServerStatus {
        let detail = self.detail.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |of: fn(&Counters) -> &Counter| self.counters.iter().map(|all| of(all).get()).sum::<u64>();
        let (requests, failures) = (sum(|one| &one.requests), sum(|one| &one.failures));
        let health = match detail.health.fitness(clock.monotonic(), target.slow_start()) {
            Fitness::Failing => ServerHealth::Failing,
            Fitness::Aside { .. } => ServerHealth::Aside,
            Fitness::Warming { .. } => ServerHealth::SlowStarting,
            Fitness::Well if detail.check.is_none() && requests == 0 => ServerHealth::Unknown,
            Fitness::Well => ServerHealth::Healthy,
        };
        ServerStatus {
            address: server.identity.address.to_string(),
            scheme: server.identity.scheme,
            weight: server.weight,
            backup: server.backup,
            health,
            since: detail.since,
            why: detail.why.clone(),
            active: self.active(),
            requests,
            failures,
            ejections: detail.ejections,
            last_check: detail.check.clone(),
            name: name.map(|name| name.status(clock)),
        }
    }
}

/// A request at a server, until it is dropped.
#[derive(Debug)]
pub(crate) struct InUse<'a> {
    state: &'a ServerState,
    /// Told when a place is free again.
    queue: Option<&'a Queue>,
    trial: bool,
    worker: usize,
}

impl<'a> InUse<'a> {
    /// Counts a request. `queue`: it holds a place; `trial`: it is the trial.
    pub(crate) fn new(state: &'a ServerState, worker: usize, queue: Option<&'a Queue>, trial: bool) -> Self {
        if let Some(counters) = state.counters.get(worker) {
            counters.requests.add(1);
            counters.active.add(1);
        }
        Self { state, queue, trial, worker }
    }
}

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        if let Some(counters) = self.state.counters.get(self.worker) {
            counters.active.sub(1);
        }
        if self.trial {
            self.state.end_trial();
        }
        if let Some(queue) = self.queue {
            self.state.places.fetch_sub(1, SeqCst);
            if queue.waiting.load(SeqCst) > 0 {
                queue.freed.notify_one();
            }
        }
    }
}

/// Everything that runs, by what it belongs to.
#[derive(Debug)]
pub(crate) struct Registry {
    workers: usize,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The configuration whose upstreams these are.
    config: Option<Arc<Config>>,
    servers: AHashMap<(UpstreamKey, Identity), Arc<ServerState>>,
    queues: AHashMap<UpstreamKey, (Arc<Queue>, AllTurns)>,
    /// May hold servers that are gone, up to as many as there are: a number costs nothing.
    pools: AHashMap<Identity, u64>,
    last_pool: u64,
    names: AHashMap<(Arc<str>, bool), Weak<Name>>,
}

impl Known {
    fn adopt(&mut self, target: &Target, live: &Live) {
        for (server, known) in target.servers.iter().zip(&live.servers) {
            self.servers.insert((target.key.clone(), server.identity.clone()), known.state.clone());
            self.pools.insert(server.identity.clone(), known.pool);
            if let Some(name) = &known.name {
                self.names.insert((name.text.clone(), name.srv), Arc::downgrade(name));
            }
        }
        self.queues.insert(target.key.clone(), (live.queue.clone(), live.turns.clone()));
    }

    /// Forgets what belonged to the upstreams of the configuration before and belongs to none of the new one.
    fn forget(&mut self, before: &Config, now: &Config) {
        let dropped = before.hosts.all().iter().filter(|host| !is_same(now.hosts.get(&host.id), host));
        for host in dropped {
            let after: Vec<&Arc<Target>> =
                now.hosts.get(&host.id).into_iter().flat_map(|host| host.targets()).collect();
            for target in host.targets() {
                let heir = after.iter().find(|heir| heir.key == target.key);
                if heir.is_none() {
                    self.queues.remove(&target.key);
                }
                for server in &target.servers {
                    let stays = |heir: &&&Arc<Target>| {
                        heir.servers.iter().any(|other| other.identity == server.identity)
                    };
                    if heir.filter(stays).is_none() {
                        self.servers.remove(&(target.key.clone(), server.identity.clone()));
                    }
                }
            }
        }
        if self.pools.len() > 2 * self.servers.len() + 64 {
            let used: AHashSet<&Identity> = now
                .hosts
                .targets()
                .flat_map(|target| &target.servers)
                .map(|server| &server.identity)
                .collect();
            self.pools.retain(|identity, _| used.contains(identity));
        }
        self.names.retain(|_, name| name.strong_count() > 0);
    }
}

fn is_same(one: Option<&Arc<Host>>, other: &Arc<Host>) -> bool {
    one.is_some_and(|one| Arc::ptr_eq(one, other))
}

impl Registry {
    pub(crate) fn new(workers: usize, clock: Arc<dyn Clock>) -> Self {
        Self { workers, clock, known: Mutex::default() }
    }

    /// Gives the upstreams of a configuration what is known about them, and forgets what no upstream needs. Hosts
    /// that it shares with the one before have everything already.
    pub(crate) fn attach(&self, config: &Arc<Config>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.config.replace(config.clone());
        let shared = |host: &Arc<Host>| {
            before.as_ref().is_some_and(|before| is_same(before.hosts.get(&host.id), host))
        };
        for host in config.hosts.all().iter().filter(|host| !shared(host)) {
            for target in host.targets() {
                // One that was served before, and comes back, has everything already.
                match target.live.get() {
                    Some(live) => known.adopt(target, live),
                    None => _ = target.live.set(self.live(target, &mut known)),
                }
            }
        }
        if let Some(before) = before {
            known.forget(&before, config);
        }
    }

    fn live(&self, target: &Target, known: &mut Known) -> Live {
        let servers = target.servers.iter().map(|server| {
            let key = (target.key.clone(), server.identity.clone());
            let state = known.servers.entry(key).or_insert_with(|| {
                let label = format!("{} of {}", server.identity.address, target.host_name);
                Arc::new(ServerState::new(label, self.workers, self.clock.now()))
            });
            let state = state.clone();
            let next = known.last_pool + 1;
            let pool = *known.pools.entry(server.identity.clone()).or_insert(next);
            known.last_pool = known.last_pool.max(pool);
            let name = match &server.seat {
                Seat::Name { name, .. } => Some((name.clone(), false)),
                Seat::Srv(name) => Some((name.clone(), true)),
                Seat::Ip(_) | Seat::Unix(_) => None,
            };
            let name = name.map(|key| match known.names.get(&key).and_then(Weak::upgrade) {
                Some(name) => name,
                None => {
                    let name = Arc::new(Name::new(key.0.clone(), key.1));
                    known.names.insert(key, Arc::downgrade(&name));
                    name
                }
            });
            LiveServer { state, pool, name }
        });
        let servers = servers.collect();
        let (queue, turns) = known.queues.remove(&target.key).unwrap_or_default();
        // Turns of servers that have changed mean nothing; round robin finds its way back at once.
        let workers = if target.simple { 0 } else { self.workers };
        let turns =
            if turns.len() == workers { turns } else { (0..workers).map(|_| Mutex::default()).collect() };
        known.queues.insert(target.key.clone(), (queue.clone(), turns.clone()));
        Live { servers, queue, turns }
    }

    /// The names that the current configuration needs.
    pub(crate) fn names(&self) -> Vec<Arc<Name>> {
        let config = self.known.lock().unwrap_or_else(PoisonError::into_inner).config.clone();
        let targets = config.iter().flat_map(|config| config.hosts.targets());
        let servers = targets.filter_map(|target| target.live.get()).flat_map(|live| &live.servers);
        let mut seen = AHashSet::new();
        servers
            .filter_map(|server| server.name.as_ref())
            .filter(|name| seen.insert(Arc::as_ptr(name)))
            .cloned()
            .collect()
    }

    /// What people see of these upstreams.
    pub(crate) fn status<'a>(&self, targets: impl Iterator<Item = &'a Arc<Target>>) -> Vec<UpstreamStatus> {
        let status = |target: &Arc<Target>| {
            let live = target.live.get();
            let servers = live.iter().flat_map(|live| target.servers.iter().zip(&live.servers));
            UpstreamStatus {
                host_id: target.key.host.to_string(),
                location: target.key.location.as_deref().map(str::to_owned),
                waiting: live.map_or(0, |live| live.queue.waiting.load(Relaxed)),
                servers: servers
                    .map(|(server, live)| {
                        live.state.status(target, server, live.name.as_deref(), &*self.clock)
                    })
                    .collect(),
            }
        };
        targets.map(status).collect()
    }
}
