//! Where requests go: the servers of an upstream, how one of them is chosen, and what is known to be wrong with
//! the others. Everything but the servers has a default; durations are in milliseconds.

use base::{Domain, StatusSet, UpstreamAddress};
use serde::{Deserialize, Serialize};

/// The servers behind a host or a location, and how they are used.
///
/// One server with defaults costs a request nothing beyond the connection. A request goes to another server when
/// no connection could be made, or, for methods that may be repeated (RFC 9110, section 9.2.2) without a body that
/// has begun to move, when the connection ended without a byte of an answer. Each server is tried at most once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The servers, from 1 to 64.
    pub servers: Vec<Server>,
    /// How one of several servers is chosen.
    #[serde(default)]
    pub balance: Balance,
    /// Keeps a client at the server that it got first.
    #[serde(default)]
    pub sticky: Option<Sticky>,
    /// Asks each server from time to time whether it is well. `None`: only requests tell.
    #[serde(default)]
    pub health: Option<HealthCheck>,
    /// What requests tell about servers.
    #[serde(default)]
    pub passive: Passive,
    /// What happens while no server is known to be well.
    #[serde(default)]
    pub all_down: AllDown,
    /// How much is asked of each server at once.
    #[serde(default)]
    pub limits: ConnectionLimits,
    /// How long is waited for a server.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// The protocol towards the servers.
    #[serde(default)]
    pub protocol: OriginProtocol,
    /// TLS towards the servers whose scheme is `https`.
    #[serde(default)]
    pub tls: OriginTls,
    /// Tells the servers the client's address ahead of each connection's first byte. Such connections carry one
    /// request each, since the next may be another client's.
    #[serde(default)]
    pub send_proxy_protocol: Option<ProxyProtocol>,
}

impl Upstream {
    /// One server, and defaults.
    pub fn one(scheme: Scheme, address: UpstreamAddress) -> Self {
        Self { servers: vec![Server { scheme, address, weight: 1, backup: false }], ..Self::nowhere() }
    }

    /// No server: what stands in a host that is not served.
    pub(super) fn nowhere() -> Self {
        Self {
            servers: Vec::new(),
            balance: Balance::default(),
            sticky: None,
            health: None,
            passive: Passive::default(),
            all_down: AllDown::default(),
            limits: ConnectionLimits::default(),
            timeouts: Timeouts::default(),
            protocol: OriginProtocol::default(),
            tls: OriginTls::default(),
            send_proxy_protocol: None,
        }
    }
}

/// One server of an upstream. Two with the same scheme and address are refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Scheme towards it.
    pub scheme: Scheme,
    /// Where it listens: `name:port`, `unix:/path` (with `http` only) or `srv:name`. All addresses behind an SRV
    /// name are one server: tried by priority and weight (RFC 2782), well or not as a whole.
    pub address: UpstreamAddress,
    /// Its share of the requests against that of the others, from 1 to 1000; 1 unless told.
    #[serde(default = "one")]
    pub weight: u16,
    /// Gets requests only while no server that is not a backup is well.
    #[serde(default)]
    pub backup: bool,
}

fn one() -> u16 {
    1
}

/// Scheme towards a server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Plain TCP.
    #[default]
    Http,
    /// TLS.
    Https,
}

/// How one of several servers is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// In turn, by weight. Each worker thread keeps a turn of its own.
    #[default]
    RoundRobin,
    /// The one with the fewest requests in flight for its weight.
    LeastConnections,
    /// By the client's address (IPv6: its /64), by weight: the same client gets the same server while it is well,
    /// and only clients of a server that is not well move.
    IpHash,
    /// The less busy one of two that are drawn by weight.
    RandomTwo,
}

/// Keeps a client at a server by a cookie. Its value is a keyed digest of the server's address (HMAC-SHA-256 with
/// [`crate::spec::Spec::cookie_key`]), so that nobody can choose a server or learn its address.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sticky {
    /// Name of the cookie (RFC 6265 token). `charon_server` unless told.
    #[serde(default = "cookie")]
    pub cookie: String,
    /// Seconds that browsers keep it; `None`: until they are closed.
    #[serde(default)]
    pub max_age_s: Option<u32>,
}

fn cookie() -> String {
    "charon_server".to_owned()
}

impl Default for Sticky {
    fn default() -> Self {
        Self { cookie: cookie(), max_age_s: None }
    }
}

