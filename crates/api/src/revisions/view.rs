//! A revision as it is shown.

use base::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use store::caddy_configs::Revision;
use utoipa::ToSchema;

/// One applied configuration.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct RevisionItem {
    /// Its number; null for entries of the original product.
    revision: Option<i64>,
    #[schema(value_type = String, format = DateTime)]
    applied_at: Timestamp,
    /// It serves, or served.
    success: bool,
    /// Who caused it.
    actor: String,
    /// What changed, in a sentence.
    summary: String,
    /// Hash of the content.
    hash: String,
    /// How many problems were found while compiling.
    problems: usize,
    /// Why it could not be applied; empty when it was.
    error_msg: String,
}

impl From<Revision> for RevisionItem {
    fn from(row: Revision) -> Self {
        Self {
            revision: row.revision,
            applied_at: row.applied_at,
            success: row.success,
            actor: row.actor,
            summary: row.summary,
            hash: row.config_hash,
            problems: row.problems.as_array().map_or(0, Vec::len),
            error_msg: row.error_msg,
        }
    }
}

/// Values of a host that change without a meaning.
pub(super) const MEANINGLESS: &[&str] = &["id", "created_at", "updated_at", "advanced_config_backup"];

/// What a document says of each host, by its uuid, without what has no meaning.
pub(crate) fn hosts_in(document: &Value) -> HashMap<&str, Value> {
    let hosts = document["hosts"].as_array().into_iter().flatten();
    hosts.filter_map(|host| Some((host["uuid"].as_str()?, meaningful(host.clone())))).collect()
}

/// A host of a document without what has no meaning.
pub(crate) fn meaningful(mut host: Value) -> Value {
    if let Some(fields) = host.as_object_mut() {
        fields.retain(|name, _| !MEANINGLESS.contains(&name.as_str()));
    }
    host
}
