//! The path that the origin gets, and that no rewriting leads around a decision (acceptance B5).

use crate::kit::*;
use proxy::LogSettings;
use proxy::spec::{Access, Rewrite, Spec};

fn strip(prefix: &str) -> Rewrite {
    Rewrite::StripPrefix { prefix: prefix.to_owned() }
}

fn regex(pattern: &str, replacement: &str) -> Rewrite {
    Rewrite::Regex { pattern: pattern.to_owned(), replacement: replacement.to_owned() }
}

fn rewriting(origin: &Origin, steps: Vec<Rewrite>) -> Spec {
    let mut spec = spec_for(origin);
    spec.hosts[0].traffic.rewrite = Some(steps);
    spec
}

/// The request line that the origin gets; the status when it gets none.
fn forwarded(proxy: &proxy::Proxy, path: &str) -> String {
    let answer = Client::of(proxy).get(path);
    match answer.status() {
        200 => answer.text().lines().next().unwrap().to_owned(),
        status => status.to_string(),
    }
}

#[test]
fn a_path_is_rewritten_step_by_step_and_its_query_stays() {
    let origin = Origin::mirror();
    for (steps, path, expected) in [
        (vec![strip("/api")], "/api/users?a=1", "/users?a=1"),
        (vec![strip("/api")], "/api", "/"),
        (vec![strip("/api/")], "/api/", "/"),
        (vec![strip("/api")], "/apix", "/apix"),
        (vec![strip("/api")], "/api//x", "/x"),
        (vec![strip("/api")], "/%61pi/x", "/x"),
        (vec![strip("/api")], "/api;v=1/x", "/x"),
        (vec![Rewrite::AddPrefix { prefix: "/v2/".to_owned() }], "/x?", "/v2/x?"),
        (vec![Rewrite::ReplacePath { path: "/index.php".to_owned() }], "/any/thing?q=1", "/index.php?q=1"),
        (vec![strip("/a"), Rewrite::AddPrefix { prefix: "/b".to_owned() }], "/a/c", "/b/c"),
        (vec![regex("^/user/([0-9]+)$", "/u/$1/profile")], "/user/42", "/u/42/profile"),
        (vec![regex("^/user/([0-9]+)$", "/u/$1/profile")], "/user/x", "/user/x"),
        (vec![regex("^/(?<lang>[a-z]{2})/", "/content/${lang}/")], "/de/page", "/content/de/page"),
        (vec![regex("x", "$$y")], "/axb", "/a$yb"),
        (vec![regex("^", "/{method}")], "/a", "/GET/a"),
    ] {
        let proxy = start(&rewriting(&origin, steps.clone()), quick(), LogSettings::default());
        assert_eq!(forwarded(&proxy, path), format!("GET {expected} HTTP/1.1"), "{steps:?} {path}");
    }
}

#[test]
fn no_rewriting_smuggles_a_dot_segment_or_another_host_to_the_origin() {
    let origin = Origin::mirror();
    for (steps, path, expected) in [
        (vec![regex("^/static(.*)$", "/files/$1")], "/static../secret", "400"),
        (vec![regex("^/static(.*)$", "/files/$1")], "/static..%2Fsecret", "400"),
        (vec![regex("^/static(.*)$", "/files/$1")], "/static./x", "400"),
        (vec![regex("^/static(.*)$", "/files$1")], "/static../secret", "GET /files../secret HTTP/1.1"),
        (vec![regex("^/p/(.*)$", "/%$1")], "/p/2e%2e/x", "400"),
        (vec![regex("^/p/(.*)$", "/.%$1")], "/p/2e/x", "400"),
        (vec![regex("^/go", "")], "/go//evil.test/x", "GET /evil.test/x HTTP/1.1"),
        (vec![regex("^/go/", "")], "/go/x", "400"),
        (vec![strip("/a")], "/a/a/x", "GET /a/x HTTP/1.1"),
    ] {
        let proxy = start(&rewriting(&origin, steps.clone()), quick(), LogSettings::default());
        assert_eq!(forwarded(&proxy, path), expected, "{steps:?} {path}");
    }
    assert!(!origin.seen().contains("/files/../"));
}

