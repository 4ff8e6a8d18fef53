//! The servers behind a host or a location, as they are sent, stored and shown. What is at its default is not
//! stored; what is shown is complete.

use super::input::SchemeName;
use base::{Domain, FieldError, StatusSet, UpstreamAddress};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// How the servers of a host or a location are used. The first server is `forward_scheme`, `forward_host` and
/// `forward_port`; `servers` has the others. Durations are in milliseconds.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct UpstreamInput {
    /// Share of the first server against those of the others.
    #[schema(minimum = 1, maximum = 1000)]
    weight: u16,
    /// The servers beside the first one.
    #[schema(max_items = 63)]
    servers: Vec<UpstreamServerInput>,
    /// How one of several servers is chosen.
    balance: Balance,
    /// Keeps a client at the server that it got first, by a signed cookie; null does not.
    sticky: Option<StickyInput>,
    /// Asks each server from time to time whether it is well; null does not, then only requests tell.
    health: Option<HealthCheckInput>,
    /// What requests tell about servers.
    passive: PassiveInput,
    /// What happens while no server is known to be well.
    all_down: AllDown,
    /// How much is asked of each server at once.
    limits: ConnectionLimitsInput,
    /// How long is waited for a server.
    timeouts: TimeoutsInput,
    /// The protocol towards the servers.
    protocol: OriginProtocol,
    /// TLS towards servers whose scheme is https.
    tls: OriginTlsInput,
    /// Tells the servers the client's address ahead of each connection (PROXY protocol); null does not.
    send_proxy_protocol: Option<ProxyProtocol>,
}

impl Default for UpstreamInput {
    fn default() -> Self {
        Self {
            weight: 1,
            servers: Vec::new(),
            balance: Balance::default(),
            sticky: None,
            health: None,
            passive: PassiveInput::default(),
            all_down: AllDown::default(),
            limits: ConnectionLimitsInput::default(),
            timeouts: TimeoutsInput::default(),
            protocol: OriginProtocol::default(),
            tls: OriginTlsInput::default(),
            send_proxy_protocol: None,
        }
    }
}

/// One more server.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpstreamServerInput {
    /// Scheme towards it. Default http.
    #[serde(default)]
    scheme: SchemeName,
    /// `name:port`, `unix:/path` (http only) or `srv:name` for a name with SRV records.
    #[schema(min_length = 1, max_length = 260, pattern = "ADDRESS", example = "192.168.1.21:3000")]
    address: String,
    /// Its share of the requests against that of the others. Default 1.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1000, default = 1)]
    weight: u16,
    /// It gets requests only while no other server is well. Default false.
    #[serde(default)]
    backup: bool,
}

fn one() -> u16 {
    1
}

/// How one of several servers is chosen. `round_robin`: in turn, by weight. `least_connections`: the one with
/// the fewest requests under way for its weight. `ip_hash`: by the client's address, so that a client stays.
/// `random_two`: the less busy one of two that are drawn.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UpstreamBalance)]
pub(super) enum Balance {
    #[default]
    RoundRobin,
    LeastConnections,
    IpHash,
    RandomTwo,
}

/// Keeps a client at a server by a cookie that says nothing about the server.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct StickyInput {
    /// Name of the cookie.
    #[schema(min_length = 1, max_length = 100, pattern = "HEADER_NAME")]
    cookie: String,
    /// Seconds that browsers keep it; null: until they are closed.
    #[schema(minimum = 1, maximum = 31_536_000)]
    max_age_s: Option<u32>,
}

impl Default for StickyInput {
    fn default() -> Self {
        Self { cookie: "charon_server".to_owned(), max_age_s: None }
    }
}

