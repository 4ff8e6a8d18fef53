//! `/acme`: automatic certificates of public authorities: how they are asked for, and how it goes with each set of
//! names. To add an endpoint: a file, and a line below.

mod checks;
mod get;
mod leave;
mod orders;
mod renew;
mod revoke;
mod update;
mod view;

use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(get::get, update::update))
        .routes(routes!(checks::list, checks::run))
        .routes(routes!(leave::leave))
        .routes(routes!(orders::list))
        .routes(routes!(renew::renew))
        .routes(routes!(revoke::revoke))
}
