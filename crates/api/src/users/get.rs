//! `GET /users/{uuid}`.

use super::view::UserView;
use crate::access::Admin;
use crate::error::Result;
use crate::input::Segment;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// One account
#[utoipa::path(
    get, path = "/users/{uuid}", operation_id = "getUser", tag = "users",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The account's uuid.")),
    responses((status = 200, description = "The account.", body = UserView))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Admin, uuid: Segment) -> Result<Json<UserView>> {
    let user = super::find(&state, &uuid.0).await?;
    Ok(Json(UserView::new(user, state.clock.now())))
}
