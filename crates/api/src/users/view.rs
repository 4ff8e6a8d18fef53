//! An account as administrators see it.

use crate::auth::me::RoleName;
use base::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::users::{Role, User};
use utoipa::ToSchema;

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserView {
    id: i64,
    uuid: String,
    /// E-mail address in lower case.
    email: String,
    /// Display name.
    name: String,
    #[schema(value_type = RoleName)]
    role: Role,
    /// It may sign in.
    enabled: bool,
    /// No sign-in before this moment, after too many wrong passwords; null when it is not locked.
    #[schema(value_type = Option<String>, format = DateTime)]
    locked_until: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_login: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// There is no password yet; set one before it can sign in.
    must_set_password: bool,
}

impl UserView {
    pub(crate) fn new(user: User, now: Timestamp) -> Self {
        Self {
            must_set_password: user.password_hash.expose().is_empty(),
            id: user.id,
            uuid: user.uuid,
            email: user.email,
            name: user.name,
            role: user.role,
            enabled: user.enabled,
            locked_until: user.locked_until.filter(|until| *until > now),
            last_login: user.last_login,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// What the audit log says of an account.
pub(super) fn audited(user: &User) -> Value {
    json!({"email": user.email, "name": user.name, "role": user.role.as_str(), "enabled": user.enabled})
}