/// Asks each server from time to time whether it is well.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct HealthCheckInput {
    /// What is asked for with GET; null only connects (with TLS where the scheme has it).
    #[schema(min_length = 1, max_length = 1000, pattern = "PATH_QUERY")]
    path: Option<String>,
    /// The `Host` of the check; null: the host's first domain that is not a wildcard.
    #[schema(min_length = 1, max_length = 253, pattern = "NAME_OF_HOST")]
    host: Option<String>,
    /// Statuses that are well, as codes and ranges.
    #[schema(min_length = 3, max_length = 200, pattern = "STATUSES")]
    statuses: String,
    /// A text that the first 64 KiB of the answer must hold; null for any answer.
    #[schema(min_length = 1, max_length = 1000)]
    body: Option<String>,
    /// From the end of a check to the next one, in milliseconds.
    #[schema(minimum = 500, maximum = 3_600_000)]
    interval_ms: u32,
    /// A check must end within this time, in milliseconds.
    #[schema(minimum = 100, maximum = 300_000)]
    timeout_ms: u32,
    /// Good checks in a row that make a server well again.
    #[schema(minimum = 1, maximum = 100)]
    rise: u16,
    /// Bad checks in a row that make a server unwell.
    #[schema(minimum = 1, maximum = 100)]
    fall: u16,
    /// The share of a server that is well again grows within this time, in milliseconds; 0 is at once.
    #[schema(minimum = 0, maximum = 3_600_000)]
    slow_start_ms: u32,
}

impl Default for HealthCheckInput {
    fn default() -> Self {
        Self {
            path: Some("/".to_owned()),
            host: None,
            statuses: "200-399".to_owned(),
            body: None,
            interval_ms: 10_000,
            timeout_ms: 5_000,
            rise: 2,
            fall: 3,
            slow_start_ms: 0,
        }
    }
}

/// What requests tell about servers: failures put a server aside for a while. With `all_down` = `refuse` this is
/// a circuit breaker.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct PassiveInput {
    /// Failures within the window that put a server aside; 0 never does.
    #[schema(minimum = 0, maximum = 1000)]
    failures: u16,
    /// The window, in milliseconds.
    #[schema(minimum = 100, maximum = 3_600_000)]
    window_ms: u32,
    /// How long a server stays aside the first time, in milliseconds. It doubles each time that a trial fails.
    #[schema(minimum = 100, maximum = 3_600_000)]
    back_off_ms: u32,
    /// Longest time aside, in milliseconds.
    #[schema(minimum = 100, maximum = 3_600_000)]
    max_back_off_ms: u32,
    /// Statuses that count as failures, as codes and ranges; empty for none. The client still gets the answer.
    #[schema(max_length = 200, pattern = "STATUSES_OR_NONE")]
    statuses: String,
}

impl Default for PassiveInput {
    fn default() -> Self {
        Self {
            failures: 3,
            window_ms: 10_000,
            back_off_ms: 1_000,
            max_back_off_ms: 60_000,
            statuses: String::new(),
        }
    }
}

/// What happens while no server is known to be well. `try_all`: they are tried all the same. `refuse`: 503 at
/// once, so that servers can recover.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = UpstreamAllDown)]
pub(super) enum AllDown {
    #[default]
    TryAll,
    Refuse,
}

/// How much is asked of each server at once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct ConnectionLimitsInput {
    /// Requests under way per server; null has no limit.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_connections: Option<u32>,
    /// Requests that wait while all servers are at their limit; any more get 503.
    #[schema(minimum = 0, maximum = 100_000)]
    queue: u32,
    /// How long a request waits before it gets 503, in milliseconds.
    #[schema(minimum = 0, maximum = 300_000)]
    queue_timeout_ms: u32,
}

impl Default for ConnectionLimitsInput {
    fn default() -> Self {
        Self { max_connections: None, queue: 100, queue_timeout_ms: 5_000 }
    }
}

/// How long is waited for a server, in milliseconds. Null is Charon's own limit.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct TimeoutsInput {
    /// To connect, TLS included; Charon's own limit is 5 s.
    #[schema(minimum = 100, maximum = 300_000)]
    connect_ms: Option<u32>,
    /// Until the answer begins; Charon's own limit is 60 s.
    #[schema(minimum = 100, maximum = 86_400_000)]
    read_ms: Option<u32>,
    /// For which the server may take nothing of the request; Charon's own limit is 60 s.
    #[schema(minimum = 100, maximum = 86_400_000)]
    write_ms: Option<u32>,
    /// For which the server may pause within its answer; Charon's own limit is 300 s.
    #[schema(minimum = 100, maximum = 86_400_000)]
    pause_ms: Option<u32>,
}

/// The protocol towards servers. `http2` is what gRPC needs: by ALPN over TLS, with prior knowledge (h2c)
/// without. `auto`: over TLS what the server chooses, HTTP/1.1 without.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OriginProtocol {
    #[default]
    Http1,
    Http2,
    Auto,
}

