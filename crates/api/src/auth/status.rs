//! `GET /auth/status`.

use super::me::Me;
use crate::access::Anyone;
use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether somebody is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuthStatus {
    /// Somebody is.
    authenticated: bool,
    /// Who; missing when nobody is.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Me>,
}

/// Whether somebody is signed in
#[utoipa::path(
    get, path = "/auth/status", operation_id = "getAuthStatus", tag = "auth",
    extensions(("x-charon-role" = json!("public"))),
    responses((status = 200, description = "Whether somebody is, and who.", body = AuthStatus))
)]
pub(crate) async fn status(caller: Anyone) -> Json<AuthStatus> {
    let user = caller.0.as_ref().map(Me::of);
    Json(AuthStatus { authenticated: user.is_some(), user })
}
