//! `/openapi.json` and `/docs`: the document, and a page to read it. The page loads nothing from elsewhere.

mod openapi;
mod page;

use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(openapi::get)).routes(routes!(page::page)).routes(routes!(page::file))
}
