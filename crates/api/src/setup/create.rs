//! `POST /setup`.

use crate::access;
use crate::auth::me::{Me, SignedIn};
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::passwords;
use crate::state::State;
use crate::throttle;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::{HeaderValue, StatusCode, header};
use base::{FieldError, Secret};
use serde::Deserialize;
use store::users::{NewUser, Role};
use utoipa::ToSchema;

/// The first account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetupInput {
    /// The token that Charon printed at its first start.
    #[schema(min_length = 1, max_length = 200, example = "3f1c0a9be7c24d5f8a6b2e1d0c9f8a7b")]
    token: String,
    /// Display name.
    #[schema(min_length = 1, max_length = 100, example = "Ada")]
    name: String,
    /// E-mail address to sign in with.
    #[schema(min_length = 3, max_length = 254, pattern = "EMAIL", example = "ada@example.com")]
    email: String,
    /// 10 characters or more.
    #[schema(min_length = 10, max_length = 256, example = "correct horse battery", format = Password)]
    password: String,
}

impl Input for SetupInput {}

/// Make the first account
///
/// It becomes an administrator and is signed in at once. Closed for ever after that.
#[utoipa::path(
    post, path = "/setup", operation_id = "createSetup", tag = "setup",
    extensions(("x-charon-role" = json!("public"))), request_body = SetupInput,
    responses((status = 201, description = "The account is made and signed in.", body = SignedIn),
              (status = 409, description = "There is an account already (`setup-completed`)."),
              (status = 429, description = "Too many wrong tokens (`too-many-attempts`)."))
)]
pub(crate) async fn create(
    Ax(state): Ax<State>,
    facts: Meta,
    Body(input): Body<SetupInput>,
) -> Result<(StatusCode, [(header::HeaderName, HeaderValue); 1], Json<SignedIn>)> {
    if store::users::count(&state.store).await? > 0 {
        return Err(Error::SetupCompleted);
    }
    let key = facts.client.map_or_else(String::new, throttle::client);
    let now = state.clock.monotonic();
    state.throttle.enter(&key, now).map_err(Error::TooManyAttempts)?;
    if !state.setup.fits(&input.token) {
        return Err(Error::Forbidden(
            "the set-up token is wrong; read it in Charon's log, where it was printed at the start"
                .to_owned(),
        ));
    }
    state.throttle.forget(&key);
    let mut errors = Vec::new();
    let email = crate::users::email(&input.email, &mut errors);
    if let Some(message) = passwords::weakness(&input.password, &email) {
        errors.push(FieldError::new("password", message));
    }
    if !errors.is_empty() {
        return Err(Error::Validation(errors));
    }
    let user = NewUser {
        email: email.clone(),
        name: input.name.trim().to_owned(),
        role: Role::Admin,
        enabled: true,
        password_hash: passwords::hash(&Secret::new(input.password)).await?,
    };
    let mut audit = facts.audit(&email, "user", "setup", format!("Set up Charon with the account {email}"));
    audit.after =
        Some(serde_json::json!({"email": email, "name": user.name, "role": "admin", "enabled": true}));
    let user = store::users::insert_first(&state.store, &user, audit).await.map_err(|error| match error {
        store::Error::Conflict { .. } => Error::SetupCompleted,
        other => other.into(),
    })?;
    let (_, cookie) = access::begin_session(&state, &facts, &user).await?;
    let answer = SignedIn { user: Me::by_session(&user) };
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(answer)))
}
