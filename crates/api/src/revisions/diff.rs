//! `GET /revisions/{revision}/diff`.

use super::view::hosts_in;
use crate::access::Viewer;
use crate::error::{Error, Result};
use crate::input::{Params, Segment};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use store::caddy_configs;
use store::proxy_hosts::HostValues;
use utoipa::{IntoParams, ToSchema};

/// What to compare with.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// Compare with this revision. Default: the one before.
    #[param(minimum = 1)]
    against: Option<i64>,
}

/// What differs between two revisions.
#[derive(Serialize, ToSchema)]
pub(crate) struct Diff {
    /// The older side; null for nothing before the first.
    from: Option<i64>,
    /// The newer side.
    to: i64,
    changes: Vec<DiffChange>,
}

/// One host, or the settings, or the certificates, that differ.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct DiffChange {
    /// Name of the host, or `Settings`, `Access lists` or `Certificates`.
    host: String,
    kind: DiffKind,
    fields: Vec<DiffField>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DiffKind {
    Added,
    Removed,
    Changed,
}

/// One value that differs.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct DiffField {
    /// Such as `forward_port`, `traffic.redirects` or `locations./api.upstream.servers`; of access lists and
    /// certificates the name.
    field: String,
    /// The value before; null when there was none.
    before: Value,
    /// The value after; null when there is none.
    after: Value,
}

/// What a revision changed
#[utoipa::path(
    get, path = "/revisions/{revision}/diff", operation_id = "getRevisionDiff", tag = "revisions",
    extensions(("x-charon-role" = json!("viewer"))),
    params(("revision" = i64, Path, description = "The revision's number.", example = 1), DiffQuery),
    responses((status = 200, description = "The differences.", body = Diff),
              (status = 409, description = "The content of one side is no longer kept (`conflict`)."))
)]
pub(crate) async fn diff(
    Ax(state): Ax<State>,
    _: Viewer,
    revision: Segment,
    Params(query): Params<DiffQuery>,
) -> Result<Json<Diff>> {
    let to = revision.number("revision")?;
    let newer = super::document(&super::find(&state, to).await?)?;
    let from = match query.against {
        Some(..=0) => return Err(Error::field("against", "write the number of a revision")),
        Some(number) => Some(super::find(&state, number).await?),
        None => match caddy_configs::get(&state.store, to.saturating_sub(1)).await {
            Ok(row) => Some(row),
            Err(store::Error::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        },
    };
    let older = from.as_ref().map(super::document).transpose()?.unwrap_or_default();
    let from = from.and_then(|row| row.revision);
    let stored = store::ssl_certificates::list(&state.store).await?;
    let names = |document: &Value| {
        Names::of(document, stored.iter().map(|row| (row.id, row.uuid.clone(), row.name.clone())))
    };
    let sides = [(&older, names(&older)), (&newer, names(&newer))];
    Ok(Json(Diff { from, to, changes: changes(&sides) }))
}

/// A document and what its references are called.
type Side<'a> = (&'a Value, Names);

