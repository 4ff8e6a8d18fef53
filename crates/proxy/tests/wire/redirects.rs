//! Redirects by path: where they lead, and where they can never lead.

use crate::kit::*;
use proxy::LogSettings;
use proxy::spec::{PathMatch, Redirect};

fn rule(matches: PathMatch, to: &str) -> Redirect {
    Redirect { matches, to: to.to_owned(), status: 302, keep_path: false, keep_query: false }
}

fn prefix(path: &str) -> PathMatch {
    PathMatch::Prefix(path.to_owned())
}

fn regex(pattern: &str) -> PathMatch {
    PathMatch::Regex(pattern.to_owned())
}

fn proxy_with(origin: &Origin, rules: Vec<Redirect>) -> proxy::Proxy {
    let mut spec = spec_for(origin);
    spec.hosts[0].traffic.redirects = Some(rules);
    start(&spec, quick(), LogSettings::default())
}

#[test]
fn the_first_rule_that_fits_answers_and_other_paths_go_on() {
    let origin = Origin::ok();
    let keep = |rule: Redirect| Redirect { keep_path: true, keep_query: true, ..rule };
    let proxy = proxy_with(
        &origin,
        vec![
            rule(PathMatch::Exact("/one".to_owned()), "/first"),
            rule(prefix("/one"), "/second"),
            Redirect { status: 308, ..keep(rule(prefix("/old"), "https://new.test")) },
            Redirect { status: 301, ..keep(rule(prefix("/docs/"), "/manual/")) },
            Redirect { status: 303, ..rule(regex("^/u/([0-9]+)$"), "/user?id=$1&from={host}") },
            Redirect { status: 307, ..keep(rule(prefix("/q"), "/t?a=1")) }.without_path(),
            rule(PathMatch::Exact("/www".to_owned()), "{scheme}://www.{host}{path}"),
        ],
    );
    for (path, status, location) in [
        ("/one", 302, Some("/first")),
        ("/one/x", 302, Some("/second")),
        ("/onex", 200, None),
        ("/old", 308, Some("https://new.test")),
        ("/old/x/y?z=1", 308, Some("https://new.test/x/y?z=1")),
        ("/docs", 301, Some("/manual/")),
        ("/docs/a", 301, Some("/manual/a")),
        ("/u/42", 303, Some("/user?id=42&from=a.test")),
        ("/u/x", 200, None),
        ("/q?b=2", 307, Some("/t?a=1&b=2")),
        ("/www", 302, Some("http://www.a.test/www")),
        ("/%6Fne", 302, Some("/first")),
        ("/ONE", 200, None),
    ] {
        let answer = Client::of(&proxy).get(path);
        assert_eq!((answer.status(), answer.header("location").as_deref()), (status, location), "{path}");
    }
}

trait WithoutPath {
    fn without_path(self) -> Self;
}

impl WithoutPath for Redirect {
    fn without_path(self) -> Self {
        Self { keep_path: false, ..self }
    }
}

#[test]
fn no_path_makes_a_redirect_lead_to_another_host_or_to_itself() {
    let origin = Origin::ok();
    let proxy = proxy_with(
        &origin,
        vec![
            rule(regex("^/out(.*)$"), "/$1"),
            Redirect { keep_path: true, ..rule(prefix("/in"), "/") },
            rule(prefix("/loop"), "/loop"),
            Redirect { keep_path: true, keep_query: true, ..rule(prefix("/self"), "http://A.test/self") },
        ],
    );
    for (path, status, location) in [
        ("/out//evil.test", 302, Some("/evil.test")),
        ("/out///evil.test", 302, Some("/evil.test")),
        ("/out/%2Fevil.test", 302, Some("/%2Fevil.test")),
        ("/in//evil.test", 302, Some("/evil.test")),
        ("/in%2F%2Fevil.test", 302, Some("/%2Fevil.test")),
        ("/loop", 508, None),
        ("/loop/x", 302, Some("/loop")),
        ("/self?a=1", 508, None),
    ] {
        let answer = Client::of(&proxy).get(path);
        assert_eq!((answer.status(), answer.header("location").as_deref()), (status, location), "{path}");
    }
}

#[test]
fn a_rule_that_cannot_be_is_named() {
    let origin = Origin::ok();
    for (rule, field) in [
        (rule(prefix("x"), "/y"), "redirects.0.match"),
        (rule(regex("["), "/y"), "redirects.0.match"),
        (rule(prefix("/x"), "y"), "redirects.0.to"),
        (rule(prefix("/x"), "//y"), "redirects.0.to"),
        (rule(prefix("/x"), "https://{query}/"), "redirects.0.to"),
        (rule(prefix("/x"), "/{upstream}"), "redirects.0.to"),
        (rule(regex("^/(.*)"), "https://example.com$1"), "redirects.0.to"),
        (Redirect { status: 300, ..rule(prefix("/x"), "/y") }, "redirects.0.status"),
        (Redirect { keep_path: true, ..rule(regex("x"), "/y") }, "redirects.0.keep_path"),
        (Redirect { keep_path: true, ..rule(prefix("/x"), "/y?z") }, "redirects.0.keep_path"),
        (Redirect { keep_query: true, ..rule(prefix("/x"), "/y#z") }, "redirects.0.to"),
    ] {
        let mut spec = spec_for(&origin);
        spec.hosts[0].traffic.redirects = Some(vec![rule]);
        let error = spec.hosts[0].traffic.check().unwrap_err();
        assert_eq!(error.field, field, "{}", error.message);
    }
}
