//! `GET /security/crowdsec/external`.

use super::External;
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// The LAPI of another machine, as it is set
#[utoipa::path(
    get, path = "/security/crowdsec/external", operation_id = "getExternalCrowdSec", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "What is stored, without secrets.", body = External))
)]
pub(super) async fn get(Ax(state): Ax<State>, _: Viewer) -> Result<Json<External>> {
    super::now(&state).await.map(Json)
}
