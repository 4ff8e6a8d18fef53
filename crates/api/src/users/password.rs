//! `POST /users/{uuid}/password`.

use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input, Segment};
use crate::meta::Meta;
use crate::passwords;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use base::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordInput {
    /// 10 characters or more.
    #[schema(min_length = 10, max_length = 256, example = "correct horse battery", format = Password)]
    password: String,
}

impl Input for PasswordInput {}

/// Set the password of an account
///
/// All its sessions end, and a lock after wrong passwords ends too. The own password is changed with
/// `POST /auth/change-password`.
#[utoipa::path(
    post, path = "/users/{uuid}/password", operation_id = "setUserPassword", tag = "users",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The account's uuid.")), request_body = PasswordInput,
    responses((status = 204, description = "The new password holds."),
              (status = 409, description = "It is the own account (`conflict`)."))
)]
pub(crate) async fn password(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
    Body(input): Body<PasswordInput>,
) -> Result<StatusCode> {
    let user = super::find(&state, &uuid.0).await?;
    if user.uuid == caller.user.uuid {
        return Err(Error::conflict("password", "change your own password under Account, with the old one"));
    }
    if let Some(message) = passwords::weakness(&input.password, &user.email) {
        return Err(Error::field("password", message));
    }
    let hash = passwords::hash(&Secret::new(input.password)).await?;
    let details = format!("Set the password of account {}", user.email);
    let audit = facts.audit(&caller.actor(), "user", "password", details);
    store::users::set_password_hash(&state.store, &user.uuid, &hash, None, audit).await?;
    Ok(StatusCode::NO_CONTENT)
}
