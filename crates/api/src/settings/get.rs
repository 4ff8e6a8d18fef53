//! `GET /settings`.

use super::known::Settings;
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// All settings
#[utoipa::path(
    get, path = "/settings", operation_id = "getSettings", tag = "settings",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "Every known key with its value.", body = Settings))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Settings>> {
    let rows = store::settings::all(&state.store).await?;
    Ok(Json(Settings::from_rows(&rows)))
}
