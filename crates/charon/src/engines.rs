//! What the API sees of the running engines: translation, nothing else.

use crate::metrics::Metrics;
use crate::traffic::Window;
use api::engines::{
    Alert, AlertEvidence, AlertFilter, Applied, BanFilter, BoxFuture, Engines, ExternalTrial, Fault,
    HostPhase, HostState, HostTraffic, Listener, LogEntry, LogFilter, LogHealth, MetricsForm, NoAlerts,
    SecurityFeed, SecurityMark, ServerCheck, ServerHealth, ServerState, ServerTest, Stop, Traffic,
    TrafficTick, UpstreamTrial,
};
use base::{Clock, FieldError, Problems, Timestamp};
use control::Serving;
use control::dns::{Dns, Given};
use control::tasks::{ListenerState, Serves};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::crowdsec_external::External;
use store::proxy_hosts::HostValues;
use tasks::Statuses;
use tokio::sync::{broadcast, mpsc, watch};

/// How long the history is waited for.
const HISTORY: Duration = Duration::from_secs(2);

/// The engines of a running Charon.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) proxy: Arc<proxy::Proxy>,
    pub(crate) crowdsec: control::crowdsec::CrowdSec,
    pub(crate) captcha: control::captcha::Captcha,
    pub(crate) automatic: watch::Receiver<control::acme::Counts>,
    pub(crate) rehearsal: control::rehearsal::Rehearsal,
    pub(crate) checks: watch::Receiver<control::rehearsal::Checks>,
    pub(crate) dns: Dns,
    pub(crate) agent: crate::agent::Agent,
    pub(crate) applied: watch::Receiver<control::Applied>,
    pub(crate) statuses: Statuses,
    pub(crate) ui: SocketAddr,
    pub(crate) listeners: watch::Receiver<Vec<ListenerState>>,
    pub(crate) workers: usize,
    pub(crate) access_log: PathBuf,
    pub(crate) problems: Problems,
    pub(crate) started_at: Timestamp,
    pub(crate) window: Mutex<Window>,
    pub(crate) metrics: Mutex<Metrics>,
    pub(crate) ticks: broadcast::Sender<Arc<TrafficTick>>,
    pub(crate) entries: broadcast::Sender<Arc<LogEntry>>,
}

impl Running {
    /// Takes in the counters of the data plane; to be called every [`crate::traffic::TICK`].
    pub(crate) fn tick(&self) {
        let tick = self.window().tick(self.clock.now(), self.proxy.stats());
        // Nobody looks: that is no failure.
        _ = self.ticks.send(Arc::new(tick));
    }

    fn window(&self) -> std::sync::MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn names(&self) -> HashMap<String, String> {
        let applied = self.applied.borrow();
        applied.hosts.iter().map(|(id, state)| (id.to_string(), state.name.clone())).collect()
    }

    fn name(&self, id: &str) -> Option<String> {
        self.applied.borrow().hosts.get(id).map(|state| state.name.clone())
    }

    /// Translates entries for as long as somebody looks.
    async fn pump(
        names: watch::Receiver<control::Applied>,
        mut from: broadcast::Receiver<Arc<proxy::Entry>>,
        to: broadcast::Sender<Arc<LogEntry>>,
    ) {
        while to.receiver_count() > 0 {
            match tokio::time::timeout(Duration::from_secs(5), from.recv()).await {
                Ok(Ok(entry)) => {
                    let name = |id: &str| names.borrow().hosts.get(id).map(|state| state.name.clone());
                    _ = to.send(Arc::new(translate(&entry, name)));
                }
                // Viewers are told by their own receiver that they are too slow.
                Ok(Err(broadcast::error::RecvError::Lagged(_))) | Err(_) => {}
                Ok(Err(broadcast::error::RecvError::Closed)) => return,
            }
        }
    }
}

