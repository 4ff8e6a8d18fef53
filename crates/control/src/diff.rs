//! What differs between two applied configurations, in words that people know. Pure.

use crate::compile::{digest, host_name};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use store::revision_parts::Part;

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

/// The parts that differ in meaning between two whole revisions, and the changes in words.
pub(crate) fn diff(before: &BTreeMap<String, String>, after: &[Part]) -> (Vec<Part>, Vec<Change>) {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let (mut parts, mut changes, mut groups) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut differs = |name: &str, now: &Value, kind: Kind| match name.split_once('/') {
        Some(("hosts", _)) => changes.push(Change { subject: host_name(now), kind }),
        Some((group, _)) => _ = groups.insert(group.to_owned()),
        None => _ = groups.insert(name.to_owned()),
    };
    let mut gone: BTreeMap<&str, &str> =
        before.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    for (name, text) in after {
        let old = gone.remove(name.as_str());
        if old == Some(text) {
            continue;
        }
        let (old, now) = (old.map(json), json(text));
        let kind = match old {
            Some(old) if digest(old.clone()) == digest(now.clone()) => continue,
            Some(_) => Kind::Changed,
            None => Kind::Added,
        };
        differs(name, &now, kind);
        parts.push((name.clone(), text.clone()));
    }
    for (name, text) in gone {
        differs(name, &json(text), Kind::Removed);
        parts.push((name.to_owned(), String::new()));
    }
    changes.extend(
        groups.into_iter().map(|group| Change { subject: group.replace('_', " "), kind: Kind::Changed }),
    );
    (parts, changes)
}

/// The parts of a document, as earlier versions have stored one whole.
pub(crate) fn split(document: &str) -> BTreeMap<String, String> {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let mut parts = BTreeMap::new();
    for host in document["hosts"].as_array().into_iter().flatten() {
        let uuid = host["uuid"].as_str().unwrap_or_default();
        parts.insert(format!("hosts/{uuid}"), host.to_string());
    }
    for (uuid, certificate) in document["certificates"].as_object().into_iter().flatten() {
        parts.insert(format!("certificates/{uuid}"), certificate.to_string());
    }
    for name in ["access_lists", "settings"] {
        parts.extend(document.get(name).map(|part| (name.to_owned(), part.to_string())));
    }
    parts
}

/// One sentence for a list of revisions: `Added shop.example.com; changed settings`.
pub(crate) fn summary(changes: &[Change]) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn added_changed_and_removed_hosts_are_named() {
        let part = |name: &str, value: Value| (name.to_owned(), value.to_string());
        let before = BTreeMap::from([
            part("hosts/1", json!({"uuid": "1", "name": "a", "port": 1})),
            part("hosts/2", json!({"uuid": "2", "name": "b"})),
            part("hosts/4", json!({"uuid": "4", "name": "same", "updated_at": "then"})),
            part("certificates/5", json!({"name": "c"})),
        ]);
        let after = vec![
            part("hosts/1", json!({"uuid": "1", "name": "a", "port": 2})),
            part("hosts/3", json!({"uuid": "3", "name": "", "domain_names": ["c.lan"]})),
            part("hosts/4", json!({"uuid": "4", "name": "same", "updated_at": "now"})),
            part("settings", json!({"x": 1})),
        ];
        let (parts, changes) = diff(&before, &after);
        assert_eq!(summary(&changes), "Added c.lan; changed a and 2 more; removed b");
        let names: Vec<(&str, bool)> =
            parts.iter().map(|(name, text)| (name.as_str(), text.is_empty())).collect();
        let wanted = [
            ("hosts/1", false),
            ("hosts/3", false),
            ("settings", false),
            ("certificates/5", true),
            ("hosts/2", true),
        ];
        assert_eq!(names, wanted);
        let (parts, changes) = diff(&after.iter().cloned().collect(), &after);
        assert_eq!((parts, summary(&changes)), (Vec::new(), "No visible change".to_owned()));
    }
}
