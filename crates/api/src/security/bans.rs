//! `GET /security/bans`.

use super::Bans;
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// Who is banned, by whom, why and until when
#[utoipa::path(
    get, path = "/security/bans", operation_id = "listBans", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "Bans by people and decisions of CrowdSec.", body = Bans))
)]
pub(crate) async fn list(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Bans>> {
    let mut bans = state.engines.bans();
    bans.items.truncate(1000);
    Ok(Json(bans))
}
