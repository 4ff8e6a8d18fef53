//! `/proxy-hosts`: what is proxied where. Saving answers when the change is served, or says why it is not.

mod bulk;
mod carried;
mod create;
mod delete;
mod features;
mod get;
mod history;
mod input;
mod list;
mod reach;
mod saved;
mod test_upstream;
mod tls;
mod traffic;
mod update;
mod upstream;
pub(crate) mod view;

pub(crate) use saved::wait_until_applied;

use crate::error::{Error, Result};
use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(bulk::bulk))
        .routes(routes!(test_upstream::unsaved))
        .routes(routes!(test_upstream::saved))
        .routes(routes!(get::get, update::update, delete::delete))
        .routes(routes!(traffic::traffic))
        .routes(routes!(history::history))
}

/// The host, or the answer that there is none.
async fn find(state: &State, uuid: &str) -> Result<store::proxy_hosts::ProxyHost> {
    store::proxy_hosts::get(&state.store, uuid).await.map_err(|error| match error {
        store::Error::NotFound(_) => Error::NotFound("proxy host"),
        other => other.into(),
    })
}
