//! How each server of a host is, and what came of trying it now.

use base::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// One server of a host, as requests and checks have found it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ServerState {
    /// The location's path; null for the host's own upstream.
    pub location: Option<String>,
    /// `http` or `https`.
    pub scheme: String,
    /// `name:port`, `unix:/path` or `srv:name`.
    pub address: String,
    /// Its share of the requests against that of the others.
    pub weight: u16,
    /// It gets requests only while no other server is well.
    pub backup: bool,
    /// How it is.
    pub health: ServerHealth,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// What was wrong last, as the end of the sentence "the server ..."; stays after it is well again. Null when
    /// nothing was.
    pub why: Option<String>,
    /// Requests under way.
    pub active: u64,
    /// Requests that were sent to it, or tried to be.
    pub requests: u64,
    /// Requests that failed because of it.
    pub failures: u64,
    /// How often it was put out of use, by its checks or by failed requests.
    pub ejections: u64,
    /// The last active check; null when there was none.
    pub last_check: Option<ServerCheck>,
    /// Addresses behind its name; empty when it has none or is no name.
    pub addresses: Vec<String>,
    /// Why its name could not be looked up last; null when it could.
    pub name_error: Option<String>,
}

/// How a server is. `unknown`: nothing was asked of it yet. `healthy`: nothing is known to be wrong. `failing`:
/// its checks fail. `aside`: requests failed, it is tried again after a while. `slow_starting`: well again, with
/// a share that grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ServerHealth {
    Unknown,
    Healthy,
    Failing,
    Aside,
    SlowStarting,
}

/// One active check.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ServerCheck {
    /// When it ended.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Whether the server was well.
    pub ok: bool,
    /// What was found, as the end of the sentence "the server ...".
    pub message: String,
}

/// What came of trying one server now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ServerTest {
    /// The location's path; null for the host's own upstream.
    pub location: Option<String>,
    /// `http` or `https`.
    pub scheme: String,
    /// `name:port`, `unix:/path` or `srv:name`.
    pub address: String,
    /// It answered, with any status.
    pub ok: bool,
    /// What was done, in order; when it failed, the last one says why.
    pub steps: Vec<TestStep>,
    /// The certificate that it presented, trusted or not; null when it presented none.
    pub certificate: Option<TestCertificate>,
    /// HTTP status of its answer; null when none came.
    pub status: Option<u16>,
}

/// One step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct TestStep {
    /// Which.
    pub step: TestStepName,
    /// It went well.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// What was found, as the end of the sentence "the server ...".
    pub message: String,
    /// What mends it, as a sentence; null when it went well.
    pub remedy: Option<String>,
}

/// The steps: `name` looks its name up, `connect` makes a connection, `tls` agrees on TLS, `answer` asks for a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestStepName {
    Name,
    Connect,
    Tls,
    Answer,
}

/// The certificate of a server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct TestCertificate {
    /// Whom it is for.
    pub subject: String,
    /// Names that it is good for.
    pub domains: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// From when on it is valid.
    #[schema(value_type = String, format = DateTime)]
    pub not_before: Timestamp,
    /// Until when it is valid.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}
