//! `GET /dns-credentials/{uuid}`.

use super::view::DnsCredentialView;
use crate::access::Admin;
use crate::error::Result;
use crate::input::Segment;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// A DNS provider
#[utoipa::path(
    get, path = "/dns-credentials/{uuid}", operation_id = "getDnsCredential", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The provider's uuid.")),
    responses((status = 200, description = "The DNS provider, without its secrets.", body = DnsCredentialView))
)]
pub(super) async fn get(Ax(state): Ax<State>, _: Admin, uuid: Segment) -> Result<Json<DnsCredentialView>> {
    let row = super::find(&state, &uuid.0).await?;
    Ok(Json(DnsCredentialView::one(&state, row).await?))
}
