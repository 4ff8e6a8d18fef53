//! `PUT /dns-credentials/{uuid}`.

use super::input::{Checked, DnsCredentialInput};
use super::view::{DnsCredentialView, audited};
use crate::access::Admin;
use crate::error::Result;
use crate::input::{Body, Segment};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// Change a DNS provider
///
/// Secrets that are left out or empty stay as they are, unless the address that they are sent to changes.
#[utoipa::path(
    put, path = "/dns-credentials/{uuid}", operation_id = "updateDnsCredential", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The provider's uuid.")), request_body = DnsCredentialInput,
    responses((status = 200, description = "The DNS provider as it is now.", body = DnsCredentialView))
)]
pub(super) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
    Body(input): Body<DnsCredentialInput>,
) -> Result<Json<DnsCredentialView>> {
    let _alone = state.hosts.lock().await;
    let before = super::find(&state, &uuid.0).await?;
    let Checked { values, secrets } = input.check(&state, Some(&before)).await?;
    let details = format!("Changed DNS provider {}", values.name);
    let mut audit = facts.audit(&caller.actor(), "dns_credential", "update", details);
    audit.before = Some(audited(&before));
    let row = store::dns_credentials::update(&state.store, &before.uuid, &values, &secrets, audit).await?;
    Ok(Json(DnsCredentialView::one(&state, row).await?))
}
