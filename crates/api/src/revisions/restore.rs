//! `POST /revisions/{revision}/restore`.

use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::Segment;
use crate::meta::Meta;
use crate::proxy_hosts::wait_until_applied;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Serialize;
use serde_json::json;
use store::proxy_hosts::{self, ProxyHost};
use utoipa::ToSchema;

/// What serves now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Restored {
    /// The new revision, with the content of the old one; null when there is none yet.
    revision: Option<u64>,
}

/// Bring back the hosts of an earlier revision
///
/// Hosts that were added since are removed; the step is a revision of its own and can be taken back the same way.
/// Settings and certificates stay as they are.
#[utoipa::path(
    post, path = "/revisions/{revision}/restore", operation_id = "restoreRevision", tag = "revisions",
    extensions(("x-charon-role" = json!("admin"))),
    params(("revision" = i64, Path, description = "The revision's number.", example = 1)),
    responses((status = 200, description = "It serves.", body = Restored),
              (status = 409, description = "Its content is no longer kept (`conflict`)."))
)]
pub(crate) async fn restore(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    revision: Segment,
) -> Result<Json<Restored>> {
    let number = revision.number("revision")?;
    let document = super::document(&super::find(&state, number).await?)?;
    let hosts: Vec<ProxyHost> = serde_json::from_value(document["hosts"].clone()).map_err(|error| {
        Error::conflict("revision", format!("the content of revision {number} cannot be read: {error}"))
    })?;
    {
        let _alone = state.hosts.lock().await;
        let before = proxy_hosts::list(&state.store).await?;
        let mut audit =
            facts.audit(&caller.actor(), "revision", "restore", format!("Restored revision {number}"));
        audit.resource_id = number.to_string();
        audit.before = Some(json!({"hosts": before}));
        audit.after = Some(json!({"hosts": hosts}));
        proxy_hosts::restore(&state.store, &hosts, audit).await?;
    }
    let revision = wait_until_applied(&state, "the hosts are restored, but not served").await?;
    Ok(Json(Restored { revision }))
}
