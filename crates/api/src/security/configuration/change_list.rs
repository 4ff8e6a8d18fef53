//! `GET /security/crowdsec/changes`.

use super::AgentChange;
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use store::crowdsec_preset_events as events;

/// How many are shown.
const SHOWN: u64 = 100;

/// What was done with the CrowdSec agent's configuration
#[utoipa::path(
    get, path = "/security/crowdsec/changes", operation_id = "listCrowdSecChanges", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "The newest hundred, the newest first.", body = Vec<AgentChange>))
)]
pub(crate) async fn list(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Vec<AgentChange>>> {
    let events = events::list(&state.store, SHOWN).await?;
    Ok(Json(events.into_iter().map(AgentChange::from).collect()))
}
