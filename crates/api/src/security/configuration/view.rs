//! What the API says about the hub of CrowdSec and about changes of the agent's configuration.

use base::Timestamp;
use serde::{Deserialize, Serialize};
use store::crowdsec_preset_events::Event;
use utoipa::ToSchema;

/// The hub: what the agent can look for.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct AgentHub {
    /// It can be read. Else the message says why not, and lists are empty.
    pub available: bool,
    /// Why it cannot be read; empty when it can.
    pub message: String,
    /// What mends it; empty when nothing needs mending.
    pub remedy: String,
    /// Its index came over the network; else the installed package's is used.
    pub updated: bool,
    /// Number of the configuration that counts; 0 for what the package alone gives.
    pub edition: u64,
    /// Sets of items for one purpose.
    pub presets: Vec<HubPreset>,
    /// Every item.
    pub items: Vec<HubItem>,
}

/// How much of a preset is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PresetState {
    /// Nothing of its own.
    #[default]
    Off,
    /// Some of it.
    Partly,
    /// All of it.
    On,
    /// The hub lacks something of it.
    Unavailable,
}

/// A set of items for one purpose.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct HubPreset {
    /// Its name in changes.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it does, and what it cannot do.
    pub summary: String,
    /// How much of it is on.
    pub state: PresetState,
    /// What it switches on.
    pub items: Vec<String>,
}

/// One item of the hub, or a file of one's own.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct HubItem {
    /// Kind and name: `collections:crowdsecurity/wordpress`.
    pub item: String,
    /// `collections`, `parsers`, `scenarios`, `postoverflows`; of newer versions also `contexts`, `appsec-configs` and
    /// `appsec-rules`.
    pub kind: String,
    /// Author and name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// It is on.
    pub installed: bool,
    /// It was chosen by itself, not for the sake of a collection.
    pub chosen: bool,
    /// Without it no line is read: it cannot be switched off.
    pub needed: bool,
    /// It was taken out of a collection that is on.
    pub left_out: bool,
    /// Its file is on this machine; else it has to come over the network first.
    pub here: bool,
    /// The version here; null when it is not here, or is as no version was published.
    pub version: Option<String>,
    /// The newest published version.
    pub latest: String,
    /// A newer version than the one here was published.
    pub upgrade: bool,
    /// It is as no version was published.
    pub tainted: bool,
    /// It does not come from the hub.
    pub local: bool,
    /// What it consists of.
    pub members: Vec<String>,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentAction {
    /// Switch an item or a preset on, with all that it needs.
    Install,
    /// Switch an item or a preset off.
    Remove,
    /// Bring an item, and what it consists of, to its newest version, over the network.
    Upgrade,
    /// Fetch the index of the hub over the network.
    UpdateIndex,
    /// Use the hub of the installed package again.
    PackagedHub,
    /// Go back to an earlier edition of the configuration.
    Restore,
}

impl AgentAction {
    /// As it stands in rows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Install => "install",
            Self::Remove => "remove",
            Self::Upgrade => "upgrade",
            Self::UpdateIndex => "update_index",
            Self::PackagedHub => "packaged_hub",
            Self::Restore => "restore",
        }
    }
}

/// What a change would do.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct AgentPreview {
    /// Items that would be switched on.
    pub adds: Vec<String>,
    /// Items that would be switched off.
    pub removes: Vec<String>,
    /// Items that would come to another version.
    pub upgrades: Vec<HubUpgrade>,
    /// Items that have to come over the network for it.
    pub fetches: Vec<String>,
}

/// An item that would come to another version.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct HubUpgrade {
    /// Kind and name.
    pub item: String,
    /// The version here; `?` when it is as no version was published.
    pub from: String,
    /// The version that it would come to.
    pub to: String,
}

/// A change of the agent's configuration, and how it went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct AgentChange {
    /// Its number.
    pub id: i64,
    /// What was to be done: `install`, `remove`, `upgrade`, `update_index`, `packaged_hub` or `restore`; other words
    /// come from the original product.
    pub action: String,
    /// The item, the preset or the edition that it is about; empty for the hub as a whole.
    pub about: String,
    /// `requested`, `applying`, `applied`, `failed` (nothing was changed), or `rolled_back` (the agent did not run with
    /// it, so the configuration before is in force again).
    pub status: String,
    /// Nothing more will happen.
    pub over: bool,
    /// The edition of the configuration that came of it; null when none did.
    pub edition: Option<u64>,
    /// Folder of the configuration before; empty when that was the package's alone.
    pub backup_path: String,
    /// Why it was not made, or was taken back; empty else.
    pub error: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it went on last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

impl From<Event> for AgentChange {
    fn from(event: Event) -> Self {
        Self {
            over: event.is_over(),
            id: event.id,
            action: event.action,
            about: event.about,
            status: event.status,
            edition: event.edition,
            backup_path: event.backup_path,
            error: event.error,
            created_at: event.created_at,
            updated_at: event.updated_at,
        }
    }
}
