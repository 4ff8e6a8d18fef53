//! `POST /dns-credentials`.

use super::input::{Checked, DnsCredentialInput};
use super::view::DnsCredentialView;
use crate::access::Admin;
use crate::error::Result;
use crate::input::Body;
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;

/// Add a DNS provider
#[utoipa::path(
    post, path = "/dns-credentials", operation_id = "createDnsCredential", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))), request_body = DnsCredentialInput,
    responses((status = 201, description = "The new DNS provider, without its secrets.", body = DnsCredentialView))
)]
pub(super) async fn create(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<DnsCredentialInput>,
) -> Result<(StatusCode, Json<DnsCredentialView>)> {
    // A zone must not come to two of them.
    let _alone = state.hosts.lock().await;
    let Checked { values, secrets } = input.check(&state, None).await?;
    let details = format!("Added DNS provider {}", values.name);
    let audit = facts.audit(&caller.actor(), "dns_credential", "create", details);
    let row = store::dns_credentials::insert(&state.store, &values, &secrets, audit).await?;
    Ok((StatusCode::CREATED, Json(DnsCredentialView::one(&state, row).await?)))
}
