//! `GET /security/appsec`.

use super::view::AppSec;
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// AppSec: what is set, and what is the case
#[utoipa::path(
    get, path = "/security/appsec", operation_id = "getAppSec", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "How it stands.", body = AppSec))
)]
pub(super) async fn get(Ax(state): Ax<State>, _: Viewer) -> Result<Json<AppSec>> {
    super::now(&state).await.map(Json)
}
