//! What the API says about files of the agent's configuration.

use serde::Serialize;
use utoipa::ToSchema;

/// Where a file comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileOrigin {
    /// The hub.
    Hub,
    /// The installed package.
    Package,
    /// Charon makes it.
    Charon,
    /// A person wrote it.
    Own,
}

/// A file of the agent's configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct AgentFile {
    /// Its path in the agent's folder.
    pub path: String,
    /// Where it comes from.
    pub origin: FileOrigin,
    /// It can be written. What Charon makes cannot.
    pub editable: bool,
    /// It replaces one of the hub or of the package, which is back when it is taken away.
    pub replaces: bool,
}

/// A file with its text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct AgentFileContent {
    /// Which.
    #[serde(flatten)]
    pub file: AgentFile,
    /// Its text.
    pub content: String,
    /// To be sent along when it is written: so a change by another person is not lost.
    pub digest: String,
}
