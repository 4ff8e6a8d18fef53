//! `POST /proxy-hosts/bulk`.

use super::input::{TagInput, tags};
use super::saved;
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::FieldError;
use serde::{Deserialize, Serialize};
use store::proxy_hosts::{self, Bulk, ProxyHost};
use utoipa::ToSchema;

/// What is to be done with which hosts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkInput {
    /// The hosts.
    #[schema(min_items = 1, max_items = 1000, value_type = Vec<String>, example = json!(["5b9f1c3e-0c9e-4f0e-9a70-5d1c1f7ad0c1"]))]
    uuids: Vec<String>,
    /// What is done with each.
    action: BulkAction,
    /// For `add_tags` and `remove_tags`.
    #[serde(default)]
    #[schema(nullable = false, max_items = 20)]
    tags: Option<Vec<TagInput>>,
}

impl Input for BulkInput {}

/// What is done with each host.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BulkAction {
    Enable,
    Disable,
    Delete,
    AddTags,
    RemoveTags,
}

/// What was done.
#[derive(Serialize, ToSchema)]
pub(crate) struct BulkResult {
    /// How many hosts were changed.
    updated: u64,
    /// Which were not, and why.
    errors: Vec<BulkError>,
    /// The revision that serves now; null when there is none.
    revision: Option<u64>,
}

/// Why one host was not changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct BulkError {
    uuid: String,
    /// One sentence with the remedy.
    error: String,
}

/// Do the same with many hosts
///
/// A host that cannot be changed is named in `errors` and stops no other.
#[utoipa::path(
    post, path = "/proxy-hosts/bulk", operation_id = "bulkProxyHosts", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("admin"))), request_body = BulkInput,
    responses((status = 200, description = "What was done.", body = BulkResult))
)]
pub(crate) async fn bulk(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<BulkInput>,
) -> Result<Json<BulkResult>> {
    let mut faults = Vec::new();
    let sent = tags(input.tags.into_iter().flatten().map(|tag| tag.0), &mut faults);
    let about_tags = matches!(input.action, BulkAction::AddTags | BulkAction::RemoveTags);
    if about_tags && sent.is_empty() && faults.is_empty() {
        faults.push(FieldError::new("tags", "is missing; name the tags to add or remove"));
    }
    if !faults.is_empty() {
        return Err(Error::Validation(faults));
    }
    let mut uuids = input.uuids;
    let mut seen = std::collections::HashSet::new();
    uuids.retain(|uuid| seen.insert(uuid.clone()));

    let (mut updated, mut errors) = (0, Vec::new());
    let alone = state.hosts.lock().await;
    for uuid in uuids {
        let done = match super::find(&state, &uuid).await {
            Ok(host) => one(&state, &facts, &caller.actor(), host, input.action, &sent).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => updated += 1,
            Err(error @ (Error::NotFound(_) | Error::Conflict(_) | Error::Validation(_))) => {
                errors.push(BulkError { uuid: crate::meta::safe(&uuid, 100), error: error.to_string() });
            }
            Err(error) => return Err(error),
        }
    }
    drop(alone);
    let what = format!("{updated} hosts are changed, but not served so");
    let revision = saved::wait_until_applied(&state, &what).await?;
    Ok(Json(BulkResult { updated, errors, revision }))
}

async fn one(
    state: &State,
    facts: &Meta,
    actor: &str,
    host: ProxyHost,
    action: BulkAction,
    sent: &[String],
) -> Result<()> {
    let name = saved::name_of(&host);
    let mut values = host.values.clone();
    let (what, verb, text) = match action {
        BulkAction::Delete => (Bulk::Delete, "delete", "Deleted"),
        BulkAction::Disable => (Bulk::Enabled(false), "update", "Disabled"),
        BulkAction::Enable => {
            values.enabled = true;
            saved::check_domains(state, &values, Some(&host.uuid)).await?;
            (Bulk::Enabled(true), "update", "Enabled")
        }
        BulkAction::AddTags => {
            let new = sent.iter().filter(|tag| !host.tags.contains(tag)).cloned();
            values.tags.extend(new);
            if values.tags.len() > 20 {
                return Err(Error::field("tags", "the host would have more than 20 tags; remove some first"));
            }
            (Bulk::Tags(values.tags), "update", "Tagged")
        }
        BulkAction::RemoveTags => {
            values.tags.retain(|tag| !sent.contains(tag));
            (Bulk::Tags(values.tags), "update", "Tagged")
        }
    };
    let audit = facts.audit(actor, "proxy_host", verb, format!("{text} host {name}"));
    proxy_hosts::bulk(&state.store, &[host.uuid], &what, audit).await?;
    Ok(())
}