fn changes([older, newer]: &[Side<'_>; 2]) -> Vec<DiffChange> {
    let uuids = |document: &Value| -> Vec<String> {
        let hosts = document["hosts"].as_array().into_iter().flatten();
        hosts.filter_map(|host| host["uuid"].as_str().map(str::to_owned)).collect()
    };
    let (mut then, mut now) = (hosts_in(older.0), hosts_in(newer.0));
    let mut all = uuids(newer.0);
    all.extend(uuids(older.0).into_iter().filter(|uuid| !now.contains_key(uuid.as_str())));
    let mut changes: Vec<DiffChange> = Vec::new();
    for uuid in all {
        let (before, after) = (then.remove(uuid.as_str()), now.remove(uuid.as_str()));
        if before == after {
            continue;
        }
        let kind = match (&before, &after) {
            (None, _) => DiffKind::Added,
            (_, None) => DiffKind::Removed,
            _ => DiffKind::Changed,
        };
        let shown = after.as_ref().or(before.as_ref()).map(name).unwrap_or_default();
        let plain = |host: Option<Value>, names: &Names| host.map(|host| readable(host, names));
        let mut fields =
            fields(&plain(before, &older.1).unwrap_or_default(), &plain(after, &newer.1).unwrap_or_default());
        if kind != DiffKind::Changed {
            // Of a host that comes or goes, what was never set says nothing.
            let usual = serde_json::to_value(HostValues::default()).unwrap_or_default();
            fields.retain(|field| {
                let value = if kind == DiffKind::Added { &field.after } else { &field.before };
                !value.is_null() && *value != usual[&field.field]
            });
        }
        changes.push(DiffChange { host: shown, kind, fields });
    }
    let parts = [
        ("Settings", [older.0["settings"].clone(), newer.0["settings"].clone()]),
        ("Access lists", [older, newer].map(|side| named(&side.0["access_lists"]))),
        ("Certificates", [older, newer].map(|side| named(&side.0["certificates"]))),
    ];
    for (shown, [before, after]) in parts {
        let fields = fields(&before, &after);
        if !fields.is_empty() {
            changes.push(DiffChange { host: shown.to_owned(), kind: DiffKind::Changed, fields });
        }
    }
    changes
}

/// What rows that a host refers to are called, by row id and by public id.
#[derive(Default)]
struct Names {
    certificates: HashMap<String, String>,
    access_lists: HashMap<String, String>,
}

impl Names {
    /// Access lists stand in the document with their row ids. Certificates stand there by their public ids; by row
    /// id they are found among those that are stored now.
    fn of(document: &Value, stored: impl Iterator<Item = (i64, String, String)>) -> Self {
        let mut names = Self::default();
        for (id, uuid, name) in stored {
            names.certificates.insert(id.to_string(), name.clone());
            names.certificates.insert(uuid, name);
        }
        for (uuid, row) in document["certificates"].as_object().into_iter().flatten() {
            names.certificates.insert(uuid.clone(), row["name"].as_str().unwrap_or_default().to_owned());
        }
        for row in document["access_lists"].as_array().into_iter().flatten() {
            names
                .access_lists
                .insert(row["id"].to_string(), row["name"].as_str().unwrap_or_default().to_owned());
        }
        names
    }
}

/// A host with names instead of ids, the rules of its upstream and traffic one by one, and its locations by path.
fn readable(mut host: Value, names: &Names) -> Value {
    let Some(fields) = host.as_object_mut() else { return host };
    let called = |names: &HashMap<String, String>, id: &Value, gone: &str| {
        let key = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        Value::from(names.get(&key).filter(|name| !name.is_empty()).map_or(gone, String::as_str))
    };
    for (id, field, names, gone) in [
        ("certificate_id", "certificate", &names.certificates, "a certificate that is gone"),
        ("access_list_id", "access_list", &names.access_lists, "an access list that is gone"),
    ] {
        if let Some(id) = fields.remove(id).filter(|id| !id.is_null()) {
            fields.insert(field.to_owned(), called(names, &id, gone));
        }
    }
    for part in ["upstream", "traffic"] {
        for (name, mut rule) in fields.remove(part).and_then(object).into_iter().flatten() {
            if let Some(tls) = rule.as_object_mut()
                && let Some(uuid) = tls.remove("client_certificate_uuid").filter(|uuid| !uuid.is_null())
            {
                let shown = called(&names.certificates, &uuid, "a certificate that is gone");
                tls.insert("client_certificate".to_owned(), shown);
            }
            fields.insert(format!("{part}.{name}"), rule);
        }
    }
    let locations = fields.remove("locations").and_then(|list| list.as_array().cloned());
    for location in locations.into_iter().flatten() {
        let path = location["path"].as_str().unwrap_or_default().to_owned();
        let mut inner = readable(location, names);
        let Some(inner) = inner.as_object_mut() else { continue };
        for (name, value) in std::mem::take(inner) {
            if !["uuid", "path"].contains(&name.as_str()) {
                fields.insert(format!("locations.{path}.{name}"), value);
            }
        }
    }
    host
}

fn object(value: Value) -> Option<serde_json::Map<String, Value>> {
    match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    }
}

/// Rows by their names, without ids.
fn named(rows: &Value) -> Value {
    let list: Vec<&Value> = match rows {
        Value::Array(rows) => rows.iter().collect(),
        Value::Object(rows) => rows.values().collect(),
        _ => Vec::new(),
    };
    let named = list.into_iter().map(|row| {
        let mut plain = row.clone();
        if let Some(fields) = plain.as_object_mut() {
            fields.retain(|field, _| !["id", "uuid", "name"].contains(&field.as_str()));
        }
        (row["name"].as_str().unwrap_or_default().to_owned(), plain)
    });
    Value::Object(named.collect())
}

