//! `GET /security/crowdsec/changes/{id}`.

use super::AgentChange;
use crate::access::Viewer;
use crate::error::Result;
use crate::input::Segment;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use store::crowdsec_preset_events as events;

/// One change of the CrowdSec agent's configuration
#[utoipa::path(
    get, path = "/security/crowdsec/changes/{id}", operation_id = "getCrowdSecChange", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    params(("id" = i64, Path, description = "Its number.", example = 1)),
    responses((status = 200, description = "How it stands.", body = AgentChange))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Viewer, id: Segment) -> Result<Json<AgentChange>> {
    let event = events::get(&state.store, id.number("change")?).await?;
    Ok(Json(event.into()))
}
