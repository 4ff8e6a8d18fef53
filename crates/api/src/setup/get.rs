//! `GET /setup`.

use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether the first account is still to be made.
#[derive(Serialize, ToSchema)]
pub(crate) struct SetupState {
    /// There is no account yet.
    #[serde(rename = "setupRequired")]
    setup_required: bool,
}

/// Whether the first account is still to be made
#[utoipa::path(
    get, path = "/setup", operation_id = "getSetup", tag = "setup",
    extensions(("x-charon-role" = json!("public"))),
    responses((status = 200, description = "Whether there is an account.", body = SetupState))
)]
pub(crate) async fn get(Ax(state): Ax<State>) -> Result<Json<SetupState>> {
    let setup_required = store::users::count(&state.store).await? == 0;
    Ok(Json(SetupState { setup_required }))
}
