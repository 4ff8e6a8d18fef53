//! `/settings`: known keys with typed values, in one visible list.

mod get;
pub(crate) mod known;
mod update;

use crate::state::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(get::get, update::update))
}

/// The setting `ui.allowed_hosts`; empty when it cannot be read.
pub(crate) async fn allowed_hosts(state: &State) -> Vec<String> {
    list(state, "ui.allowed_hosts").await
}

/// The setting `trusted_proxies`; empty when it cannot be read.
pub(crate) async fn trusted_proxies(state: &State) -> Vec<String> {
    list(state, "trusted_proxies").await
}

async fn list(state: &State, key: &str) -> Vec<String> {
    match store::settings::get(&state.store, key).await {
        Ok(Some(setting)) => serde_json::from_str(&setting.value).unwrap_or_default(),
        _ => Vec::new(),
    }
}