#[test]
fn decisions_are_taken_on_the_path_that_was_asked_for() {
    let (public, admin) = (Origin::mirror(), Origin::answering(|_, _| sized(b"admin")));
    let mut spec = rewriting(&public, vec![regex("^/public", "/admin"), strip("/x")]);
    let mut location = location("/admin", admin.address);
    location.traffic.rewrite = Some(Vec::new());
    spec.hosts[0].locations = vec![location];
    let proxy = start(&spec, quick(), LogSettings::default());
    // The location of the path that was asked for serves it, whatever a rule makes of another path.
    assert_eq!(forwarded(&proxy, "/public/x"), "GET /admin/x HTTP/1.1");
    assert_eq!(forwarded(&proxy, "/x/admin"), "GET /admin HTTP/1.1");
    for path in ["/admin", "/admin/x", "//admin", "/%61dmin", "/admin;x", "/admin%2Fx"] {
        assert_eq!(Client::of(&proxy).get(path).text(), "admin", "{path}");
    }
    spec.hosts[0].access = Some(Access { name: "nobody".to_owned(), allow: true, networks: Vec::new() });
    proxy.publish(config(&spec));
    for path in ["/public/x", "/x/admin", "/admin", "/%61dmin"] {
        assert_eq!(Client::of(&proxy).get(path).status(), 403, "{path}");
    }
}

#[test]
fn a_location_takes_over_what_it_leaves_out_and_replaces_what_it_gives() {
    let origin = Origin::mirror();
    let mut spec = rewriting(&origin, vec![strip("/v1")]);
    spec.hosts[0].traffic.request_headers =
        Some(vec![proxy::spec::HeaderEdit::Set { name: "X-A".to_owned(), value: "host".to_owned() }]);
    let same = location("/v1/same", origin.address);
    let mut off = location("/v1/off", origin.address);
    off.traffic.rewrite = Some(Vec::new());
    spec.hosts[0].locations = vec![same, off];
    let proxy = start(&spec, quick(), LogSettings::default());
    for (path, expected) in [("/v1/a", "/a"), ("/v1/same/a", "/same/a"), ("/v1/off/a", "/v1/off/a")] {
        let seen = Client::of(&proxy).get(path).text();
        assert!(
            seen.starts_with(&format!("GET {expected} HTTP/1.1")) && seen.contains("x-a: host"),
            "{seen}"
        );
    }
}

#[test]
fn a_rule_that_cannot_be_is_named_and_its_host_answers_503() {
    let origin = Origin::ok();
    for (step, field) in [
        (strip("api"), "rewrite.0.prefix"),
        (strip("/a/../b"), "rewrite.0.prefix"),
        (Rewrite::ReplacePath { path: "/a?b".to_owned() }, "rewrite.0.path"),
        (regex("(", "/"), "rewrite.0.pattern"),
        (regex("a", "$1"), "rewrite.0.replacement"),
        (regex("a", "/?x"), "rewrite.0.replacement"),
        (regex("a", "/a b"), "rewrite.0.replacement"),
        (regex("a", "{nothing}"), "rewrite.0.replacement"),
    ] {
        let spec = rewriting(&origin, vec![step]);
        assert_eq!(spec.hosts[0].traffic.check().unwrap_err().field, field);
        let (built, problems) = proxy::Config::build(&spec);
        assert!(problems[0].left_out && problems[0].message.contains(field), "{problems:?}");
        let proxy = start(&spec_for(&origin), quick(), LogSettings::default());
        proxy.publish(built.into());
        assert_eq!(Client::of(&proxy).get("/").status(), 503);
    }
}
