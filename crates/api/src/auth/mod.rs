//! `/auth`: signing in and out, and the own account.

mod change_password;
mod login;
mod logout;
pub(crate) mod me;
pub(crate) mod me_update;
mod session_delete;
mod sessions;
mod status;

use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(login::login))
        .routes(routes!(logout::logout))
        .routes(routes!(status::status))
        .routes(routes!(me::get, me_update::update))
        .routes(routes!(change_password::change_password))
        .routes(routes!(sessions::list))
        .routes(routes!(session_delete::delete))
}
