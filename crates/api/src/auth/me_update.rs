//! `PUT /auth/me`.

use super::me::Me;
use crate::access::Viewer;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::passwords;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Secret;
use serde::Deserialize;
use serde_json::json;
use store::users::{self, UserChange};
use utoipa::ToSchema;

/// Name and e-mail address of the own account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MeInput {
    /// Display name.
    #[schema(min_length = 1, max_length = 100, example = "Ada")]
    name: String,
    /// E-mail address to sign in with.
    #[schema(min_length = 3, max_length = 254, pattern = "EMAIL", example = "ada@example.com")]
    email: String,
    /// Needed when the e-mail address changes.
    #[schema(max_length = 256, example = "correct horse battery", format = Password)]
    current_password: Option<String>,
}

impl Input for MeInput {}

/// Change name and e-mail address of the own account
#[utoipa::path(
    put, path = "/auth/me", operation_id = "updateMe", tag = "auth",
    extensions(("x-charon-role" = json!("viewer"))), request_body = MeInput,
    responses((status = 200, description = "The account as it is now.", body = Me),
              (status = 409, description = "The e-mail address is taken (`conflict`)."),
              (status = 429, description = "Too many wrong passwords (`too-many-attempts`)."))
)]
pub(crate) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Viewer(caller): Viewer,
    Body(input): Body<MeInput>,
) -> Result<Json<Me>> {
    let session = caller.session()?;
    let mut errors = Vec::new();
    let email = crate::users::email(&input.email, &mut errors);
    if !errors.is_empty() {
        return Err(Error::Validation(errors));
    }
    let moves = email != caller.user.email;
    if moves {
        let given = input.current_password.unwrap_or_default();
        check_password(&state, &caller.user, Secret::new(given), "current_password").await?;
    }
    let name = input.name.trim().to_owned();
    let details = format!("{} changed the own account", caller.user.email);
    let mut audit = facts.audit(&caller.actor(), "user", "update", details);
    audit.before = Some(json!({"name": caller.user.name, "email": caller.user.email}));
    audit.after = Some(json!({"name": name, "email": email}));
    let change = UserChange { email: Some(email), name: Some(name), ..UserChange::default() };
    let user = users::update(&state.store, &caller.user.uuid, &change, audit).await?;
    if moves {
        store::sessions::delete_for_user(&state.store, user.id, Some(session.id)).await?;
    }
    Ok(Json(Me::by_session(&user)))
}

/// Refuses with `field` when `password` is not that of the account; slows down guessing.
pub(crate) async fn check_password(
    state: &State,
    user: &users::User,
    password: Secret<String>,
    field: &str,
) -> Result<()> {
    let key = format!("own:{}", user.uuid);
    state.throttle.enter(&key, state.clock.monotonic()).map_err(Error::TooManyAttempts)?;
    if !passwords::verify(&password, Some(&user.password_hash)).await?.right {
        return Err(Error::field(field, "this is not your current password; try again"));
    }
    state.throttle.forget(&key);
    Ok(())
}
