//! `GET /revisions/{revision}`.

use super::view::RevisionItem;
use crate::access::Viewer;
use crate::error::Result;
use crate::input::Segment;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A revision with its content.
#[derive(Serialize, ToSchema)]
pub(crate) struct RevisionFull {
    #[serde(flatten)]
    item: RevisionItem,
    /// Hosts and settings that were applied; null when they are no longer kept.
    document: Value,
}

/// One applied configuration with its content
#[utoipa::path(
    get, path = "/revisions/{revision}", operation_id = "getRevision", tag = "revisions",
    extensions(("x-charon-role" = json!("viewer"))),
    params(("revision" = i64, Path, description = "The revision's number.", example = 1)),
    responses((status = 200, description = "The revision.", body = RevisionFull))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Viewer, revision: Segment) -> Result<Json<RevisionFull>> {
    let row = super::find(&state, revision.number("revision")?).await?;
    let document = serde_json::from_str(&row.document).unwrap_or(Value::Null);
    Ok(Json(RevisionFull { item: row.into(), document }))
}
