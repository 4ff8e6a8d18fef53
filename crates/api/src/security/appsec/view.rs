//! What the API says about AppSec.

use base::Timestamp;
use serde::{Deserialize, Serialize};
use store::crowdsec_appsec as stored;
use utoipa::ToSchema;

/// What holds when AppSec does not answer: requests pass, or are refused with 503.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AppSecOnFailure {
    Pass,
    Refuse,
}

/// What becomes of requests whose bodies are longer than what AppSec is sent: they are judged by their heads, or
/// refused with 413. Bodies of unknown length are judged by their heads in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum AppSecOnLargeBody {
    HeadOnly,
    Refuse,
}

/// How AppSec stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppSecStanding {
    /// It is switched off.
    #[default]
    Off,
    /// It was not asked yet.
    NotAsked,
    /// It judges requests.
    Judging,
    /// It does not answer, or not as it should.
    Failing,
}

/// What AppSec has said since Charon's start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct AppSecCounts {
    /// Requests that it let pass.
    pub allowed: u64,
    /// Requests that were refused for it.
    pub banned: u64,
    /// Requests that were answered with a challenge for it.
    pub challenged: u64,
    /// Questions that it did not answer, or not as it should.
    pub failed: u64,
    /// Requests that it was not asked about, since it had failed before.
    pub skipped: u64,
    /// Requests that it judged without their bodies.
    pub without_body: u64,
    /// Requests that were refused since their bodies are too long.
    pub too_large: u64,
}

/// What is the case with AppSec.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct AppSecState {
    /// How it stands.
    pub state: AppSecStanding,
    /// Since when it fails; null when it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Timestamp>,
    /// How it fails; null when it does not.
    pub error: Option<String>,
    /// What it has said.
    pub counts: AppSecCounts,
}

/// AppSec, as it is set and as it stands. The key is never shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct AppSec {
    /// Requests are to be judged by it.
    enabled: bool,
    /// Its address; empty while none is set.
    url: String,
    /// A key is stored.
    api_key_set: bool,
    /// The longest that a request waits for it, in milliseconds.
    limit_ms: u32,
    /// The longest body that it is sent, in bytes.
    largest_body: u32,
    on_failure: AppSecOnFailure,
    on_large_body: AppSecOnLargeBody,
    /// Hosts that it is not asked about, by uuid.
    exempt_hosts: Vec<String>,
    #[serde(flatten)]
    state: AppSecState,
}

impl AppSec {
    pub(super) fn new(plain: stored::Plain, api_key_set: bool, state: AppSecState) -> Self {
        Self {
            enabled: plain.enabled,
            url: plain.url,
            api_key_set,
            limit_ms: plain.limit_ms,
            largest_body: plain.largest_body,
            on_failure: match plain.on_failure {
                stored::OnFailure::Pass => AppSecOnFailure::Pass,
                stored::OnFailure::Refuse => AppSecOnFailure::Refuse,
            },
            on_large_body: match plain.on_large_body {
                stored::OnLargeBody::HeadOnly => AppSecOnLargeBody::HeadOnly,
                stored::OnLargeBody::Refuse => AppSecOnLargeBody::Refuse,
            },
            exempt_hosts: plain.exempt_hosts,
            state,
        }
    }
}
