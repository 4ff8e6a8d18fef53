//! What handlers need to know from the running engines. The binary implements [`Engines`]; the API neither
//! knows the data plane nor the reconcilers. Nothing here changes anything.

pub use crate::security::configuration::{
    AgentAction, AgentChange, AgentConfiguration, AgentFile, AgentFileContent, AgentHub, AgentPreview,
    FileOrigin, HubItem, HubPreset, HubUpgrade, PresetState,
};
pub use crate::security::{
    AgentLine, AgentRestarts, Alert, AlertDecision, AlertEvent, AlertEvidence, AlertFilter, AppSecCounts,
    AppSecStanding, AppSecState, Ban, BanFilter, Bans, CaptchaKeys, CaptchaPhase, CaptchaProvider,
    CaptchaState, CrowdSec, CrowdSecMode, CrowdSecPhase, Decisions, EnforcementState, ExternalTrial,
    FeedNumbers, NoAlerts, NotEnforced, Proof, SecurityEvent, SecurityEventKind, SecurityFeed, SecurityMark,
    UsageMetrics,
};
pub use crate::servers::{
    ServerCheck, ServerHealth, ServerState, ServerTest, TestCertificate, TestStep, TestStepName,
};
use base::{FieldError, Secret, Timestamp};
use serde::Serialize;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::dns_credentials::Secrets;
use store::proxy_hosts::HostValues;
use tokio::sync::broadcast;
use utoipa::ToSchema;

