//! The document itself: complete, without leftovers, and the committed copy is fresh.

use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;

#[test]
fn every_operation_has_a_unique_name_a_tag_a_summary_and_a_success() {
    let openapi = api::openapi();
    let mut names = HashSet::new();
    for (path, methods) in openapi.value()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} stands twice");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
        }
    }
    assert_eq!(openapi.value()["openapi"], "3.1.0");
}

#[test]
fn every_reference_leads_somewhere_and_every_body_is_closed() {
    let openapi = api::openapi();
    let document = openapi.value();
    fn walk(document: &Value, part: &Value, place: &str) {
        match part {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{place}: {reference}");
                }
                for (name, field) in fields {
                    let free = ["default", "example", "enum", "examples"].contains(&name.as_str());
                    if free {
                        continue;
                    }
                    assert!(!field.is_null(), "{place}/{name} is null");
                    walk(document, field, &format!("{place}/{name}"));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(document, item, place)),
            _ => {}
        }
    }
    walk(document, document, "");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        if name.ends_with("Input") && schema["type"] == "object" {
            assert_eq!(schema["additionalProperties"], false, "{name} takes unknown fields");
            for (field, part) in schema["properties"].as_object().unwrap() {
                let pattern = part["pattern"].as_str().unwrap_or("^");
                assert!(pattern.starts_with('^'), "{name}.{field}: {pattern} is a name without a pattern");
            }
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "this variable rewrites the committed copy")]
fn the_committed_document_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let mut text = api::openapi().to_pretty_json().unwrap();
    text.push('\n');
    if std::env::var("CHARON_WRITE_OPENAPI").is_ok() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/openapi.json is old; run CHARON_WRITE_OPENAPI=1 cargo test -p api document"
    );
}
