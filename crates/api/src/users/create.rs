//! `POST /users`.

use super::view::UserView;
use crate::access::Admin;
use crate::auth::me::RoleName;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::passwords;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use base::{FieldError, Secret};
use serde::Deserialize;
use serde_json::json;
use store::users::{NewUser, Role};
use utoipa::ToSchema;

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserInput {
    /// E-mail address to sign in with.
    #[schema(min_length = 3, max_length = 254, pattern = "EMAIL", example = "grace@example.com")]
    email: String,
    /// Display name.
    #[schema(min_length = 1, max_length = 100, example = "Grace")]
    name: String,
    /// 10 characters or more.
    #[schema(min_length = 10, max_length = 256, example = "correct horse battery", format = Password)]
    password: String,
    /// What it may do.
    role: RoleName,
}

impl Input for UserInput {}

/// Make an account
#[utoipa::path(
    post, path = "/users", operation_id = "createUser", tag = "users",
    extensions(("x-charon-role" = json!("admin"))), request_body = UserInput,
    responses((status = 201, description = "The new account.", body = UserView),
              (status = 409, description = "The e-mail address is taken (`conflict`)."))
)]
pub(crate) async fn create(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<UserInput>,
) -> Result<(StatusCode, Json<UserView>)> {
    let mut errors = Vec::new();
    let email = super::email(&input.email, &mut errors);
    if let Some(message) = passwords::weakness(&input.password, &email) {
        errors.push(FieldError::new("password", message));
    }
    if !errors.is_empty() {
        return Err(Error::Validation(errors));
    }
    let role = Role::from(input.role);
    let user = NewUser {
        email: email.clone(),
        name: input.name.trim().to_owned(),
        role,
        enabled: true,
        password_hash: passwords::hash(&Secret::new(input.password)).await?,
    };
    let mut audit = facts.audit(&caller.actor(), "user", "create", format!("Added account {email}"));
    audit.after = Some(json!({"email": email, "name": user.name, "role": role.as_str(), "enabled": true}));
    let user = store::users::insert(&state.store, &user, audit).await?;
    Ok((StatusCode::CREATED, Json(UserView::new(user, state.clock.now()))))
}