impl Engines for Running {
    fn applied(&self, change: u64, limit: Duration) -> BoxFuture<'_, Applied> {
        let mut applied = self.applied.clone();
        Box::pin(async move {
            let wait = applied.wait_for(|applied| applied.knows(change));
            // What `wait_for` returns keeps the publisher out for as long as it lives: it is cloned at once.
            let found = match tokio::time::timeout(limit, wait).await {
                Ok(Ok(found)) => Ok(found.clone()),
                Ok(Err(_)) => Err("the change is stored and not served: Charon is stopping".to_owned()),
                Err(_) => Err(format!(
                    "the change is stored and not served yet, after {} seconds; see the background tasks",
                    limit.as_secs()
                )),
            };
            let now = applied.borrow().clone();
            let outcome = found.and_then(|found| found.error.map_or(Ok(()), Err));
            Applied { revision: revision(&now), since: now.since, outcome }
        })
    }

    fn host_states(&self) -> HashMap<String, HostState> {
        let applied = self.applied.borrow();
        applied.hosts.iter().map(|(id, state)| (id.to_string(), host_state(state))).collect()
    }

    fn servers(&self) -> HashMap<String, Vec<ServerState>> {
        servers(self.proxy.upstreams())
    }

    fn host(&self, uuid: &str) -> (Option<HostState>, Vec<ServerState>) {
        let state = self.applied.borrow().hosts.get(uuid).map(|state| host_state(state));
        (state, servers(self.proxy.upstreams_of(uuid)).remove(uuid).unwrap_or_default())
    }

    fn recorded(&self) -> BoxFuture<'_, ()> {
        let mut applied = self.applied.clone();
        Box::pin(async move {
            let wait = applied.wait_for(|applied| applied.recorded >= applied.revision);
            // Where the history cannot be written, that is a problem on the board, and the rest can be read.
            _ = tokio::time::timeout(HISTORY, wait).await.map(drop);
        })
    }

    fn check_host(&self, values: &HostValues) -> Vec<FieldError> {
        control::compile::check(values)
    }

    fn traffic(&self) -> Traffic {
        let status = self.proxy.log_status();
        let log = LogHealth { written: status.written, dropped: status.dropped, error: status.error };
        self.window().traffic(self.clock.now(), &self.names(), log)
    }

    fn host_traffic(&self, uuid: &str) -> Option<HostTraffic> {
        self.window().host(self.clock.now(), uuid)
    }

    fn metrics(&self, form: MetricsForm) -> String {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner).text(self, form)
    }

    fn recent_log(&self, filter: &LogFilter, limit: usize) -> Vec<Arc<LogEntry>> {
        crate::access_log::newest(&self.access_log, filter, limit, |id| self.name(id))
    }

    fn live_log(&self) -> broadcast::Receiver<Arc<LogEntry>> {
        let first = self.entries.receiver_count() == 0;
        let receiver = self.entries.subscribe();
        if first {
            let pump = Self::pump(self.applied.clone(), self.proxy.watch_log(), self.entries.clone());
            tasks::spawn("live log", pump);
        }
        receiver
    }

    fn live_traffic(&self) -> broadcast::Receiver<Arc<TrafficTick>> {
        self.ticks.subscribe()
    }

    fn listeners(&self) -> Vec<Listener> {
        let ui = Listener {
            purpose: "ui".to_owned(),
            address: self.ui.to_string(),
            state: "listening".to_owned(),
        };
        let proxy = self.listeners.borrow().clone().into_iter().map(|state| Listener {
            purpose: match state.serves {
                Serves::Http => "http",
                Serves::Https => "https",
                Serves::Http3 => "http3",
            }
            .to_owned(),
            address: state.address.to_string(),
            state: state.fault.map_or_else(|| "listening".to_owned(), |fault| format!("failing: {fault}")),
        });
        std::iter::once(ui).chain(proxy).collect()
    }

    fn tasks(&self) -> Vec<tasks::Status> {
        self.statuses.all()
    }

    fn memory_bytes(&self) -> u64 {
        resident_memory()
    }

    fn worker_threads(&self) -> usize {
        self.workers
    }

    fn revision(&self) -> Option<u64> {
        revision(&self.applied.borrow())
    }

    fn crowdsec(&self) -> api::engines::CrowdSec {
        crate::security::crowdsec(&self.crowdsec)
    }

    fn captcha(&self) -> api::engines::CaptchaState {
        crate::captcha::state(&self.captcha, &self.crowdsec)
    }

    fn check_captcha(&self, keys: api::engines::CaptchaKeys) -> BoxFuture<'_, Result<(), FieldError>> {
        Box::pin(crate::captcha::check(&self.captcha, keys))
    }

    fn agent_configuration(&self) -> &dyn api::engines::AgentConfiguration {
        &self.agent
    }

    fn enforcement(&self) -> api::engines::EnforcementState {
        crate::security::enforcement(&self.crowdsec)
    }

    fn runs_dns_programs(&self) -> bool {
        self.dns.runs_programs()
    }

    fn check_dns(&self, kind: &'static dns01::Kind, given: &Given) -> Result<(), dns01::FieldError> {
        self.dns.provider(kind, given).map(drop)
    }

    fn rehearse(&self, names: Vec<String>) -> BoxFuture<'_, Result<Vec<rehearsal::Report>, String>> {
        Box::pin(async move { self.rehearsal.run(names).await.map_err(|error| format!("{error:#}")) })
    }

    fn try_dns(
        &self,
        kind: &'static dns01::Kind,
        given: Given,
        zone: String,
    ) -> BoxFuture<'_, Result<Vec<dns01::TrialStep>, dns01::FieldError>> {
        Box::pin(async move { self.dns.test(kind, &given, &zone).await })
    }

    fn appsec(&self) -> api::engines::AppSecState {
        crate::security::appsec(&self.crowdsec)
    }

    fn try_external(&self, external: External) -> BoxFuture<'_, ExternalTrial> {
        Box::pin(crate::security::try_external(external))
    }

    fn crowdsec_log(&self) -> Vec<api::engines::AgentLine> {
        crate::security::log(&self.crowdsec)
    }

    fn bans(&self, wanted: &BanFilter) -> api::engines::Bans {
        crate::security::bans(&self.crowdsec, wanted)
    }

    fn alerts(&self, wanted: AlertFilter) -> BoxFuture<'_, Result<Vec<Alert>, NoAlerts>> {
        Box::pin(crate::alerts::list(&self.crowdsec, wanted))
    }

    fn alert(&self, id: i64) -> BoxFuture<'_, Result<Option<AlertEvidence>, NoAlerts>> {
        Box::pin(crate::alerts::one(&self.crowdsec, id))
    }

    fn security_events(&self, mark: Option<SecurityMark>) -> SecurityFeed {
        crate::security_events::follow(&self.crowdsec, mark)
    }

    fn escalation(&self, stored: Option<Vec<u32>>) -> Vec<u32> {
        crate::alerts::escalation(stored)
    }

    fn check_escalation(&self, minutes: Vec<u32>) -> BoxFuture<'_, Result<(), FieldError>> {
        Box::pin(crate::alerts::check_escalation(&self.crowdsec, minutes))
    }

    fn test_upstream(&self, trial: UpstreamTrial) -> BoxFuture<'_, Result<Vec<ServerTest>, Vec<FieldError>>> {
        Box::pin(crate::trial::run(trial, self.clock.clone()))
    }
}

