//! `/revisions`: the history of applied configurations, what each changed, and the way back.

mod diff;
mod get;
mod list;
mod restore;
pub(crate) mod view;

use crate::error::{Error, Result};
use crate::state::State;
use store::caddy_configs::{self, Revision};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(get::get))
        .routes(routes!(diff::diff))
        .routes(routes!(restore::restore))
}

/// The revision with its document, or the answer that there is none.
async fn find(state: &State, number: i64) -> Result<Revision> {
    state.engines.recorded().await;
    caddy_configs::get(&state.store, number).await.map_err(|error| match error {
        store::Error::NotFound(_) => Error::NotFound("revision"),
        other => other.into(),
    })
}

/// The content of a revision; old ones have lost theirs.
fn document(revision: &Revision) -> Result<serde_json::Value> {
    let number = revision.revision.unwrap_or_default();
    let gone = format!(
        "the content of revision {number} is no longer kept (only that of the newest {})",
        caddy_configs::DOCUMENTS_KEPT
    );
    serde_json::from_str(&revision.document).map_err(|_| Error::conflict("revision", gone))
}
