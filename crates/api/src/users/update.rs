//! `PUT /users/{uuid}`.

use super::view::{UserView, audited};
use crate::access::Admin;
use crate::auth::me::RoleName;
use crate::error::{Error, Result};
use crate::input::{Body, Input, Segment};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Deserialize;
use serde_json::json;
use store::users::{Role, UserChange};
use utoipa::ToSchema;

/// A change of an account. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChangeInput {
    /// E-mail address to sign in with.
    #[schema(
        nullable = false,
        min_length = 3,
        max_length = 254,
        pattern = "EMAIL",
        example = "grace@example.com"
    )]
    email: Option<String>,
    /// Display name.
    #[schema(nullable = false, min_length = 1, max_length = 100, example = "Grace")]
    name: Option<String>,
    /// What it may do. A change ends all its sessions.
    #[schema(nullable = false)]
    role: Option<RoleName>,
    /// It may sign in. A change ends all its sessions.
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

impl Input for UserChangeInput {}

/// Change an account
#[utoipa::path(
    put, path = "/users/{uuid}", operation_id = "updateUser", tag = "users",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The account's uuid.")), request_body = UserChangeInput,
    responses((status = 200, description = "The account as it is now.", body = UserView),
              (status = 409, description = "The e-mail address is taken, or it is the last enabled admin, or oneself (`conflict`)."))
)]
pub(crate) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
    Body(input): Body<UserChangeInput>,
) -> Result<Json<UserView>> {
    let before = super::find(&state, &uuid.0).await?;
    let mut errors = Vec::new();
    let email = input.email.map(|text| super::email(&text, &mut errors));
    if !errors.is_empty() {
        return Err(Error::Validation(errors));
    }
    let role = input.role.map(Role::from);
    if before.uuid == caller.user.uuid {
        if role.is_some_and(|role| role != before.role) {
            return Err(Error::conflict("role", "nobody changes the own role; ask another administrator"));
        }
        if input.enabled == Some(false) {
            return Err(Error::conflict(
                "enabled",
                "nobody disables the own account; ask another administrator",
            ));
        }
    }
    let change = UserChange {
        email,
        name: input.name.map(|name| name.trim().to_owned()),
        role,
        enabled: input.enabled,
    };
    let details = format!("Changed account {}", before.email);
    let mut audit = facts.audit(&caller.actor(), "user", "update", details);
    audit.before = Some(audited(&before));
    audit.after = Some(json!({
        "email": change.email.as_ref().unwrap_or(&before.email),
        "name": change.name.as_ref().unwrap_or(&before.name),
        "role": change.role.unwrap_or(before.role).as_str(),
        "enabled": change.enabled.unwrap_or(before.enabled),
    }));
    let user = store::users::update(&state.store, &uuid.0, &change, audit).await?;
    Ok(Json(UserView::new(user, state.clock.now())))
}
