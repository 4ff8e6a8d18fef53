//! `/security/crowdsec/hub`, `/files`, `/changes`, `/export` and `/import`: the configuration of CrowdSec's agent, and
//! changes of it. To add an endpoint: a file, and a line below.

mod change_create;
mod change_get;
mod change_list;
mod export;
mod file_delete;
mod file_get;
mod file_list;
mod file_view;
mod file_write;
mod hub_get;
mod import;
mod preview;
mod view;

pub use file_view::{AgentFile, AgentFileContent, FileOrigin};
pub use view::{
    AgentAction, AgentChange, AgentHub, AgentPreview, HubItem, HubPreset, HubUpgrade, PresetState,
};

use crate::engines::BoxFuture;
use crate::error::{self, Error};
use crate::state::State;
use axum::Json;
use axum::http::StatusCode;
use store::Audit;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(hub_get::get))
        .routes(routes!(preview::preview))
        .routes(routes!(change_list::list, change_create::create))
        .routes(routes!(change_get::get))
        .routes(routes!(file_list::list, file_write::write))
        .routes(routes!(file_get::get))
        .routes(routes!(file_delete::delete))
        .routes(routes!(export::export))
        .routes(routes!(import::import))
}

/// The configuration of the CrowdSec agent, as it lies on the disk. Nothing here changes what the agent does.
pub trait AgentConfiguration: Send + Sync + 'static {
    /// What is on and what could be.
    fn hub(&self) -> BoxFuture<'_, AgentHub>;
    /// What a change would do. `Err`: why it cannot be made.
    fn preview(&self, action: AgentAction, about: String) -> BoxFuture<'_, Result<AgentPreview, String>>;
    /// All files. `Err`: why they cannot be listed.
    fn files(&self) -> BoxFuture<'_, Result<Vec<AgentFile>, String>>;
    /// One file; `None` when there is none at this path. `Err`: why it cannot be read.
    fn file(&self, path: String) -> BoxFuture<'_, Result<Option<AgentFileContent>, String>>;
    /// This machine has an account at crowdsec.net.
    fn is_registered(&self) -> bool;
    /// Why no file of one's own may have this path; `None` when it may.
    fn refuse_path(&self, path: &str) -> Option<String>;
    /// The configuration as a `tar.gz`, without secrets. `Err`: why it cannot be made.
    fn export(&self) -> BoxFuture<'_, Result<Vec<u8>, String>>;
    /// Puts something aside for a change; returns its name for the row. `Err`: why it cannot.
    fn stage(&self, content: Vec<u8>) -> BoxFuture<'_, Result<String, String>>;
}

/// Asks for a change, with what was put aside for it, and waits until it is over.
async fn ask(
    state: &State,
    audit: Audit,
    (action, about): (&str, &str),
    content: Option<Vec<u8>>,
) -> error::Result<(StatusCode, Json<AgentChange>)> {
    let staged = match content {
        Some(content) => state.engines.agent_configuration().stage(content).await.map_err(Error::Internal)?,
        None => String::new(),
    };
    let event = store::crowdsec_preset_events::request(&state.store, action, about, &staged, audit).await?;
    change_create::wait(state, event.id).await
}
