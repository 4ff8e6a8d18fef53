//! `POST /api-tokens`.

use super::view::{ScopeName, TokenView};
use crate::access::Member;
use crate::error::Result;
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use crate::tokens;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;
use store::api_tokens::{self, NewToken};
use utoipa::ToSchema;

/// A new token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenInput {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100, example = "backup script")]
    name: String,
    /// What it may do. It never may more than its owner.
    #[schema(min_items = 1, max_items = 3, example = json!(["read"]))]
    scopes: Vec<ScopeName>,
    /// It ends after so many days; null: never.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 366, example = 90)]
    expires_in_days: Option<u32>,
}

impl Input for TokenInput {}

/// A new token, shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewApiToken {
    /// The token. Keep it: it is not stored and cannot be shown again.
    #[schema(example = "chn_0123456789abcdef...")]
    token: String,
    #[serde(flatten)]
    view: TokenView,
}

/// Make a token for a program
#[utoipa::path(
    post, path = "/api-tokens", operation_id = "createApiToken", tag = "api-tokens",
    extensions(("x-charon-role" = json!("user"))), request_body = TokenInput,
    responses((status = 201, description = "The token, this once.", body = NewApiToken))
)]
pub(crate) async fn create(
    Ax(state): Ax<State>,
    facts: Meta,
    Member(caller): Member,
    Body(input): Body<TokenInput>,
) -> Result<(StatusCode, Json<NewApiToken>)> {
    // A token that makes tokens could live for ever.
    caller.session()?;
    let token = tokens::api();
    let mut scopes: Vec<String> = input.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let life = input.expires_in_days.map(|days| Duration::from_secs(u64::from(days) * 24 * 3600));
    let new = NewToken {
        user_id: caller.user.id,
        name: input.name.trim().to_owned(),
        token_hash: tokens::digest(&token),
        prefix: token.chars().take(8).collect(),
        scopes,
        expires_at: life.map(|life| state.clock.now().plus(life)),
    };
    let details = format!("Made the API token {}", new.name);
    let mut audit = facts.audit(&caller.actor(), "api_token", "create", details);
    audit.after = Some(
        json!({"name": new.name, "prefix": new.prefix, "scopes": new.scopes, "expires_at": new.expires_at}),
    );
    let stored = api_tokens::insert(&state.store, &new, audit).await?;
    let view = TokenView::new(stored, Some(&caller.user));
    Ok((StatusCode::CREATED, Json(NewApiToken { token, view })))
}
