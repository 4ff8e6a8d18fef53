//! `GET /users`.

use super::view::UserView;
use crate::access::Admin;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// All accounts
#[utoipa::path(
    get, path = "/users", operation_id = "listUsers", tag = "users",
    extensions(("x-charon-role" = json!("admin"))),
    responses((status = 200, description = "The accounts, oldest first.", body = Vec<UserView>))
)]
pub(crate) async fn list(Ax(state): Ax<State>, _: Admin) -> Result<Json<Vec<UserView>>> {
    let now = state.clock.now();
    let users = store::users::list(&state.store).await?;
    Ok(Json(users.into_iter().map(|user| UserView::new(user, now)).collect()))
}
