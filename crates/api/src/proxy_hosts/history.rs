//! `GET /proxy-hosts/{uuid}/history`.

use crate::access::Viewer;
use crate::error::Result;
use crate::input::Segment;
use crate::revisions::view::{RevisionItem, meaningful};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use store::caddy_configs;

/// The revisions that changed one host
#[utoipa::path(
    get, path = "/proxy-hosts/{uuid}/history", operation_id = "listProxyHostHistory", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("viewer"))),
    params(("uuid" = String, Path, description = "The host's uuid.")),
    responses((status = 200, description = "Newest first; only revisions whose content is still kept.", body = Vec<RevisionItem>))
)]
pub(crate) async fn history(
    Ax(state): Ax<State>,
    _: Viewer,
    uuid: Segment,
) -> Result<Json<Vec<RevisionItem>>> {
    let host = super::find(&state, &uuid.0).await?;
    state.engines.recorded().await;
    let mut changed = Vec::new();
    let mut newer: Option<(RevisionItem, Option<serde_json::Value>)> = None;
    for (row, then) in caddy_configs::of_host(&state.store, &host.uuid).await? {
        let then = then.map(meaningful);
        if let Some((item, now)) = newer.take()
            && now != then
        {
            changed.push(item);
        }
        newer = Some((RevisionItem::from(row), then));
    }
    if let Some((item, Some(_))) = newer {
        changed.push(item);
    }
    Ok(Json(changed))
}
