//! `/live`: the access log, statistics and health as they happen, as server-sent events.

mod events;
mod get;
mod pump;

use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// More viewers than any team has; each costs a task and a small queue.
pub(crate) const MOST_VIEWERS: usize = 100;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(get::live))
}
