//! What the API says about CrowdSec and about bans.

use base::Timestamp;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use utoipa::ToSchema;

/// What is the case with CrowdSec.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CrowdSecPhase {
    /// Nobody has looked yet.
    #[default]
    Unknown,
    /// It is switched off and does not run.
    Off,
    /// It is on its way.
    Starting,
    /// It runs and reads.
    Running,
    /// It shall run and does not.
    Failing,
    /// It shall run and is not installed.
    NotInstalled,
}

/// Where CrowdSec runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CrowdSecMode {
    /// On this machine, as a child of Charon.
    #[default]
    Local,
    /// On another machine, or under somebody else's care: see `/security/crowdsec/external`.
    External,
}

/// CrowdSec: what is wished, what is the case, and what was proven.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct CrowdSec {
    /// It shall run.
    pub enabled: bool,
    /// Where it shall run.
    pub mode: CrowdSecMode,
    /// What is the case.
    pub state: CrowdSecPhase,
    /// The same as a sentence, with the reason.
    pub message: String,
    /// What mends it; empty when nothing needs mending.
    pub remedy: String,
    /// Since when the state is this one.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Number of the agent's process; null when none runs here.
    pub pid: Option<u32>,
    /// Version of the agent; empty before its first start.
    pub version: String,
    /// Port of its API (LAPI) on this machine.
    pub port: u16,
    /// Parsers, scenarios and collections that are on.
    pub items: usize,
    /// What could not be switched on, as sentences.
    pub missing: Vec<String>,
    /// Addresses and networks that are never banned.
    pub never_banned: Vec<String>,
    /// The requests that it is told of.
    pub requests: FeedNumbers,
    /// The decisions that it has made.
    pub decisions: Decisions,
    /// The trial of the whole way, made every minute.
    pub proof: Proof,
    /// How often the agent failed and was started anew.
    pub restarts: AgentRestarts,
    /// Requests of banned clients that were refused since Charon's start; trials left out.
    pub refused: u64,
}

/// How often the agent failed since Charon's start. What Charon itself restarts it for does not count.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct AgentRestarts {
    /// It had ended by itself.
    pub ended: u64,
    /// It ran and did not answer any more, and was ended.
    pub hanging: u64,
    /// When that was last; null when it never was.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_at: Option<Timestamp>,
    /// Why that was, as a sentence; null when it never was.
    pub last_reason: Option<String>,
}

/// How requests come to the agent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct FeedNumbers {
    /// Handed to the agent since Charon's start.
    pub handed: u64,
    /// Bytes that wait for it.
    pub waiting_bytes: u64,
    /// Not written down for it since Charon's start.
    pub lost: u64,
    /// Read by the agent that runs now; null while it does not say.
    pub read: Option<u64>,
    /// Understood by it.
    pub parsed: Option<u64>,
    /// Not understood by it.
    pub unparsed: Option<u64>,
}

/// How decisions come from the agent.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Decisions {
    /// How many hold.
    pub held: usize,
    /// Those that are not enforced.
    pub not_enforced: Vec<NotEnforced>,
    /// When they were last asked for with success; null before the first time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub pulled_at: Option<Timestamp>,
    /// Why they cannot be asked for now; null when they can.
    pub error: Option<String>,
    /// Whether LAPI is told how many requests were refused by them.
    pub usage: UsageMetrics,
}

/// Whether LAPI is told what was done with its decisions, every 30 minutes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum UsageMetrics {
    /// Not yet.
    #[default]
    NotYet,
    /// The version of LAPI has no place for it: that is so before CrowdSec 1.6.3.
    NotSupported,
    /// It was told.
    Told {
        /// When.
        #[schema(value_type = String, format = DateTime)]
        at: Timestamp,
    },
    /// It could not be told.
    Failing {
        /// Why.
        reason: String,
    },
}

/// Decisions that are not enforced.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct NotEnforced {
    /// `scope Country`, `scope AS`, `type throttle` ...
    pub what: String,
    /// Why, as a sentence part.
    pub reason: String,
    /// How many.
    pub count: usize,
}

