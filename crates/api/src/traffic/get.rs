//! `GET /traffic`.

use crate::access::Viewer;
use crate::engines::Traffic;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// Statistics over all hosts
#[utoipa::path(
    get, path = "/traffic", operation_id = "getTraffic", tag = "traffic",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "The last five minutes, and sums since the start.", body = Traffic))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Viewer) -> Json<Traffic> {
    Json(state.engines.traffic())
}
