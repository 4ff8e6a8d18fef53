//! `DELETE /auth/sessions/{id}`.

use crate::access::Viewer;
use crate::error::{Error, Result};
use crate::input::Segment;
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;

/// End one of the own sessions
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", operation_id = "deleteSession", tag = "auth",
    extensions(("x-charon-role" = json!("viewer"))),
    params(("id" = i64, Path, description = "The session's id.", example = 1)),
    responses((status = 204, description = "It has ended."))
)]
pub(crate) async fn delete(
    Ax(state): Ax<State>,
    facts: Meta,
    Viewer(caller): Viewer,
    id: Segment,
) -> Result<StatusCode> {
    let id = id.number("session")?;
    let own = store::sessions::list_for_user(&state.store, caller.user.id).await?;
    if !own.iter().any(|session| session.id == id) {
        return Err(Error::NotFound("session"));
    }
    store::sessions::delete(&state.store, id).await?;
    let details = format!("{} ended a session", caller.user.email);
    let mut audit = facts.audit(&caller.actor(), "session", "delete", details);
    audit.resource_id = id.to_string();
    store::security_audits::insert(&state.store, audit).await?;
    Ok(StatusCode::NO_CONTENT)
}
