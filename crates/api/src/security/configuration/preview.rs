//! `POST /security/crowdsec/preview`.

use super::AgentPreview;
use super::change_create::AgentChangeInput;
use crate::access::Viewer;
use crate::error::{Error, Result};
use crate::input::Body;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// What a change of the CrowdSec agent's configuration would do
///
/// Nothing is changed and nothing is fetched.
#[utoipa::path(
    post, path = "/security/crowdsec/preview", operation_id = "previewCrowdSecChange", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))), request_body = AgentChangeInput,
    responses((status = 200, description = "What would be switched on, off or upgraded.", body = AgentPreview))
)]
pub(crate) async fn preview(
    Ax(state): Ax<State>,
    _: Viewer,
    Body(input): Body<AgentChangeInput>,
) -> Result<Json<AgentPreview>> {
    crate::security::local_only(&state).await?;
    let preview = state.engines.agent_configuration().preview(input.action, input.about).await;
    preview.map(Json).map_err(|message| Error::field("about", message))
}
