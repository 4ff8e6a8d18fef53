//! `GET /revisions/{revision}/diff`.

use super::view::host_in;
use crate::access::Viewer;
use crate::error::{Error, Result};
use crate::input::{Params, Segment};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use store::caddy_configs;
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
    /// Name of the host, or `Settings`, or `Certificates`.
    host: String,
    kind: DiffKind,
    fields: Vec<DiffField>,
}

/// What happened.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DiffKind {
    Added,
    Removed,
    Changed,
}

/// One value that differs.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct DiffField {
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
    Ok(Json(Diff { from, to, changes: changes(&older, &newer) }))
}

fn changes(older: &Value, newer: &Value) -> Vec<DiffChange> {
    let uuids = |document: &Value| -> Vec<String> {
        let hosts = document["hosts"].as_array().into_iter().flatten();
        hosts.filter_map(|host| host["uuid"].as_str().map(str::to_owned)).collect()
    };
    let mut all = uuids(newer);
    let gone: Vec<String> = uuids(older).into_iter().filter(|uuid| !all.contains(uuid)).collect();
    all.extend(gone);
    let mut changes: Vec<DiffChange> = Vec::new();
    for uuid in all {
        let (before, after) = (host_in(older, &uuid), host_in(newer, &uuid));
        if before == after {
            continue;
        }
        let kind = match (&before, &after) {
            (None, _) => DiffKind::Added,
            (_, None) => DiffKind::Removed,
            _ => DiffKind::Changed,
        };
        let shown = after.as_ref().or(before.as_ref()).map(name).unwrap_or_default();
        let fields = fields(&before.unwrap_or_default(), &after.unwrap_or_default());
        changes.push(DiffChange { host: shown, kind, fields });
    }
    for (part, shown) in [("settings", "Settings"), ("certificates", "Certificates")] {
        let fields = fields(&older[part], &newer[part]);
        if !fields.is_empty() {
            changes.push(DiffChange { host: shown.to_owned(), kind: DiffKind::Changed, fields });
        }
    }
    changes
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
        let found = changes(&older, &newer);
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
}