/// Asks each server from time to time whether it is well. One check per server at a time, 32 in all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    /// What is asked for with GET; it starts with `/` and may have a query. `None`: a connection, with TLS where
    /// the scheme has it, is enough.
    pub path: Option<String>,
    /// The `Host` of the check. `None`: the host's first domain that is not a wildcard.
    pub host: Option<Domain>,
    /// Statuses that are well; `200-399` unless told.
    pub statuses: StatusSet,
    /// A text that the first 64 KiB of the answer's body must hold.
    pub body: Option<String>,
    /// From the end of a check to the next one; 10 s unless told, at least 500 ms.
    pub interval_ms: u32,
    /// A check must end within this time; 5 s unless told.
    pub timeout_ms: u32,
    /// Good checks in a row that make a server well again; 2 unless told. Each time that a server fell within ten
    /// minutes doubles it, up to 16 times, so that a server that comes and goes stays away.
    pub rise: u16,
    /// Bad checks in a row that make a server unwell; 3 unless told.
    pub fall: u16,
    /// A server that is well again gets a share that grows to its full one within this time; 0, unless told, is
    /// at once.
    pub slow_start_ms: u32,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            path: Some("/".to_owned()),
            host: None,
            statuses: StatusSet::range(200, 399),
            body: None,
            interval_ms: 10_000,
            timeout_ms: 5_000,
            rise: 2,
            fall: 3,
            slow_start_ms: 0,
        }
    }
}

/// What requests tell about servers. A failure is a connection that could not be made, an answer that did not
/// come, broke off or was no HTTP, or a status of `statuses`. With [`AllDown::Refuse`] this is a circuit breaker.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Passive {
    /// Failures within `window_ms` that put a server aside; 3 unless told; 0 never does.
    pub failures: u16,
    /// 10 s unless told.
    pub window_ms: u32,
    /// How long it stays aside; 1 s unless told. Then one request is the trial: when it succeeds the server is
    /// back, when it fails the time doubles.
    pub back_off_ms: u32,
    /// Longest time aside; 60 s unless told.
    pub max_back_off_ms: u32,
    /// Statuses that count as failures; none unless told. The client still gets the answer.
    pub statuses: StatusSet,
}

impl Default for Passive {
    fn default() -> Self {
        Self {
            failures: 3,
            window_ms: 10_000,
            back_off_ms: 1_000,
            max_back_off_ms: 60_000,
            statuses: StatusSet::default(),
        }
    }
}

/// What happens while no server is known to be well, backups included.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllDown {
    /// All are tried as if they were well: a wrong health check takes no site down.
    #[default]
    TryAll,
    /// 503 at once, so that servers that are overwhelmed can recover.
    Refuse,
}

/// How much is asked of each server at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionLimits {
    /// Requests in flight per server, over all worker threads; `None`, unless told, has no limit. Connections that
    /// are kept without a request do not count.
    pub max_connections: Option<u32>,
    /// Requests that wait while all servers are at their limit; 100 unless told. Any more get 503.
    pub queue: u32,
    /// How long a request waits before it gets 503; 5 s unless told.
    pub queue_timeout_ms: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { max_connections: None, queue: 100, queue_timeout_ms: 5_000 }
    }
}

/// How long is waited for a server. `None` is the data plane's own limit. The time to connect is exact;
/// the others end up to a second late.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// To connect, over all addresses of a server, TLS included; 5 s by default.
    pub connect_ms: Option<u32>,
    /// Until the answer begins, once the server has the request; 60 s by default.
    pub read_ms: Option<u32>,
    /// For which the server may take nothing of the request; 60 s by default.
    pub write_ms: Option<u32>,
    /// For which the server may pause within its answer; 300 s by default.
    pub pause_ms: Option<u32>,
}

/// The protocol towards servers. HTTP/2 goes by few connections with many streams, and not together with the PROXY
/// protocol; WebSockets go by HTTP/1.1 in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OriginProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: by ALPN over TLS, with prior knowledge (h2c) without. What gRPC needs.
    Http2,
    /// Over TLS what the server chooses by ALPN; HTTP/1.1 without TLS.
    Auto,
}

/// TLS towards servers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OriginTls {
    /// Check the certificate: its issuer, its dates and its name. On unless told; off accepts any certificate.
    pub verify: bool,
    /// Certificates (PEM) of the issuers that are trusted instead of the system's.
    pub ca_pem: Option<String>,
    /// [`crate::spec::Certificate::id`] in [`crate::spec::Spec::client_certificates`], shown to servers that ask.
    pub client_certificate: Option<String>,
    /// The name that is asked for (SNI) and checked, instead of the server's own.
    pub server_name: Option<Domain>,
}

impl Default for OriginTls {
    fn default() -> Self {
        Self { verify: true, ca_pem: None, client_certificate: None, server_name: None }
    }
}

/// Versions of the PROXY protocol (haproxy.org, proxy-protocol.txt).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyProtocol {
    /// One line of text.
    V1,
    /// Binary.
    V2,
}
