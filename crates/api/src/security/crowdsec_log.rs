//! `GET /security/crowdsec/log`.

use super::AgentLine;
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// The newest lines of the agent's log
#[utoipa::path(
    get, path = "/security/crowdsec/log", operation_id = "getCrowdSecLog", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "At most 300 lines as of the last look, the oldest first.", body = Vec<AgentLine>))
)]
pub(crate) async fn log(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Vec<AgentLine>>> {
    Ok(Json(state.engines.crowdsec_log()))
}