fn name(host: &Value) -> String {
    let filled = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    filled(&host["name"]).or_else(|| filled(&host["domain_names"][0])).unwrap_or_default()
}

fn fields(before: &Value, after: &Value) -> Vec<DiffField> {
    let keys = |value: &Value| {
        value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>()).unwrap_or_default()
    };
    let all: BTreeSet<String> = keys(before).into_iter().chain(keys(after)).collect();
    all.into_iter()
        .filter(|key| before[key] != after[key] && key != "uuid")
        .map(|key| DiffField { before: before[&key].clone(), after: after[&key].clone(), field: key })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn added_removed_and_changed_hosts_are_told_by_name_with_their_fields() {
        let older = json!({"hosts": [
            {"uuid": "1", "name": "A", "forward_port": 80, "updated_at": "x"},
            {"uuid": "2", "name": "", "domain_names": ["b.lan"], "forward_port": 80},
            {"uuid": "3", "name": "C", "updated_at": "x"}], "settings": {"a": "1"}});
        let newer = json!({"hosts": [
            {"uuid": "1", "name": "A", "forward_port": 81, "updated_at": "y"},
            {"uuid": "3", "name": "C", "updated_at": "y"},
            {"uuid": "4", "name": "D"}], "settings": {"a": "2"}});
        let found = changes(&[(&older, Names::default()), (&newer, Names::default())]);
        let told: Vec<(&str, &DiffKind)> = found.iter().map(|one| (one.host.as_str(), &one.kind)).collect();
        assert_eq!(
            told,
            [
                ("A", &DiffKind::Changed),
                ("D", &DiffKind::Added),
                ("b.lan", &DiffKind::Removed),
                ("Settings", &DiffKind::Changed)
            ]
        );
        assert_eq!(
            found[0].fields,
            [DiffField { field: "forward_port".to_owned(), before: json!(80), after: json!(81) }]
        );
    }

    #[test]
    fn new_fields_are_told_one_by_one_with_names_and_without_what_was_never_set() {
        let usual = serde_json::to_value(HostValues::default()).unwrap();
        let mut added = usual.clone();
        added["uuid"] = json!("1");
        added["name"] = json!("Shop");
        added["forward_host"] = json!("nas");
        added["certificate_id"] = json!(7);
        added["upstream"] =
            json!({"servers": [{"address": "b:1"}], "tls": {"client_certificate_uuid": "c-7"}});
        let mut changed = added.clone();
        changed["traffic"] = json!({"max_body": 5});
        changed["locations"] =
            json!([{"uuid": "l", "path": "/api", "forward_port": 81, "traffic": {"max_body": 1}}]);
        let document = |hosts: Vec<&Value>, fingerprint: &str| {
            json!({"hosts": hosts, "certificates": {"c-7": {"name": "Wild", "fingerprint": fingerprint}},
                   "access_lists": [{"id": 1, "uuid": "a", "name": "Home", "enabled": fingerprint == "1"}]})
        };
        let documents = [document(vec![], "1"), document(vec![&added], "1"), document(vec![&changed], "2")];
        let stored = || std::iter::once((7, "c-7".to_owned(), "Wild".to_owned()));
        let diff = |from: usize, to: usize| {
            let side = |at: usize| (&documents[at], Names::of(&documents[at], stored()));
            serde_json::to_value(changes(&[side(from), side(to)])).unwrap()
        };
        let text = diff(0, 1).to_string();
        let names = |change: &Value| -> Vec<String> {
            change["fields"]
                .as_array()
                .unwrap()
                .iter()
                .map(|f| f["field"].as_str().unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            names(&diff(0, 1)[0]),
            ["certificate", "forward_host", "name", "upstream.servers", "upstream.tls"]
        );
        assert!(text.contains("\"client_certificate\":\"Wild\"") && !text.contains("c-7"), "{text}");
        let second = diff(1, 2);
        assert_eq!(
            names(&second[0]),
            ["locations./api.forward_port", "locations./api.traffic.max_body", "traffic.max_body"]
        );
        assert_eq!(
            (names(&second[1]), second[1]["host"].as_str()),
            (vec!["Home".to_owned()], Some("Access lists"))
        );
        assert_eq!(names(&second[2]), ["Wild"]);
        assert_eq!(names(&diff(1, 0)[0]).len(), 5, "a removed host tells the same");
    }
}
