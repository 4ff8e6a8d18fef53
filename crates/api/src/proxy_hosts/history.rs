//! `GET /proxy-hosts/{uuid}/history`.

use crate::access::Viewer;
use crate::error::Result;
use crate::input::Segment;
use crate::revisions::view::{RevisionItem, host_in};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use store::caddy_configs;

/// This many of the newest revisions are looked through: so many keep their document.
const LOOKED_AT: u64 = caddy_configs::DOCUMENTS_KEPT as u64;

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
    let mut changed = Vec::new();
    let mut newer: Option<(RevisionItem, Option<serde_json::Value>)> = None;
    for row in caddy_configs::list(&state.store, None, LOOKED_AT).await? {
        let Some(number) = row.revision else { continue };
        let full = caddy_configs::get(&state.store, number).await?;
        let Ok(document) = serde_json::from_str(&full.document) else { continue };
        let then = host_in(&document, &host.uuid);
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