/// A future that can be returned by a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The view of the running engines.
pub trait Engines: Send + Sync + 'static {
    /// Waits until the change numbered `change` ([`store::Store::change_number`] after the commit) is served,
    /// or was refused as a whole, at most `limit`.
    fn applied(&self, change: u64, limit: Duration) -> BoxFuture<'_, Applied>;
    /// How each known host stands, by its uuid. A host that is not in it has not been looked at yet.
    fn host_states(&self) -> HashMap<String, HostState>;
    /// How the servers of each served host are, by its uuid.
    fn servers(&self) -> HashMap<String, Vec<ServerState>>;
    /// State and servers of one host.
    fn host(&self, uuid: &str) -> (Option<HostState>, Vec<ServerState>) {
        (self.host_states().remove(uuid), self.servers().remove(uuid).unwrap_or_default())
    }
    /// Waits until the revision that serves stands in the history, which is a moment later; not for long.
    fn recorded(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
    /// What the data plane could not serve of a host with these values, by field of the API. Nothing is changed.
    fn check_host(&self, values: &HostValues) -> Vec<FieldError>;
    /// Statistics over all hosts.
    fn traffic(&self) -> Traffic;
    /// Statistics of one host; `None` when it has had no request since the start.
    fn host_traffic(&self, uuid: &str) -> Option<HostTraffic>;
    /// Everything that can be counted, for the endpoint of metrics.
    fn metrics(&self, form: MetricsForm) -> String;
    /// The newest requests that `filter` takes, newest first, at most `limit`.
    fn recent_log(&self, filter: &LogFilter, limit: usize) -> Vec<Arc<LogEntry>>;
    /// Each request as it ends.
    fn live_log(&self) -> broadcast::Receiver<Arc<LogEntry>>;
    /// One message every two seconds.
    fn live_traffic(&self) -> broadcast::Receiver<Arc<TrafficTick>>;
    /// Every address that this process listens on, or tries to.
    fn listeners(&self) -> Vec<Listener>;
    /// The background tasks.
    fn tasks(&self) -> Vec<tasks::Status>;
    /// Resident memory of the process, in bytes.
    fn memory_bytes(&self) -> u64;
    /// Worker threads of the data plane.
    fn worker_threads(&self) -> usize;
    /// The revision that is served; `None` before the first.
    fn revision(&self) -> Option<u64>;
    /// How CrowdSec stands; the wish within it is that of the last look.
    fn crowdsec(&self) -> CrowdSec;
    /// How AppSec stands.
    fn appsec(&self) -> AppSecState {
        AppSecState::default()
    }
    /// How the enforcement of decisions stands.
    fn enforcement(&self) -> EnforcementState;
    /// Tries a LAPI of another machine, and changes nothing.
    fn try_external(&self, external: store::crowdsec_external::External) -> BoxFuture<'_, ExternalTrial>;
    /// How the captcha stands.
    fn captcha(&self) -> CaptchaState {
        CaptchaState::default()
    }
    /// Whether the provider takes these keys, as far as it can be asked. `Err`: what it does not take, with the field.
    fn check_captcha(&self, _: CaptchaKeys) -> BoxFuture<'_, Result<(), FieldError>> {
        Box::pin(std::future::ready(Ok(())))
    }
    /// The newest lines of the agent's log.
    fn crowdsec_log(&self) -> Vec<AgentLine>;
    /// The configuration of CrowdSec's agent.
    fn agent_configuration(&self) -> &dyn AgentConfiguration;
    /// Who is banned now, as far as it is wanted.
    fn bans(&self, wanted: &BanFilter) -> Bans;
    /// What CrowdSec has found.
    fn alerts(&self, _: AlertFilter) -> BoxFuture<'_, Result<Vec<Alert>, NoAlerts>> {
        Box::pin(std::future::ready(Err(NoAlerts::NotRunning)))
    }
    /// What led to an alert; `None` when there is no such alert.
    fn alert(&self, _: i64) -> BoxFuture<'_, Result<Option<AlertEvidence>, NoAlerts>> {
        Box::pin(std::future::ready(Err(NoAlerts::NotRunning)))
    }
    /// What happens around security: what came after `mark`, or the newest of it, and all that comes.
    fn security_events(&self, mark: Option<SecurityMark>) -> SecurityFeed;
    /// How long CrowdSec bans, in minutes, when this is stored.
    fn escalation(&self, stored: Option<Vec<u32>>) -> Vec<u32> {
        stored.unwrap_or_default()
    }
    /// Whether the agent takes these durations. `Err`: why not, with the field.
    fn check_escalation(&self, _: Vec<u32>) -> BoxFuture<'_, Result<(), FieldError>> {
        Box::pin(std::future::ready(Ok(())))
    }
    /// Whether programs may write DNS records.
    fn runs_dns_programs(&self) -> bool {
        false
    }
    /// Whether a DNS provider can be made of what was typed, without asking it.
    fn check_dns(&self, kind: &'static dns01::Kind, given: &Secrets) -> Result<(), dns01::FieldError> {
        kind.parse(given).map(drop)
    }
    /// Tries a DNS provider for a zone. `Err`: what it cannot be made of.
    fn try_dns(
        &self,
        _: &'static dns01::Kind,
        _: Secrets,
        _: String,
    ) -> BoxFuture<'_, Result<Vec<dns01::TrialStep>, dns01::FieldError>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    /// Looks whether the next certificates for these names would be issued. `Err`: why nobody can.
    fn rehearse(&self, _: Vec<String>) -> BoxFuture<'_, Result<Vec<rehearsal::Report>, String>> {
        Box::pin(std::future::ready(Err("Charon does not run, so that no name leads to it".to_owned())))
    }
    /// Tries each server of a host and of its locations once. `Err`: what cannot be tried at all, by field.
    fn test_upstream(&self, trial: UpstreamTrial) -> BoxFuture<'_, Result<Vec<ServerTest>, Vec<FieldError>>>;
}

/// The text form of metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricsForm {
    /// Prometheus' text format 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

/// How the application of a change ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// The revision that is served now; `None` when there is none yet.
    pub revision: Option<u64>,
    /// When it began to be served.
    pub since: Timestamp,
    /// `Err` holds one sentence with the remedy: why the change is not served.
    pub outcome: Result<(), String>,
}

/// Whether a host is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostPhase {
    /// Requests for it reach its upstream.
    Serving,
    /// It is switched off.
    Disabled,
    /// It could not be compiled; the message says why.
    LeftOut,
    /// The change is stored, but not served yet.
    Pending,
}

/// How a host stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct HostState {
    /// Whether it is served.
    pub state: HostPhase,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The revision that serves it; null when none does.
    pub revision: Option<u64>,
    /// What is the matter, as one sentence; empty when all is well.
    pub message: String,
    /// What mends it; empty when all is well.
    pub remedy: String,
}

/// Requests by class of their status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct StatusCounts {
    /// 100 to 199.
    #[serde(rename = "1xx")]
    pub informational: u64,
    /// 200 to 299.
    #[serde(rename = "2xx")]
    pub success: u64,
    /// 300 to 399.
    #[serde(rename = "3xx")]
    pub redirection: u64,
    /// 400 to 499.
    #[serde(rename = "4xx")]
    pub client_error: u64,
    /// 500 to 599.
    #[serde(rename = "5xx")]
    pub server_error: u64,
}