/// TLS towards servers. Whether their certificate is checked, `verify_upstream_tls` says.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default)]
pub(super) struct OriginTlsInput {
    /// Certificates (PEM) of the issuers that are trusted instead of the system's; null for the system's.
    #[schema(format = "pem", max_length = 100_000)]
    ca_pem: Option<String>,
    /// The stored certificate that is shown to servers that ask for one; null for none.
    #[schema(max_length = 36)]
    client_certificate_uuid: Option<String>,
    /// The name that is asked for (SNI) and checked; null: the server's own.
    #[schema(min_length = 1, max_length = 253, pattern = "NAME_OF_HOST")]
    server_name: Option<String>,
}

/// Version of the PROXY protocol: `v1` is a line of text, `v2` is binary.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProxyProtocol {
    V1,
    V2,
}

impl UpstreamInput {
    /// Brings every text to the form that is stored, and names every fault; `path` leads to these settings.
    pub(super) fn check(&mut self, path: &str, errors: &mut Vec<FieldError>) {
        let mut fault = |field: &str, message: String| {
            errors.push(FieldError::new(format!("{path}.{field}"), message));
        };
        for (at, server) in self.servers.iter_mut().enumerate() {
            let field = format!("servers.{at}.address");
            match UpstreamAddress::parse(&server.address) {
                Ok(UpstreamAddress::Unix(_)) if matches!(server.scheme, SchemeName::Https) => {
                    fault(&field, "a Unix socket speaks plain HTTP; choose the scheme http".to_owned());
                }
                Ok(address) => server.address = address.to_string(),
                Err(message) => fault(&field, message),
            }
        }
        if let Some(sticky) = &self.sticky
            && !is_token(&sticky.cookie)
        {
            let message = "write the name of a cookie with letters, digits, - and _";
            fault("sticky.cookie", message.to_owned());
        }
        if let Some(health) = &mut self.health {
            if health.path.as_deref().is_some_and(|path| !is_path(path)) {
                fault("health.path", "write a path that starts with /, like /health".to_owned());
            }
            if health.path.is_none() && health.body.is_some() {
                fault("health.body", "only an answer has a text; give the check a path too".to_owned());
            }
            domain(&mut health.host, "health.host", &mut fault);
            statuses(&mut health.statuses, "health.statuses", &mut fault);
            if health.statuses.is_empty() {
                fault("health.statuses", "no status would be well; write them like 200-399".to_owned());
            }
        }
        statuses(&mut self.passive.statuses, "passive.statuses", &mut fault);
        if self.passive.max_back_off_ms < self.passive.back_off_ms {
            let message = "must not be less than back_off_ms, the time aside that it limits";
            fault("passive.max_back_off_ms", message.to_owned());
        }
        domain(&mut self.tls.server_name, "tls.server_name", &mut fault);
        for text in [&mut self.tls.ca_pem, &mut self.tls.client_certificate_uuid] {
            *text = text.take().filter(|text| !text.trim().is_empty());
        }
        if let Some(Err(error)) = self.tls.ca_pem.as_deref().map(certs::read_chain) {
            fault("tls.ca_pem", error.to_string());
        }
    }

    /// The stored form: what is not at its default.
    pub(super) fn stored(&self) -> Map<String, Value> {
        let fields = |value: &Self| match serde_json::to_value(value) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        let usual = fields(&Self::default());
        fields(self).into_iter().filter(|(name, value)| usual.get(name) != Some(value)).collect()
    }

    /// What is stored, complete. Something that cannot be read keeps the host from being served, which its status
    /// says; it is shown as defaults, to be set anew.
    pub(super) fn shown(stored: &Map<String, Value>) -> Self {
        serde_json::from_value(Value::Object(stored.clone())).unwrap_or_default()
    }
}

/// The stored certificate that the servers are shown.
pub(super) fn client_certificate(stored: &Map<String, Value>) -> Option<&str> {
    stored.get("tls")?.get("client_certificate_uuid")?.as_str()
}

pub(super) fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn domain(text: &mut Option<String>, field: &str, fault: &mut impl FnMut(&str, String)) {
    match text.as_deref().map(Domain::parse) {
        Some(Ok(domain)) => *text = Some(domain.as_str().to_owned()),
        Some(Err(message)) => fault(field, message),
        None => {}
    }
}

pub(super) fn statuses(text: &mut String, field: &str, fault: &mut impl FnMut(&str, String)) {
    match StatusSet::parse(text) {
        Ok(set) => *text = set.to_string(),
        Err(message) => fault(field, message),
    }
}
