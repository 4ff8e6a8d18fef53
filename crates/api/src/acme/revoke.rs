//! `POST /acme/orders/{uuid}/revoke`.

use super::view::{AcmeOrderView, show};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input, Segment};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use serde::Deserialize;
use store::acme_orders::Revocation;
use utoipa::ToSchema;

/// Why a certificate is revoked.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevocationInput {
    reason: RevocationReason,
}

/// Somebody else may have its key, or it is not needed any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RevocationReason {
    KeyCompromise,
    Superseded,
}

impl Input for RevocationInput {}

/// Revoke a certificate, and ask for a new one with a new key
#[utoipa::path(
    post, path = "/acme/orders/{uuid}/revoke", operation_id = "revokeAcmeOrder", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The uuid of the set of names.")), request_body = RevocationInput,
    responses((status = 202, description = "It begins; the audit log tells what the authority said.",
               body = AcmeOrderView),
              (status = 409, description = "There is no certificate yet (`conflict`)."))
)]
pub(super) async fn revoke(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
    Body(input): Body<RevocationInput>,
) -> Result<(StatusCode, Json<AcmeOrderView>)> {
    let why = match input.reason {
        RevocationReason::KeyCompromise => Revocation::KeyCompromise,
        RevocationReason::Superseded => Revocation::Superseded,
    };
    let audit = facts.audit(&caller.actor(), "acme", "revoke", "Asked for a certificate to be revoked");
    let order = store::acme_orders::revoke(&state.store, &uuid.0, why, audit).await?;
    let shown = show(&state, vec![order]).await?.pop().ok_or(Error::NotFound("automatic certificate"))?;
    Ok((StatusCode::ACCEPTED, Json(shown)))
}