/// Sums since the start of the process.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Totals {
    /// Requests that have ended.
    pub requests: u64,
    /// The same by class of status.
    pub status: StatusCounts,
    /// Bytes from clients.
    pub bytes_in: u64,
    /// Bytes to clients.
    pub bytes_out: u64,
    /// Open connections of clients, now.
    pub active_connections: u64,
    /// Requests that are under way, now.
    pub in_flight: u64,
    /// Requests that failed at the upstream.
    pub upstream_errors: u64,
}

/// Two seconds of traffic.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ToSchema)]
pub struct Point {
    /// End of the two seconds.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// Requests per second.
    pub requests_per_second: f64,
    /// Requests with a status from 200 to 299.
    #[serde(rename = "2xx")]
    pub success: u64,
    /// Requests with a status from 300 to 399.
    #[serde(rename = "3xx")]
    pub redirection: u64,
    /// Requests with a status from 400 to 499.
    #[serde(rename = "4xx")]
    pub client_error: u64,
    /// Requests with a status from 500 to 599.
    #[serde(rename = "5xx")]
    pub server_error: u64,
    /// Median duration in milliseconds; null without requests.
    pub p50_ms: Option<f64>,
    /// 95th percentile of the duration in milliseconds; null without requests.
    pub p95_ms: Option<f64>,
}

/// Durations of the requests in the window, in milliseconds; null without requests.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, ToSchema)]
pub struct Latency {
    /// Median.
    pub p50_ms: Option<f64>,
    /// 95th percentile.
    pub p95_ms: Option<f64>,
    /// 99th percentile.
    pub p99_ms: Option<f64>,
}

/// One of the hosts with the most requests in the window.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ToSchema)]
pub struct TopHost {
    /// The host's uuid.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// Requests in the window.
    pub requests: u64,
    /// Requests per second, now.
    pub requests_per_second: f64,
    /// Answers with a status of 500 or more in the window.
    pub errors_5xx: u64,
    /// 95th percentile of the duration in milliseconds; null without requests.
    pub p95_ms: Option<f64>,
    /// Requests over time, oldest first.
    pub sparkline: Vec<u64>,
}

/// How the writing of the access log goes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct LogHealth {
    /// Lines written since the start.
    pub written: u64,
    /// Lines given up since the start, since the disk was too slow.
    pub dropped: u64,
    /// Why lines cannot be written; null when they can.
    pub error: Option<String>,
}

/// Statistics over all hosts.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ToSchema)]
pub struct Traffic {
    /// When this was taken.
    #[schema(value_type = String, format = DateTime)]
    pub now: Timestamp,
    /// Length of the window in seconds.
    pub window_seconds: u64,
    /// Sums since the start.
    pub totals: Totals,
    /// One point every two seconds, oldest first.
    pub series: Vec<Point>,
    /// Durations in the window.
    pub latency: Latency,
    /// The hosts with the most requests in the window.
    pub top_hosts: Vec<TopHost>,
    /// How the writing of the access log goes.
    pub log: LogHealth,
}

/// Statistics of one host.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ToSchema)]
pub struct HostTraffic {
    /// When this was taken.
    #[schema(value_type = String, format = DateTime)]
    pub now: Timestamp,
    /// Sums since the start.
    pub totals: Totals,
    /// One point every two seconds, oldest first.
    pub series: Vec<Point>,
    /// Durations in the window.
    pub latency: Latency,
    /// Answers with a status of 500 or more in the window.
    pub recent_errors: u64,
}

/// What the live channel sends every two seconds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ToSchema)]
pub struct TrafficTick {
    /// The newest point.
    #[serde(flatten)]
    pub point: Point,
    /// Sums since the start.
    pub totals: Totals,
}

/// Whose fault a request's failure was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing failed.
    #[default]
    None,
    /// The client.
    Client,
    /// The upstream.
    Upstream,
    /// Charon.
    Charon,
}

/// Which phase stopped a request, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Stop {
    /// The phase's name.
    pub phase: String,
    /// One sentence.
    pub reason: String,
}

