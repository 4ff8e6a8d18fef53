//! `DELETE /certificates/{uuid}`.

use super::view::{UsedBy, audited, used_by};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::Segment;
use crate::meta::Meta;
use crate::proxy_hosts::wait_until_applied;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;

/// Delete a certificate
#[utoipa::path(
    delete, path = "/certificates/{uuid}", operation_id = "deleteCertificate", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The certificate's uuid.")),
    responses((status = 204, description = "It is gone."),
              (status = 409, description = "Hosts present it (`conflict`)."))
)]
pub(crate) async fn delete(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
) -> Result<StatusCode> {
    let _alone = state.hosts.lock().await;
    let before = super::find(&state, &uuid.0).await?;
    let users = used_by(&state, before.id).await?;
    if !users.is_empty() {
        let names: Vec<&str> = users.iter().map(UsedBy::name).collect();
        let message = format!("it is used by {}; choose another certificate there first", names.join(", "));
        return Err(Error::conflict("uuid", message));
    }
    let details = format!("Deleted certificate {}", before.name);
    let mut audit = facts.audit(&caller.actor(), "certificate", "delete", details);
    audit.before = Some(audited(&before));
    store::ssl_certificates::delete(&state.store, &before.uuid, audit).await?;
    wait_until_applied(&state, "the certificate is deleted, but still in use").await?;
    Ok(StatusCode::NO_CONTENT)
}
