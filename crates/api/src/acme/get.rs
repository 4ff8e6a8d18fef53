//! `GET /acme`.

use super::view::AcmeView;
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// How automatic certificates are asked for
#[utoipa::path(
    get, path = "/acme", operation_id = "getAcme", tag = "certificates",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "The settings, and the accounts that are registered.", body = AcmeView))
)]
pub(super) async fn get(Ax(state): Ax<State>, _: Viewer) -> Result<Json<AcmeView>> {
    Ok(Json(AcmeView::read(&state).await?))
}