/// One request of the access log.
#[derive(Clone, PartialEq, Debug, Default, Serialize, ToSchema)]
pub struct LogEntry {
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// Its id, as in the answer's header.
    pub request_id: String,
    /// Address of the client.
    pub client_ip: String,
    /// The host that took it; null when none did.
    pub host_uuid: Option<String>,
    /// That host's name.
    pub host_name: Option<String>,
    /// The name that the client asked for.
    pub host: String,
    /// Method.
    pub method: String,
    /// Path without query.
    pub path: String,
    /// Query without `?`; may be empty.
    pub query: String,
    /// `HTTP/1.1` ...
    pub protocol: String,
    /// `http` or `https`.
    pub scheme: String,
    /// Status of the answer.
    pub status: u16,
    /// From the first byte of the request to the last of the answer, in milliseconds.
    pub duration_ms: f64,
    /// Address of the upstream; null when none was asked.
    pub upstream: Option<String>,
    /// Until the upstream's head was there, in milliseconds.
    pub upstream_ms: Option<f64>,
    /// Bytes from the client.
    pub bytes_in: u64,
    /// Bytes to the client.
    pub bytes_out: u64,
    /// `User-Agent`; may be empty.
    pub user_agent: String,
    /// `Referer`; may be empty.
    pub referer: String,
    /// Which phase stopped it; null when none did.
    pub stop: Option<Stop>,
    /// Whose fault a failure was.
    pub fault: Fault,
}

/// Which requests of the access log are wanted. Empty takes all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogFilter {
    /// uuid of a host, or a part of the name that the client asked for.
    pub host: Option<String>,
    /// A class (`5`) or a whole status (`502`).
    pub status: Option<u16>,
    /// Text that stands in the path, the host, the client's address or the user agent, in any case.
    pub text: Option<String>,
}

impl LogFilter {
    /// Whether `entry` is wanted.
    pub fn takes(&self, entry: &LogEntry) -> bool {
        let contains = |field: &str, text: &str| field.to_lowercase().contains(&text.to_lowercase());
        self.host
            .as_deref()
            .is_none_or(|host| entry.host_uuid.as_deref() == Some(host) || contains(&entry.host, host))
            && self
                .status
                .is_none_or(|status| entry.status == status || (status < 10 && entry.status / 100 == status))
            && self.text.as_deref().is_none_or(|text| {
                [&entry.path, &entry.host, &entry.client_ip, &entry.user_agent]
                    .iter()
                    .any(|field| contains(field, text))
            })
    }
}

/// An address that this process listens on, or tries to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Listener {
    /// `ui`, `http`, `https`, or `http3`, which is by UDP.
    pub purpose: String,
    /// Address and port.
    pub address: String,
    /// `listening`, or `failing: ` and why.
    pub state: String,
}

/// Why an address is not to be tried; `None` when it may be.
pub type Refuse = Arc<dyn Fn(SocketAddr) -> Option<String> + Send + Sync>;

/// A host whose servers are to be tried.
pub struct UpstreamTrial {
    /// The host.
    pub values: HostValues,
    /// Certificates that its servers may ask for.
    pub client_certificates: Vec<ClientCertificate>,
    /// To be asked for each address before it is connected to, after names are looked up.
    pub refuse: Refuse,
}

impl std::fmt::Debug for UpstreamTrial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamTrial").field("values", &self.values).finish_non_exhaustive()
    }
}

/// A certificate that is shown to servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientCertificate {
    /// Its uuid.
    pub uuid: String,
    /// The chain, PEM.
    pub chain_pem: String,
    /// Its key, PEM.
    pub key: Secret<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_takes_classes_whole_statuses_and_text_in_any_case() {
        let entry = LogEntry {
            host: "Shop.example".to_owned(),
            path: "/Cart".to_owned(),
            status: 502,
            host_uuid: Some("u1".to_owned()),
            ..LogEntry::default()
        };
        let filter = |host: Option<&str>, status, text: Option<&str>| LogFilter {
            host: host.map(str::to_owned),
            status,
            text: text.map(str::to_owned),
        };
        assert!(filter(None, None, None).takes(&entry));
        assert!(filter(Some("u1"), Some(5), Some("cart")).takes(&entry));
        assert!(filter(Some("shop"), Some(502), None).takes(&entry));
        assert!(!filter(None, Some(4), None).takes(&entry));
        assert!(!filter(None, Some(500), None).takes(&entry));
        assert!(!filter(None, None, Some("basket")).takes(&entry));
    }
}
