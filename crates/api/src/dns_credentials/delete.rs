//! `DELETE /dns-credentials/{uuid}`.

use super::view::audited;
use crate::access::Admin;
use crate::error::Result;
use crate::input::Segment;
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;

/// Delete a DNS provider
///
/// Certificates go on serving; those that only it can prove are not renewed, which is then a problem of its own.
#[utoipa::path(
    delete, path = "/dns-credentials/{uuid}", operation_id = "deleteDnsCredential", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The provider's uuid.")),
    responses((status = 204, description = "It is gone."))
)]
pub(super) async fn delete(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
) -> Result<StatusCode> {
    let before = super::find(&state, &uuid.0).await?;
    let details = format!("Deleted DNS provider {}", before.values.name);
    let mut audit = facts.audit(&caller.actor(), "dns_credential", "delete", details);
    audit.before = Some(audited(&before));
    store::dns_credentials::delete(&state.store, &before.uuid, audit).await?;
    Ok(StatusCode::NO_CONTENT)
}