fn revision(applied: &control::Applied) -> Option<u64> {
    Some(applied.revision).filter(|revision| *revision > 0)
}

fn host_state(state: &control::HostState) -> HostState {
    let (phase, message, remedy) = match &state.serving {
        Serving::Yes => (HostPhase::Serving, "", ""),
        Serving::LeftOut { message, remedy } => (HostPhase::LeftOut, message.as_str(), remedy.as_str()),
    };
    HostState {
        state: phase,
        since: state.since,
        revision: Some(state.revision),
        message: message.to_owned(),
        remedy: remedy.to_owned(),
    }
}

/// The servers of each host.
fn servers(upstreams: Vec<proxy::UpstreamStatus>) -> HashMap<String, Vec<ServerState>> {
    let mut servers: HashMap<String, Vec<ServerState>> = HashMap::new();
    for upstream in upstreams {
        let of_host = servers.entry(upstream.host_id).or_default();
        // The host's own come first.
        let at = if upstream.location.is_none() { 0 } else { of_host.len() };
        let shown =
            upstream.servers.into_iter().map(|server| server_state(upstream.location.clone(), server));
        of_host.splice(at..at, shown);
    }
    servers
}

fn server_state(location: Option<String>, server: proxy::ServerStatus) -> ServerState {
    let (addresses, name_error) = server.name.map(|name| (name.addresses, name.error)).unwrap_or_default();
    ServerState {
        location,
        scheme: match server.scheme {
            proxy::spec::Scheme::Http => "http",
            proxy::spec::Scheme::Https => "https",
        }
        .to_owned(),
        address: server.address,
        weight: server.weight,
        backup: server.backup,
        health: match server.health {
            proxy::ServerHealth::Unknown => ServerHealth::Unknown,
            proxy::ServerHealth::Healthy => ServerHealth::Healthy,
            proxy::ServerHealth::Failing => ServerHealth::Failing,
            proxy::ServerHealth::Aside => ServerHealth::Aside,
            proxy::ServerHealth::SlowStarting => ServerHealth::SlowStarting,
        },
        since: server.since,
        why: server.why,
        active: server.active,
        requests: server.requests,
        failures: server.failures,
        ejections: server.ejections,
        last_check: server.last_check.map(|check| ServerCheck {
            at: check.at,
            took_ms: check.took_ms,
            ok: check.ok,
            message: check.message,
        }),
        addresses,
        name_error,
    }
}

