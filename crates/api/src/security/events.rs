//! What the live channel tells of security.

use base::Timestamp;
use serde::Serialize;
use tokio::sync::mpsc;
use utoipa::ToSchema;

/// What kind of thing has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecurityEventKind {
    /// A request was refused.
    #[default]
    Block,
    /// Somebody is banned from now on.
    Ban,
    /// Somebody is not banned any more.
    Unban,
    /// CrowdSec is in another state.
    State,
    /// The agent complains.
    Agent,
    /// The proof is broken, or holds again.
    Proof,
}

/// Something that has happened. What it has nothing to do with is empty.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct SecurityEvent {
    /// Counts the events since Charon's start.
    pub number: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// What kind of thing.
    pub kind: SecurityEventKind,
    /// Who decided: `crowdsec`, `manual`, `CAPI`, `access` ...; for the agent's complaints their level.
    pub source: String,
    /// Why, as a sentence or a scenario's name.
    pub reason: String,
    /// Whom it is about: an address, a network, a country.
    pub client: String,
    /// The host that was asked for.
    pub host: String,
    /// Method and path of the request, without its query.
    pub request: String,
    /// Id of the request, as in the access log and on the page that the client saw.
    pub request_id: String,
}

/// What has happened, and what happens from now on.
#[derive(Debug)]
pub struct SecurityFeed {
    /// Tells this process from the one before, whose numbers mean something else.
    pub epoch: String,
    /// What a viewer has not seen yet, the oldest first.
    pub events: Vec<SecurityEvent>,
    /// How many before those are not kept any more.
    pub missed: u64,
    /// What comes; `Err` with how many were left out, since the viewer was too slow.
    pub next: mpsc::Receiver<Result<SecurityEvent, u64>>,
}

/// Where a viewer was: the epoch, and the number of the last event that it has seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecurityMark {
    /// See [`SecurityFeed::epoch`].
    pub epoch: String,
    /// See [`SecurityEvent::number`].
    pub number: u64,
}

impl SecurityMark {
    /// From `EPOCH.NUMBER`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (epoch, number) = text.split_once('.')?;
        let hex =
            !epoch.is_empty() && epoch.len() <= 32 && epoch.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then_some(())?;
        Some(Self { epoch: epoch.to_owned(), number: number.parse().ok()? })
    }
}
