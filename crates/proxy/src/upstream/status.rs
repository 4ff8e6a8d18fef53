//! What is known about upstreams, for people.

use crate::spec::Scheme;
use base::Timestamp;
use serde::Serialize;

/// One upstream: a host's own, or a location's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct UpstreamStatus {
    /// [`crate::spec::Host::id`].
    pub host_id: String,
    /// The path of the location; `None` is the host's own upstream.
    pub location: Option<String>,
    /// Requests that wait for a server with a free place.
    pub waiting: u32,
    /// Its servers, in the order of the configuration.
    pub servers: Vec<ServerStatus>,
}

/// One server of an upstream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ServerStatus {
    /// As in [`crate::spec::Server::address`].
    pub address: String,
    /// Scheme towards it.
    pub scheme: Scheme,
    /// Its weight.
    pub weight: u16,
    /// Whether it is a backup.
    pub backup: bool,
    /// How it is.
    pub health: ServerHealth,
    /// Since when; the start or the server's first configuration when nothing has changed since.
    pub since: Timestamp,
    /// What was wrong last, as the end of the sentence "the server ..."; stays after it is well again.
    pub why: Option<String>,
    /// Requests in flight.
    pub active: u64,
    /// Requests that were sent to it, or tried to be.
    pub requests: u64,
    /// Requests that failed because of it.
    pub failures: u64,
    /// How often it was put out of use, by its checks or by failed requests.
    pub ejections: u64,
    /// The last active check.
    pub last_check: Option<CheckResult>,
    /// For servers that are found by name.
    pub name: Option<NameStatus>,
}

/// How a server is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerHealth {
    /// Nothing has been asked of it yet.
    Unknown,
    /// Nothing is known to be wrong.
    Healthy,
    /// Its checks fail.
    Failing,
    /// Requests failed; until it is tried again it gets requests only while no other server is well.
    Aside,
    /// Well again, with a share that grows.
    SlowStarting,
}

/// One active check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CheckResult {
    /// When it ended.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Whether the server was well.
    pub ok: bool,
    /// What was found, as the end of the sentence "the server ...".
    pub message: String,
}

/// What the name of a server stands for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NameStatus {
    /// Its addresses, with ports where SRV gives them.
    pub addresses: Vec<String>,
    /// Seconds until it is asked for again; 0 when it is due.
    pub fresh_s: u64,
    /// Why the last look-up failed; the addresses are then the last good ones.
    pub error: Option<String>,
}
