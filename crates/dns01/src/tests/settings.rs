//! Forms: what is typed wrongly is named with its remedy, and the manual is that of the code.

use super::given;
use crate::{FieldKind, KINDS, kind, reference};
use std::path::Path;

#[test]
fn wrong_settings_name_the_field_and_the_remedy_but_not_the_value() {
    for (name, typed, expected) in [
        ("cloudflare", vec![], "token must be given. My Profile"),
        (
            "cloudflare",
            vec![("tokn", "canary")],
            "tokn is not a field of Cloudflare; its fields are token, endpoint",
        ),
        ("cloudflare", vec![("token", "a"), ("endpoint", "ftp://canary")], "endpoint is not an address"),
        ("cloudflare", vec![("token", "can\0ary")], "token holds a line break or a control character"),
        (
            "exec",
            vec![("program", "/x"), ("time_limit", "601")],
            "time_limit must be a whole number from 1 to 600",
        ),
        (
            "rfc2136",
            vec![("server", "192.0.2.1"), ("key_name", "k"), ("algorithm", "canary"), ("secret", "YQ==")],
            "algorithm must be one of hmac-sha256, hmac-sha512",
        ),
    ] {
        let error = kind(name).unwrap().parse(&given(&typed)).unwrap_err().to_string();
        assert!(error.starts_with(expected) && !error.contains("canary"), "{error}");
    }
}

#[test]
fn every_kind_is_complete() {
    for kind in KINDS {
        assert!(
            KINDS.iter().filter(|other| other.name == kind.name).count() == 1,
            "{} stands twice",
            kind.name
        );
        assert!(!kind.label.is_empty() && !kind.note.is_empty(), "{} lacks words", kind.name);
        for field in kind.fields {
            assert!(field.help.ends_with(['.', ':']), "{} of {} lacks help", field.name, kind.name);
            let secret = ["token", "secret", "password", "api_key"].contains(&field.name);
            assert!(!secret || field.kind == FieldKind::Secret, "{} of {} is shown", field.name, kind.name);
        }
    }
}

/// The page is written anew with `CHARON_WRITE_DOCS=1`.
#[test]
#[expect(clippy::disallowed_methods, reason = "a switch of this test, not of the product")]
fn the_manual_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/dns-providers.md");
    if std::env::var("CHARON_WRITE_DOCS").is_ok() {
        std::fs::write(&path, reference()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == reference(),
        "docs/dns-providers.md is stale: CHARON_WRITE_DOCS=1 cargo test -p dns01 manual"
    );
}
