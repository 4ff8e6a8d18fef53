//! `/health`: whether everything is well, for monitors and for the *Needs attention* list.

mod get;
pub(crate) mod standing;

use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(get::get))
}
