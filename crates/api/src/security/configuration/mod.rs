//! `/security/crowdsec/hub` and `/security/crowdsec/changes`: what the agent looks for, and changes of it. To add an
//! endpoint: a file, and a line below.

mod change_create;
mod change_get;
mod change_list;
mod hub_get;
mod preview;
mod view;

pub use view::{
    AgentAction, AgentChange, AgentHub, AgentPreview, HubItem, HubPreset, HubUpgrade, PresetState,
};

use crate::engines::BoxFuture;
use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(hub_get::get))
        .routes(routes!(preview::preview))
        .routes(routes!(change_list::list, change_create::create))
        .routes(routes!(change_get::get))
}

/// The configuration of the CrowdSec agent, as it lies on the disk. Nothing here changes it.
pub trait AgentConfiguration: Send + Sync + 'static {
    /// What is on and what could be.
    fn hub(&self) -> BoxFuture<'_, AgentHub>;
    /// What a change would do. `Err`: why it cannot be made.
    fn preview(&self, action: AgentAction, about: String) -> BoxFuture<'_, Result<AgentPreview, String>>;
}
