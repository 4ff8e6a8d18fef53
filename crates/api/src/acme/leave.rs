//! `POST /acme/leave`.

use crate::access::Admin;
use crate::error::Result;
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// Which account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaveInput {
    /// Address of the authority's ACME directory.
    #[schema(min_length = 1, max_length = 500, example = "https://acme-v02.api.letsencrypt.org/directory")]
    directory: String,
}

impl Input for LeaveInput {}

/// Give up the account at an authority
///
/// It is deactivated there. Certificates go on serving; the next order registers a new account.
#[utoipa::path(
    post, path = "/acme/leave", operation_id = "leaveAcme", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))), request_body = LeaveInput,
    responses((status = 202, description = "It begins; the audit log tells what the authority said."),
              (status = 404, description = "There is no account at that directory (`not-found`).",
               body = crate::error::ProblemDetails, content_type = "application/problem+json"))
)]
pub(super) async fn leave(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<LeaveInput>,
) -> Result<StatusCode> {
    let details = format!("Asked to give up the account at {}", input.directory);
    let audit = facts.audit(&caller.actor(), "acme", "leave", details);
    store::acme_accounts::leave(&state.store, input.directory.trim(), audit).await?;
    Ok(StatusCode::ACCEPTED)
}
