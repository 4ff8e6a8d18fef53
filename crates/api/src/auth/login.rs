//! `POST /auth/login`.

use super::me::{Me, SignedIn};
use crate::access;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::passwords;
use crate::state::State;
use crate::throttle;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::{HeaderName, HeaderValue, header};
use base::Secret;
use serde::Deserialize;
use store::security_audits::LOGIN_FAILED;
use store::users::{self, User};
use utoipa::ToSchema;

/// E-mail address and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginInput {
    /// E-mail address, in any case.
    #[schema(min_length = 1, max_length = 254, example = "ada@example.com")]
    email: String,
    /// Password.
    #[schema(min_length = 1, max_length = 256, example = "correct horse battery", format = Password)]
    password: String,
}

impl Input for LoginInput {}

/// Sign in
///
/// The answer sets the session's cookie. After ten wrong passwords the account, and the address that sends them,
/// must wait: half a minute, then twice as long each time.
#[utoipa::path(
    post, path = "/auth/login", operation_id = "login", tag = "auth",
    extensions(("x-charon-role" = json!("public"))), request_body = LoginInput,
    responses((status = 200, description = "Signed in.", body = SignedIn),
              (status = 401, description = "E-mail address or password is wrong (`invalid-credentials`).",
               body = crate::error::ProblemDetails, content_type = "application/problem+json"),
              (status = 429, description = "Too many tries (`account-locked`, `too-many-attempts`); see `Retry-After`."))
)]
pub(crate) async fn login(
    Ax(state): Ax<State>,
    facts: Meta,
    Body(input): Body<LoginInput>,
) -> Result<([(HeaderName, HeaderValue); 1], Json<SignedIn>)> {
    let email = input.email.trim().to_lowercase();
    let password = Secret::new(input.password);
    let known = users::find_by_email(&state.store, &email).await?;
    let name_key = format!("mail:{}", crate::tokens::digest(&email));
    let now = state.clock.monotonic();
    match &known {
        Some(user) => check_lock(&state, user)?,
        // A name without an account is locked as one with: otherwise the lock would tell which exist.
        None => state.throttle.enter(&name_key, now).map_err(Error::AccountLocked)?,
    }
    let client_key = facts.client.map(throttle::client).unwrap_or_default();
    state.throttle.enter(&client_key, now).map_err(Error::TooManyAttempts)?;

    let verdict = passwords::verify(&password, known.as_ref().map(|user| &user.password_hash)).await?;
    let user = match known {
        Some(user) if verdict.right && user.enabled => user,
        Some(user) => return Err(refused(&state, &facts, &user, verdict.right).await?),
        None => {
            let details = format!("Wrong password, or no such account: {email}");
            let audit = facts.audit(&email, "auth", LOGIN_FAILED, details);
            store::security_audits::insert(&state.store, audit).await?;
            return Err(Error::InvalidCredentials);
        }
    };
    // Somebody else may have locked the account while this password was being verified.
    if let Some(current) = users::find_by_email(&state.store, &email).await? {
        check_lock(&state, &current)?;
    }
    state.throttle.forget(&client_key);
    if verdict.outdated {
        let hash = passwords::hash(&password).await?;
        users::rehash(&state.store, user.id, &user.password_hash, &hash).await?;
        tracing::info!(
            user.id = user.id,
            "the password hash of the original product was replaced by Argon2id"
        );
    }
    let mut audit = facts.audit(&user.email, "auth", "login", format!("{} signed in", user.email));
    audit.resource_id.clone_from(&user.uuid);
    users::record_login_success(&state.store, user.id, audit).await?;
    let (_, cookie) = access::begin_session(&state, &facts, &user).await?;
    Ok(([(header::SET_COOKIE, cookie)], Json(SignedIn { user: Me::by_session(&user) })))
}

fn check_lock(state: &State, user: &User) -> Result<()> {
    let now = state.clock.now();
    match user.locked_until {
        Some(until) if until > now => Err(Error::AccountLocked(until.since(now))),
        _ => Ok(()),
    }
}

/// Notes a refused login and returns its answer, which is the same for a wrong password and a disabled account.
async fn refused(state: &State, facts: &Meta, user: &User, right: bool) -> Result<Error> {
    let why = if right { "the account is disabled" } else { "wrong password" };
    let details = format!("Refused {}: {why}", user.email);
    let mut audit = facts.audit(&user.email, "auth", LOGIN_FAILED, details);
    audit.resource_id.clone_from(&user.uuid);
    let lock = throttle::wait_after(user.failed_login_attempts.saturating_add(1));
    users::record_login_failure(&state.store, user.id, throttle::FREE, lock, audit).await?;
    Ok(Error::InvalidCredentials)
}
