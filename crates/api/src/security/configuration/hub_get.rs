//! `GET /security/crowdsec/hub`.

use super::AgentHub;
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// What the CrowdSec agent looks for, and what it could look for
#[utoipa::path(
    get, path = "/security/crowdsec/hub", operation_id = "getCrowdSecHub", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "Every item and every preset.", body = AgentHub))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Viewer) -> Result<Json<AgentHub>> {
    if store::security_configs::wishes(&state.store).await?.external {
        let message = "CrowdSec runs on another machine".to_owned();
        let remedy = crate::security::ELSEWHERE.to_owned();
        return Ok(Json(AgentHub { message, remedy, ..AgentHub::default() }));
    }
    Ok(Json(state.engines.agent_configuration().hub().await))
}
