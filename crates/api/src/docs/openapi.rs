//! `GET /openapi.json`.

use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde_json::Value;

/// This document
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "getOpenapi", tag = "documentation",
    extensions(("x-charon-role" = json!("public"))),
    responses((status = 200, description = "OpenAPI 3.1.", body = Object))
)]
pub(crate) async fn get(Ax(state): Ax<State>) -> Json<Value> {
    Json(state.document.clone())
}
