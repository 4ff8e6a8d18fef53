//! `GET /certificates/{uuid}`.

use super::view::{CertificateView, attended, used_by};
use crate::access::Viewer;
use crate::error::Result;
use crate::input::Segment;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// One certificate
#[utoipa::path(
    get, path = "/certificates/{uuid}", operation_id = "getCertificate", tag = "certificates",
    extensions(("x-charon-role" = json!("viewer"))),
    params(("uuid" = String, Path, description = "The certificate's uuid.")),
    responses((status = 200, description = "The certificate.", body = CertificateView))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Viewer, uuid: Segment) -> Result<Json<CertificateView>> {
    let row = super::find(&state, &uuid.0).await?;
    let users = used_by(&state, row.id).await?;
    let attended = attended(&state, Some(&row.uuid)).await?.remove(&row.uuid);
    Ok(Json(CertificateView::new(row, users, attended, state.clock.now())))
}
