//! `DELETE /proxy-hosts/{uuid}`.

use super::saved;
use crate::access::Admin;
use crate::error::Result;
use crate::input::Segment;
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;

/// Delete a host
///
/// Answers when it is no longer served.
#[utoipa::path(
    delete, path = "/proxy-hosts/{uuid}", operation_id = "deleteProxyHost", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The host's uuid.")),
    responses((status = 204, description = "It is gone."))
)]
pub(crate) async fn delete(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
) -> Result<StatusCode> {
    let before = super::find(&state, &uuid.0).await?;
    let details = format!("Deleted host {}", saved::name_of(&before));
    let audit = facts.audit(&caller.actor(), "proxy_host", "delete", details);
    store::proxy_hosts::delete(&state.store, &before.uuid, audit).await?;
    saved::wait_until_applied(&state, "the host is deleted, but still served").await?;
    Ok(StatusCode::NO_CONTENT)
}
