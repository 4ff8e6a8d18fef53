//! `GET /auth/sessions`.

use crate::access::{Via, Viewer};
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// One place where the account is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionItem {
    id: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_seen_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Address from which it began.
    ip_address: String,
    /// Browser with which it began.
    user_agent: String,
    /// It is the one that asks.
    current: bool,
}

/// Where the own account is signed in
#[utoipa::path(
    get, path = "/auth/sessions", operation_id = "listSessions", tag = "auth",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "The sessions, the last used first.", body = Vec<SessionItem>))
)]
pub(crate) async fn list(Ax(state): Ax<State>, Viewer(caller): Viewer) -> Result<Json<Vec<SessionItem>>> {
    let own = match &caller.via {
        Via::Session(session) => Some(session.id),
        Via::Token(_) | Via::Local => None,
    };
    let all = store::sessions::list_for_user(&state.store, caller.user.id).await?;
    let items = all.into_iter().map(|session| SessionItem {
        id: session.id,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
        ip_address: session.ip_address,
        user_agent: session.user_agent,
        current: own == Some(session.id),
    });
    Ok(Json(items.collect()))
}
