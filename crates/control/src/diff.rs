//! What differs between two applied configurations, in words that people know. Pure.

use serde_json::{Map, Value};

/// One host (or the settings) that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Name of the host, or `settings`.
    pub subject: String,
    /// What happened to it.
    pub kind: Kind,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It differs.
    Changed,
}

/// The changes from one document to another; see [`crate::document`].
pub fn diff(before: &Value, after: &Value) -> Vec<Change> {
    let (old, new) = (hosts(before), hosts(after));
    let mut changes = Vec::new();
    for (uuid, host) in &new {
        let kind = match old.get(uuid) {
            None => Kind::Added,
            Some(previous) if previous != host => Kind::Changed,
            Some(_) => continue,
        };
        changes.push(Change { subject: name(host), kind });
    }
    for (uuid, host) in &old {
        if !new.contains_key(uuid) {
            changes.push(Change { subject: name(host), kind: Kind::Removed });
        }
    }
    for part in ["access_lists", "settings", "certificates"] {
        if before[part] != after[part] {
            changes.push(Change { subject: part.replace('_', " "), kind: Kind::Changed });
        }
    }
    changes
}

/// One sentence for a list of revisions: `Added shop.example.com; changed settings`.
pub fn summary(changes: &[Change]) -> String {
    let part = |kind: Kind, verb: &str| {
        let names: Vec<&str> = changes
            .iter()
            .filter(|change| change.kind == kind)
            .map(|change| change.subject.as_str())
            .collect();
        match names.as_slice() {
            [] => None,
            [one] => Some(format!("{verb} {one}")),
            [one, two] => Some(format!("{verb} {one} and {two}")),
            [one, rest @ ..] => Some(format!("{verb} {one} and {} more", rest.len())),
        }
    };
    let parts: Vec<String> =
        [part(Kind::Added, "added"), part(Kind::Changed, "changed"), part(Kind::Removed, "removed")]
            .into_iter()
            .flatten()
            .collect();
    let text = parts.join("; ");
    let mut letters = text.chars();
    match letters.next() {
        None => "No visible change".to_owned(),
        Some(first) => first.to_uppercase().chain(letters).collect(),
    }
}

fn hosts(document: &Value) -> Map<String, Value> {
    let list = document["hosts"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|host| host["uuid"].as_str().map(|uuid| (uuid.to_owned(), host.clone()))).collect()
}

/// The name that people know a host of a document by.
pub(crate) fn name(host: &Value) -> String {
    let filled = |text: &Value| text.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let name = filled(&host["name"]).or_else(|| filled(&host["domain_names"][0]));
    name.unwrap_or_else(|| "a host without a name".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn added_changed_and_removed_hosts_are_named() {
        let before = json!({"hosts": [{"uuid": "1", "name": "a", "port": 1}, {"uuid": "2", "name": "b"}]});
        let after = json!({
            "hosts": [{"uuid": "1", "name": "a", "port": 2}, {"uuid": "3", "name": "", "domain_names": ["c.lan"]}],
            "settings": {"x": 1},
        });
        let changes = diff(&before, &after);
        assert_eq!(summary(&changes), "Added c.lan; changed a and settings; removed b");
        assert_eq!(summary(&diff(&after, &after)), "No visible change");
    }
}
