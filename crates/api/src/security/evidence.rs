//! What the API says about alerts: what CrowdSec has found, and what led to it.

use base::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// What CrowdSec has found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Alert {
    /// LAPI's id.
    pub id: i64,
    /// When; null when LAPI does not say.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub time: Option<Timestamp>,
    /// What it looked like.
    pub scenario: String,
    /// The same as a sentence of the agent.
    pub message: String,
    /// `ip`, `range`, `country`, `as` ...
    pub scope: String,
    /// Whom it is about, in the form of its scope.
    pub value: String,
    /// Country as two letters, where the agent knows it; else empty.
    pub country: String,
    /// How many requests led to it.
    pub requests: i64,
    /// What was decided and still holds.
    pub decisions: Vec<AlertDecision>,
}

/// A decision that holds because of an alert.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct AlertDecision {
    /// LAPI's id.
    pub id: i64,
    /// `ban`, `captcha` ...
    #[serde(rename = "type")]
    pub kind: String,
    /// `ip`, `range` ...
    pub scope: String,
    /// Whom it is about.
    pub value: String,
    /// Who decided.
    pub origin: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// An alert with the requests that led to it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct AlertEvidence {
    /// The alert.
    #[serde(flatten)]
    pub alert: Alert,
    /// The requests, as far as the agent has kept them: of some scenarios only a few.
    pub events: Vec<AlertEvent>,
}

/// A request that led to an alert. What the agent does not know is empty.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct AlertEvent {
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub time: Option<Timestamp>,
    /// Method.
    pub method: String,
    /// The host that was asked for.
    pub host: String,
    /// Path, and query where the scenario looks at it.
    pub path: String,
    /// Status of the answer.
    pub status: String,
    /// `User-Agent`.
    pub user_agent: String,
    /// Id of the request, as in the access log.
    pub request_id: String,
}

/// Why alerts cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoAlerts {
    /// No agent runs that could be asked.
    #[error("CrowdSec does not run, so its alerts cannot be read; the page Security says why")]
    NotRunning,
    /// It is that of another machine, which shows them only to those that log in.
    #[error(
        "the LAPI of another machine shows its alerts only with the login of a machine; enter one on the page of \
         CrowdSec, under Configuration"
    )]
    NoLogin,
    /// It runs and does not answer as it should.
    #[error("CrowdSec's alerts cannot be read: {0}")]
    Failed(String),
}
