//! `DELETE /api-tokens/{uuid}`.

use crate::access::Viewer;
use crate::error::{Error, Result};
use crate::input::Segment;
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use serde_json::json;
use store::api_tokens;

/// Revoke a token
///
/// It ends at once. Administrators revoke those of others too.
#[utoipa::path(
    delete, path = "/api-tokens/{uuid}", operation_id = "deleteApiToken", tag = "api-tokens",
    extensions(("x-charon-role" = json!("viewer"))),
    params(("uuid" = String, Path, description = "The token's uuid.")),
    responses((status = 204, description = "It has ended."))
)]
pub(crate) async fn delete(
    Ax(state): Ax<State>,
    facts: Meta,
    Viewer(caller): Viewer,
    uuid: Segment,
) -> Result<StatusCode> {
    let owner = if caller.is_admin() { None } else { Some(caller.user.id) };
    let all = api_tokens::list(&state.store, owner).await?;
    // A token of somebody else looks like none at all.
    let token = all.into_iter().find(|token| token.uuid == uuid.0).ok_or(Error::NotFound("API token"))?;
    let details = format!("Revoked the API token {}", token.name);
    let mut audit = facts.audit(&caller.actor(), "api_token", "delete", details);
    audit.before = Some(json!({"name": token.name, "prefix": token.prefix, "scopes": token.scopes}));
    api_tokens::delete(&state.store, &token.uuid, audit).await?;
    Ok(StatusCode::NO_CONTENT)
}
