//! `GET /security/crowdsec/console`.

use super::Console;
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// How this machine stands in the console of crowdsec.net
#[utoipa::path(
    get, path = "/security/crowdsec/console", operation_id = "getCrowdSecConsole", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "How it stands, and what an attempt needs.", body = Console))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Console>> {
    super::now(&state).await.map(Json)
}