fn translate(entry: &proxy::Entry, name: impl Fn(&str) -> Option<String>) -> LogEntry {
    let millis = |micros: u64| micros as f64 / 1000.0;
    LogEntry {
        time: entry.time,
        request_id: entry.taken_id.clone().unwrap_or_else(|| entry.request_id.to_string()),
        client_ip: entry.client_ip.to_string(),
        host_name: entry.host_id.as_deref().and_then(name),
        host_uuid: entry.host_id.clone(),
        host: entry.host.clone(),
        method: entry.method.clone(),
        path: entry.path.clone(),
        query: entry.query.clone().unwrap_or_default(),
        protocol: match entry.protocol {
            proxy::Protocol::Http10 => "HTTP/1.0",
            proxy::Protocol::Http11 => "HTTP/1.1",
            proxy::Protocol::Http2 => "HTTP/2",
            proxy::Protocol::Http3 => "HTTP/3",
        }
        .to_owned(),
        scheme: entry.scheme.to_owned(),
        status: entry.status,
        duration_ms: millis(entry.duration_us),
        upstream: entry.upstream.map(|address| address.to_string()),
        upstream_ms: entry.upstream_us.map(millis),
        bytes_in: entry.bytes_in,
        bytes_out: entry.bytes_out,
        user_agent: entry.user_agent.clone(),
        referer: entry.referer.clone(),
        stop: entry
            .stop
            .as_ref()
            .map(|stop| Stop { phase: stop.phase.to_owned(), reason: stop.reason.clone() }),
        fault: match entry.fault {
            proxy::Fault::None => Fault::None,
            proxy::Fault::Client => Fault::Client,
            proxy::Fault::Upstream => Fault::Upstream,
            proxy::Fault::Charon => Fault::Charon,
        },
    }
}