/// How the last trial ended.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Proof {
    /// When a decision of LAPI was last seen to be enforced; null before the first time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub proven_at: Option<Timestamp>,
    /// When LAPI was last pulled from and a decision of Charon's own seen to be enforced, which leaves open what
    /// `not_proven` says; null before the first time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub partly_at: Option<Timestamp>,
    /// What cannot be tried, and why, as a sentence part; null when everything is tried.
    pub not_proven: Option<String>,
    /// The link that is broken: `agent`, `LAPI`, `pull`, `lookup` or `proxy`; `untried` when Charon cannot try. Null
    /// when none is.
    pub broken_link: Option<String>,
    /// How it is broken; null when none is.
    pub reason: Option<String>,
}

/// One banned address or network.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Ban {
    /// LAPI's id of the decision; null for a ban by a person.
    pub id: Option<i64>,
    /// The address or network; for other scopes what they name.
    pub value: String,
    /// `ip` or `range`; or another scope, in lower case.
    pub scope: String,
    /// `manual` for a ban by a person; else who decided: `crowdsec`, `cscli`, `CAPI` ...
    pub origin: String,
    /// Why: the scenario, or what a person wrote.
    pub reason: String,
    /// `ban`, `captcha` (the client has to solve a challenge), or another type, which is enforced as it is set.
    #[serde(rename = "type")]
    pub kind: String,
    /// Until when; null for ever.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// It is enforced. Not so for what a request cannot be told by.
    pub enforced: bool,
}

/// Which bans are wanted. `None` takes all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BanFilter {
    /// A part of what they are about; or an address, which also finds the networks around it.
    pub value: Option<String>,
    /// A scope, in any case.
    pub scope: Option<String>,
    /// `ban`, `captcha` ...
    pub kind: Option<String>,
    /// A part of the reason, in any case.
    pub reason: Option<String>,
    /// Who decided.
    pub origin: Option<String>,
    /// An address or a network: bans of it, and of networks around it.
    pub around: Option<IpNet>,
    /// LAPI's id.
    pub id: Option<i64>,
    /// How many to leave out at the beginning.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

impl BanFilter {
    /// Bans of exactly this network, and of networks around it.
    pub fn around(network: IpNet) -> Self {
        Self { around: Some(network), limit: usize::MAX, ..Self::default() }
    }

    /// One decision of CrowdSec.
    pub fn one(id: i64) -> Self {
        Self { id: Some(id), limit: usize::MAX, ..Self::default() }
    }

    /// Whether a ban is wanted.
    pub fn takes(&self, ban: &Ban) -> bool {
        let same = |wanted: &Option<String>, text: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(text))
        };
        let part = |wanted: &Option<String>, text: &str| {
            wanted.as_deref().is_none_or(|wanted| text.to_lowercase().contains(&wanted.to_lowercase()))
        };
        let holds =
            |network: IpNet| super::network("", &ban.value).is_ok_and(|banned| banned.contains(&network));
        let holds_text = |text: &str| text.parse::<IpAddr>().is_ok_and(|address| holds(address.into()));
        self.id.is_none_or(|id| ban.id == Some(id))
            && same(&self.scope, &ban.scope)
            && same(&self.kind, &ban.kind)
            && same(&self.origin, &ban.origin)
            && part(&self.reason, &ban.reason)
            && self.around.is_none_or(holds)
            && (part(&self.value, &ban.value) || self.value.as_deref().is_some_and(holds_text))
    }
}

/// Which alerts are wanted. `None` takes all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AlertFilter {
    /// About exactly this.
    pub value: Option<String>,
    /// A part of the scenario's name, in any case.
    pub scenario: Option<String>,
    /// Only those with a smaller id.
    pub before: Option<i64>,
    /// At most so many, newest first.
    pub limit: usize,
}

/// Who is banned.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct Bans {
    /// How many are as they are wanted.
    pub total: usize,
    /// One page of them: by people first, then by CrowdSec.
    pub items: Vec<Ban>,
}

/// A line of the agent's log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct AgentLine {
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// `fatal`, `error`, `warning`, `info` ...
    pub level: String,
    /// What it says.
    pub message: String,
}
