//! `/api-tokens`: tokens for programs. A token acts for its owner, within its scopes, until it ends.

mod create;
mod delete;
mod list;
mod view;

use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list::list, create::create)).routes(routes!(delete::delete))
}
