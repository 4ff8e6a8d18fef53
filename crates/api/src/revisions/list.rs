//! `GET /revisions`.

use super::view::RevisionItem;
use crate::access::Viewer;
use crate::error::Result;
use crate::input::{Params, limit};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Deserialize;
use store::caddy_configs;
use utoipa::IntoParams;

/// Which revisions are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RevisionQuery {
    /// Only revisions before this one: the next page.
    #[param(minimum = 1)]
    before: Option<i64>,
    /// At most so many, newest first. Default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// Applied configurations
#[utoipa::path(
    get, path = "/revisions", operation_id = "listRevisions", tag = "revisions",
    extensions(("x-charon-role" = json!("viewer"))), params(RevisionQuery),
    responses((status = 200, description = "Newest first.", body = Vec<RevisionItem>))
)]
pub(crate) async fn list(
    Ax(state): Ax<State>,
    _: Viewer,
    Params(query): Params<RevisionQuery>,
) -> Result<Json<Vec<RevisionItem>>> {
    let limit = limit(query.limit, 50, 200)?;
    state.engines.recorded().await;
    let before = match query.before {
        None => None,
        Some(..=0) => return Err(crate::Error::field("before", "write the number of a revision")),
        Some(number) => Some(match caddy_configs::get(&state.store, number).await {
            Ok(row) => row.id,
            // Nothing has this number yet: then everything is before it.
            Err(store::Error::NotFound(_)) => i64::MAX,
            Err(error) => return Err(error.into()),
        }),
    };
    let rows = caddy_configs::list(&state.store, before, limit).await?;
    Ok(Json(rows.into_iter().map(RevisionItem::from).collect()))
}
