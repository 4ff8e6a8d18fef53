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
use std::collections::HashMap;
use store::proxy_hosts::{self, ProxyHost};
use utoipa::ToSchema;

/// What serves now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Restored {
    /// The new revision, with the content of the old one; null when there is none yet.
    revision: Option<u64>,
    /// What differs from that revision and stays as it is now, one sentence each; empty when nothing does.
    not_restored: Vec<String>,
}

/// Bring back the hosts of an earlier revision
///
/// Hosts that were added since are removed; the step is a revision of its own and can be taken back the same way.
/// Settings, access lists and certificates stay as they are; `not_restored` names those that differ.
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
        let (before, after) = differing(&before, &hosts);
        audit.before = Some(json!({"hosts": before}));
        audit.after = Some(json!({"hosts": after}));
        proxy_hosts::restore(&state.store, &hosts, audit).await?;
    }
    let revision = wait_until_applied(&state, "the hosts are restored, but not served").await?;
    let newest = match revision.and_then(|number| i64::try_from(number).ok()) {
        Some(number) => super::find(&state, number).await.ok(),
        None => None,
    };
    let now = newest.and_then(|row| super::document(&row).ok()).unwrap_or_default();
    Ok(Json(Restored { revision, not_restored: not_restored(number, &document, &now) }))
}

/// The hosts that a restore touches, as they were and as they are afterwards.
fn differing<'a>(
    before: &'a [ProxyHost],
    after: &'a [ProxyHost],
) -> (Vec<&'a ProxyHost>, Vec<&'a ProxyHost>) {
    let by_id = |hosts: &'a [ProxyHost]| -> HashMap<&'a str, &'a ProxyHost> {
        hosts.iter().map(|host| (host.uuid.as_str(), host)).collect()
    };
    let (old, new) = (by_id(before), by_id(after));
    let not_in = |other: &HashMap<&str, &ProxyHost>, host: &ProxyHost| {
        other.get(host.uuid.as_str()).is_none_or(|other| other.values != host.values)
    };
    let gone = before.iter().filter(|host| not_in(&new, host)).collect();
    (gone, after.iter().filter(|host| not_in(&old, host)).collect())
}

/// What a restore leaves alone and what differs there.
fn not_restored(number: i64, then: &serde_json::Value, now: &serde_json::Value) -> Vec<String> {
    [
        ("settings", "The settings of the default site and of trusted proxies"),
        ("access_lists", "The access lists"),
        ("certificates", "The certificates"),
    ]
    .into_iter()
    .filter(|(part, _)| !now.is_null() && then[part] != now[part])
    .map(|(_, what)| {
        format!(
            "{what} differ from revision {number} and stay as they are now; compare the two revisions, and change \
             by hand what is to be as before"
        )
    })
    .collect()
}
