//! `GET /auth/me`, and the form in which the own account is shown.

use crate::access::{Identity, Via, Viewer};
use axum::Json;
use serde::Serialize;
use store::users::{Role, User};
use utoipa::ToSchema;

/// The own account.
#[derive(Serialize, ToSchema)]
pub(crate) struct Me {
    id: i64,
    uuid: String,
    /// E-mail address in lower case.
    email: String,
    /// Display name.
    name: String,
    /// What the account may do.
    #[schema(value_type = RoleName)]
    role: Role,
    /// `session` or `token`; `local` for commands on the server itself.
    #[schema(value_type = ViaName)]
    via: &'static str,
    /// What the API token may do; all three for a session.
    scopes: Vec<String>,
}

/// What an account may do: everything, reading most things, or reading hosts, certificates and traffic.
#[derive(Clone, Copy, serde::Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleName {
    Admin,
    User,
    Viewer,
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Admin => Self::Admin,
            RoleName::User => Self::User,
            RoleName::Viewer => Self::Viewer,
        }
    }
}

/// How the caller has proven who it is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of Me::via")]
pub(crate) enum ViaName {
    Session,
    Token,
    Local,
}

/// Who has signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedIn {
    /// The account.
    pub(crate) user: Me,
}

impl Me {
    pub(crate) fn by_session(user: &User) -> Self {
        Self {
            id: user.id,
            uuid: user.uuid.clone(),
            email: user.email.clone(),
            name: user.name.clone(),
            role: user.role,
            via: "session",
            scopes: ["read", "write", "admin"].map(str::to_owned).to_vec(),
        }
    }

    pub(crate) fn of(identity: &Identity) -> Self {
        let me = Self::by_session(&identity.user);
        match &identity.via {
            Via::Session(_) => me,
            Via::Token(token) => Self { via: "token", scopes: token.scopes.clone(), ..me },
            Via::Local => Self { via: "local", ..me },
        }
    }
}

/// The own account
#[utoipa::path(
    get, path = "/auth/me", operation_id = "getMe", tag = "auth",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "The own account.", body = Me))
)]
pub(crate) async fn get(Viewer(caller): Viewer) -> Json<Me> {
    Json(Me::of(&caller))
}
