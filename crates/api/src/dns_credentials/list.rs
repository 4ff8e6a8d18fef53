//! `GET /dns-credentials`.

use super::view::DnsCredentialView;
use crate::access::Admin;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// All DNS providers
#[utoipa::path(
    get, path = "/dns-credentials", operation_id = "listDnsCredentials", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    responses((status = 200, description = "The DNS providers, oldest first.", body = Vec<DnsCredentialView>))
)]
pub(super) async fn list(Ax(state): Ax<State>, _: Admin) -> Result<Json<Vec<DnsCredentialView>>> {
    let rows = store::dns_credentials::list(&state.store).await?;
    Ok(Json(DnsCredentialView::show(&state, rows).await?))
}
