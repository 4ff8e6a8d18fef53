//! Sharing with other sites' pages: preflights, and what answers say.

use crate::kit::*;
use proxy::LogSettings;
use proxy::spec::Cors;

fn cors(origins: &[&str]) -> Cors {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Cors {
        origins: list(origins),
        methods: list(&["PUT", "DELETE"]),
        headers: list(&["X-Token", "Content-Type"]),
        expose: list(&["X-Total"]),
        credentials: !origins.contains(&"*"),
        max_age: 900,
    }
}

fn proxy_with(origin: &Origin, cors: Cors) -> proxy::Proxy {
    let mut spec = spec_for(origin);
    spec.hosts[0].traffic.cors = Some(cors);
    start(&spec, quick(), LogSettings::default())
}

fn ask(proxy: &proxy::Proxy, method: &str, headers: &str) -> Answer {
    let mut client = Client::of(proxy);
    client.send(format!("{method} / HTTP/1.1\r\nHost: a.test\r\n{headers}\r\n"));
    client.answer().unwrap()
}

const PREFLIGHT: &str = "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-token\r\n";

#[test]
fn preflights_of_listed_origins_are_answered_here_and_others_are_refused() {
    let origin = Origin::ok();
    let proxy = proxy_with(&origin, cors(&["https://app.test", "https://*.apps.test"]));
    for listed in ["https://app.test", "https://x.apps.test"] {
        let answer = ask(&proxy, "OPTIONS", &format!("Origin: {listed}\r\n{PREFLIGHT}"));
        assert_eq!(answer.status(), 204);
        for (name, value) in [
            ("access-control-allow-origin", listed),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "PUT, DELETE"),
            ("access-control-allow-headers", "X-Token, Content-Type"),
            ("access-control-max-age", "900"),
        ] {
            assert_eq!(answer.header(name).as_deref(), Some(value), "{}", answer.head);
        }
        assert!(answer.head.contains("vary: Origin\r\n") && answer.header("content-length").is_none());
    }
    for other in ["https://evil.test", "null", "https://app.test.evil.test", "https://apps.test"] {
        let answer = ask(&proxy, "OPTIONS", &format!("Origin: {other}\r\n{PREFLIGHT}"));
        assert_eq!(answer.status(), 403, "{other}");
        assert!(!answer.head.to_lowercase().contains("access-control-"), "{}", answer.head);
        assert!(answer.head.contains("vary: Origin\r\n"), "{}", answer.head);
    }
    assert_eq!(origin.seen(), "");
    // No preflight: the origin's own matter.
    assert_eq!(ask(&proxy, "OPTIONS", "Origin: https://app.test\r\n").status(), 200);
    assert_eq!(ask(&proxy, "OPTIONS", PREFLIGHT).status(), 200);
}

#[test]
fn answers_name_the_listed_origin_that_asked_and_never_another() {
    let origin = Origin::answering(|_, _| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\n\
          Access-Control-Allow-Credentials: true\r\nVary: X\r\n\r\n"
            .to_vec()
    });
    let proxy = proxy_with(&origin, cors(&["https://app.test"]));
    let answer = ask(&proxy, "GET", "Origin: https://app.test\r\n");
    assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some("https://app.test"));
    assert_eq!(answer.header("access-control-expose-headers").as_deref(), Some("X-Total"));
    assert_eq!(answer.head.to_lowercase().matches("access-control-allow-origin").count(), 1);
    for headers in
        ["", "Origin: https://evil.test\r\n", "Origin: https://app.test\r\nOrigin: https://evil.test\r\n"]
    {
        let answer = ask(&proxy, "GET", headers);
        assert_eq!(answer.status(), 200);
        assert!(!answer.head.to_lowercase().contains("access-control-"), "{}", answer.head);
        assert!(
            answer.head.contains("vary: Origin\r\n") && answer.head.contains("Vary: X\r\n"),
            "{}",
            answer.head
        );
    }
    // Errors of ours are readable too.
    drop(origin);
    let broken = Origin::scripted(|wire, _| drop(wire.head()));
    let proxy = proxy_with(&broken, cors(&["https://app.test"]));
    let answer = ask(&proxy, "GET", "Origin: https://app.test\r\n");
    assert_eq!((answer.status(), answer.header("access-control-allow-origin").is_some()), (502, true));
}

#[test]
fn every_site_may_ask_only_without_credentials() {
    let origin = Origin::ok();
    let proxy = proxy_with(&origin, cors(&["*"]));
    let answer = ask(&proxy, "OPTIONS", &format!("Origin: https://any.test\r\n{PREFLIGHT}"));
    assert_eq!((answer.status(), answer.header("access-control-allow-origin").as_deref()), (204, Some("*")));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let answer = ask(&proxy, "GET", "Origin: https://any.test\r\n");
    assert_eq!(answer.header("access-control-allow-origin").as_deref(), Some("*"));
    let mut spec = spec_for(&origin);
    spec.hosts[0].traffic.cors = Some(Cors { credentials: true, ..cors(&["*"]) });
    let error = spec.hosts[0].traffic.check().unwrap_err();
    assert!(error.field == "cors.origins.0" && error.message.contains("list the origins"), "{error:?}");
}
