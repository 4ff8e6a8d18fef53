//! Rows in the form of the history: what a person can read, compare and restore, part by part. Holds no secret:
//! certificates are named by their fingerprint.

use super::{CertificateRow, Rows, SERVED_SETTINGS};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use store::proxy_hosts::ProxyHost;

/// SHA-256 of a part, without what changes without a change of meaning.
pub(super) type Digest = [u8; 32];

/// Names of the parts of which there is one.
pub(super) const ACCESS_LISTS: &str = "access_lists";
pub(super) const SETTINGS: &str = "settings";

pub(super) fn host_part(uuid: &str) -> String {
    format!("hosts/{uuid}")
}

pub(super) fn certificate_part(uuid: &str) -> String {
    format!("certificates/{uuid}")
}

/// A host as JSON.
pub(super) fn host(row: &ProxyHost) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}

/// A certificate as JSON.
pub(super) fn certificate(row: &CertificateRow) -> Value {
    json!({ "name": row.row.name, "fingerprint": row.row.fingerprint })
}

/// All access lists as JSON.
pub(super) fn access_lists(rows: &Rows) -> Value {
    rows.access_lists.iter().map(|list| serde_json::to_value(&**list).unwrap_or_default()).collect()
}

/// The settings that change what is served, as JSON.
pub(super) fn settings(rows: &Rows) -> Value {
    let served: BTreeMap<&String, &String> =
        rows.settings.iter().filter(|(key, _)| SERVED_SETTINGS.contains(&key.as_str())).collect();
    json!(served)
}

/// Moments and row ids change without a change of meaning, so they do not count.
pub(crate) fn digest(mut part: Value) -> Digest {
    if let Some(fields) = part.as_object_mut() {
        fields.retain(|key, _| !["id", "created_at", "updated_at"].contains(&key.as_str()));
    }
    Sha256::digest(part.to_string()).into()
}

/// The name that people know a host of the history by.
pub(crate) fn host_name(host: &Value) -> String {
    let filled = |text: &Value| text.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let name = filled(&host["name"]).or_else(|| filled(&host["domain_names"][0]));
    name.unwrap_or_else(|| "a host without a name".to_owned())
}
