//! `DELETE /users/{uuid}`.

use super::view::audited;
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::Segment;
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;

/// Delete an account with its sessions and tokens
#[utoipa::path(
    delete, path = "/users/{uuid}", operation_id = "deleteUser", tag = "users",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The account's uuid.")),
    responses((status = 204, description = "It is gone."),
              (status = 409, description = "It is the last enabled admin, or oneself (`conflict`)."))
)]
pub(crate) async fn delete(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
) -> Result<StatusCode> {
    let user = super::find(&state, &uuid.0).await?;
    if user.uuid == caller.user.uuid {
        return Err(Error::conflict("uuid", "nobody deletes the own account; ask another administrator"));
    }
    let mut audit = facts.audit(&caller.actor(), "user", "delete", format!("Deleted account {}", user.email));
    audit.before = Some(audited(&user));
    store::users::delete(&state.store, &user.uuid, audit).await?;
    Ok(StatusCode::NO_CONTENT)
}