/// Resident memory of this process in bytes (`VmRSS` of proc(5)); 0 where it cannot be read.
pub(crate) fn resident_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// The engines of a command while no Charon runs: nothing is served, and it says so.
#[derive(Debug)]
pub(crate) struct Offline {
    pub(crate) dns: Dns,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) agent: crate::agent::Agent,
    /// How the stored hosts would be served.
    pub(crate) hosts: HashMap<String, HostState>,
}

impl Engines for Offline {
    fn applied(&self, _: u64, _: Duration) -> BoxFuture<'_, Applied> {
        // The change is stored and complete; it is served from the next start on.
        let applied = Applied { revision: None, since: self.clock.now(), outcome: Ok(()) };
        Box::pin(std::future::ready(applied))
    }

    fn host_states(&self) -> HashMap<String, HostState> {
        self.hosts.clone()
    }

    fn servers(&self) -> HashMap<String, Vec<ServerState>> {
        HashMap::new()
    }

    fn check_host(&self, values: &HostValues) -> Vec<FieldError> {
        control::compile::check(values)
    }

    fn traffic(&self) -> Traffic {
        Traffic { now: self.clock.now(), ..Traffic::default() }
    }

    fn host_traffic(&self, _: &str) -> Option<HostTraffic> {
        None
    }

    fn metrics(&self, _: MetricsForm) -> String {
        String::new()
    }

    fn recent_log(&self, _: &LogFilter, _: usize) -> Vec<Arc<LogEntry>> {
        Vec::new()
    }

    fn live_log(&self) -> broadcast::Receiver<Arc<LogEntry>> {
        broadcast::channel(1).1
    }

    fn live_traffic(&self) -> broadcast::Receiver<Arc<TrafficTick>> {
        broadcast::channel(1).1
    }

    fn listeners(&self) -> Vec<Listener> {
        Vec::new()
    }

    fn tasks(&self) -> Vec<tasks::Status> {
        Vec::new()
    }

    fn memory_bytes(&self) -> u64 {
        resident_memory()
    }

    fn worker_threads(&self) -> usize {
        0
    }

    fn revision(&self) -> Option<u64> {
        None
    }

    fn crowdsec(&self) -> api::engines::CrowdSec {
        api::engines::CrowdSec { message: "Charon does not run".to_owned(), ..Default::default() }
    }

    fn agent_configuration(&self) -> &dyn api::engines::AgentConfiguration {
        &self.agent
    }

    fn enforcement(&self) -> api::engines::EnforcementState {
        api::engines::EnforcementState::default()
    }

    fn runs_dns_programs(&self) -> bool {
        self.dns.runs_programs()
    }

    fn check_dns(&self, kind: &'static dns01::Kind, given: &Given) -> Result<(), dns01::FieldError> {
        self.dns.provider(kind, given).map(drop)
    }

    fn try_dns(
        &self,
        kind: &'static dns01::Kind,
        given: Given,
        zone: String,
    ) -> BoxFuture<'_, Result<Vec<dns01::TrialStep>, dns01::FieldError>> {
        Box::pin(async move { self.dns.test(kind, &given, &zone).await })
    }

    fn try_external(&self, external: External) -> BoxFuture<'_, ExternalTrial> {
        Box::pin(crate::security::try_external(external))
    }

    fn crowdsec_log(&self) -> Vec<api::engines::AgentLine> {
        Vec::new()
    }

    fn security_events(&self, _: Option<SecurityMark>) -> SecurityFeed {
        let (epoch, events, missed) = (String::new(), Vec::new(), 0);
        SecurityFeed { epoch, events, missed, next: mpsc::channel(1).1 }
    }

    fn bans(&self, _: &BanFilter) -> api::engines::Bans {
        api::engines::Bans::default()
    }

    fn test_upstream(&self, trial: UpstreamTrial) -> BoxFuture<'_, Result<Vec<ServerTest>, Vec<FieldError>>> {
        Box::pin(crate::trial::run(trial, self.clock.clone()))
    }
}
