//! `POST /users/{uuid}/unlock`.

use crate::access::Admin;
use crate::error::Result;
use crate::input::Segment;
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;

/// End the lock of an account after wrong passwords
#[utoipa::path(
    post, path = "/users/{uuid}/unlock", operation_id = "unlockUser", tag = "users",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The account's uuid.")),
    responses((status = 204, description = "It can sign in again."))
)]
pub(crate) async fn unlock(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
) -> Result<StatusCode> {
    let user = super::find(&state, &uuid.0).await?;
    let audit = facts.audit(&caller.actor(), "user", "unlock", format!("Unlocked account {}", user.email));
    store::users::unlock(&state.store, &user.uuid, audit).await?;
    Ok(StatusCode::NO_CONTENT)
}
