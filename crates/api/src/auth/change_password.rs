//! `POST /auth/change-password`.

use super::me_update::check_password;
use crate::access::{self, Viewer};
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::passwords;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use base::Secret;
use serde::Deserialize;
use store::{sessions, users};
use utoipa::ToSchema;

/// The old and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChangeInput {
    /// The password until now.
    #[schema(min_length = 1, max_length = 256, example = "correct horse battery", format = Password)]
    old_password: String,
    /// 10 characters or more.
    #[schema(min_length = 10, max_length = 256, example = "staple battery horse", format = Password)]
    new_password: String,
}

impl Input for PasswordChangeInput {}

/// Change the own password
///
/// Every session of the account ends; this one goes on with a new cookie.
#[utoipa::path(
    post, path = "/auth/change-password", operation_id = "changePassword", tag = "auth",
    extensions(("x-charon-role" = json!("viewer"))), request_body = PasswordChangeInput,
    responses((status = 204, description = "The new password holds."),
              (status = 429, description = "Too many wrong passwords (`too-many-attempts`)."))
)]
pub(crate) async fn change_password(
    Ax(state): Ax<State>,
    facts: Meta,
    Viewer(caller): Viewer,
    Body(input): Body<PasswordChangeInput>,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1])> {
    caller.session()?;
    let user = &caller.user;
    if let Some(message) = passwords::weakness(&input.new_password, &user.email) {
        return Err(Error::field("new_password", message));
    }
    if input.new_password == input.old_password {
        return Err(Error::field("new_password", "this is the password until now; choose another"));
    }
    check_password(&state, user, Secret::new(input.old_password), "old_password").await?;
    let hash = passwords::hash(&Secret::new(input.new_password)).await?;
    let details = format!("{} changed the own password", user.email);
    let audit = facts.audit(&caller.actor(), "user", "password", details);
    users::set_password_hash(&state.store, &user.uuid, &hash, None, audit).await?;
    sessions::delete_for_user(&state.store, user.id, None).await?;
    let (_, cookie) = access::begin_session(&state, &facts, user).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]))
}
