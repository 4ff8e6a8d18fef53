//! A token as it is shown: never the token itself.

use base::Timestamp;
use serde::{Deserialize, Serialize};
use store::users::User;
use utoipa::ToSchema;

/// A token for a program.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiToken)]
pub(crate) struct TokenView {
    uuid: String,
    /// Name given by a person.
    name: String,
    /// Its first characters, to recognise it by.
    prefix: String,
    /// What it may do.
    scopes: Vec<String>,
    /// When it ends; null: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was last used, to the minute; null: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    owner: TokenOwner,
}

/// For whom a token acts.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenOwner {
    uuid: String,
    name: String,
}

/// `read` looks, `write` changes hosts, certificates and settings, `admin` does everything that its owner may.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScopeName {
    Read,
    Write,
    Admin,
}

impl ScopeName {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl TokenView {
    pub(super) fn new(token: store::api_tokens::ApiToken, owner: Option<&User>) -> Self {
        Self {
            uuid: token.uuid,
            name: token.name,
            prefix: token.prefix,
            scopes: token.scopes,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            created_at: token.created_at,
            owner: TokenOwner {
                uuid: owner.map(|owner| owner.uuid.clone()).unwrap_or_default(),
                name: owner.map(|owner| owner.name.clone()).unwrap_or_default(),
            },
        }
    }
}
