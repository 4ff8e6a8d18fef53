//! `GET /api-tokens`.

use super::view::TokenView;
use crate::access::Viewer;
use crate::error::{Error, Result};
use crate::input::Params;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Deserialize;
use std::collections::HashMap;
use store::{api_tokens, users};
use utoipa::IntoParams;

/// Whose tokens are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TokenQuery {
    /// Those of all accounts; for administrators.
    all: Option<bool>,
}

/// Tokens for programs
#[utoipa::path(
    get, path = "/api-tokens", operation_id = "listApiTokens", tag = "api-tokens",
    extensions(("x-charon-role" = json!("viewer"))), params(TokenQuery),
    responses((status = 200, description = "The own tokens, newest first.", body = Vec<TokenView>))
)]
pub(crate) async fn list(
    Ax(state): Ax<State>,
    Viewer(caller): Viewer,
    Params(query): Params<TokenQuery>,
) -> Result<Json<Vec<TokenView>>> {
    if query.all != Some(true) {
        let tokens = api_tokens::list(&state.store, Some(caller.user.id)).await?;
        return Ok(Json(tokens.into_iter().map(|token| TokenView::new(token, Some(&caller.user))).collect()));
    }
    if !caller.is_admin() {
        return Err(Error::Forbidden(
            "only administrators see the tokens of others; leave all out".to_owned(),
        ));
    }
    let owners: HashMap<i64, users::User> =
        users::list(&state.store).await?.into_iter().map(|user| (user.id, user)).collect();
    let tokens = api_tokens::list(&state.store, None).await?;
    let views = tokens.into_iter().map(|token| {
        let owner = owners.get(&token.user_id);
        TokenView::new(token, owner)
    });
    Ok(Json(views.collect()))
}
