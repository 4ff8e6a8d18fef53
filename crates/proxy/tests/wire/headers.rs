//! Header edits with placeholders, security headers and request ids.

use crate::kit::*;
use proxy::LogSettings;
use proxy::spec::{HeaderEdit, RequestIds, SecurityHeaders, SecurityPreset, Spec};

fn set(name: &str, value: &str) -> HeaderEdit {
    HeaderEdit::Set { name: name.to_owned(), value: value.to_owned() }
}

fn trusting(origin: &Origin) -> Spec {
    Spec { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..spec_for(origin) }
}

#[test]
fn placeholders_stand_for_what_the_client_asked_for() {
    let origin = Origin::mirror();
    let mut spec = trusting(&origin);
    spec.hosts[0].traffic.rewrite =
        Some(vec![proxy::spec::Rewrite::StripPrefix { prefix: "/api".to_owned() }]);
    spec.hosts[0].traffic.request_headers = Some(vec![
        set("X-All", "{client_ip} {host} {scheme} {method} {path} {query}"),
        set("X-Id", "<{request_id}>"),
        set("X-Text", "{{host} {\"a\":1}"),
        set("X-Forwarded-For", "{client_ip}"),
    ]);
    spec.hosts[0].traffic.response_headers =
        Some(vec![set("X-Upstream", "{upstream}"), set("X-Path", "{path}"), set("X-Id", "{request_id}")]);
    let proxy = start(&spec, quick(), LogSettings::default());
    let mut client = Client::of(&proxy);
    client.send(
        "GET /api/%41?q=1&r={host} HTTP/1.1\r\nHost: A.test:99\r\nX-Forwarded-For: 6.6.6.6, 9.9.9.9\r\n\
         X-Forwarded-Proto: https\r\nX-All: forged\r\n\r\n",
    );
    let answer = client.answer().unwrap();
    let seen = answer.text();
    assert!(seen.contains("x-all: 9.9.9.9 a.test https GET /api/A q=1&r={host}\r\n"), "{seen}");
    assert!(seen.contains("x-text: {host} {\"a\":1}\r\n") && !seen.contains("forged"), "{seen}");
    assert!(seen.contains("x-forwarded-for: 9.9.9.9\r\n") && !seen.contains("6.6.6.6"), "{seen}");
    assert_eq!(answer.header("x-upstream"), Some(origin.address.to_string()));
    assert_eq!(answer.header("x-path").as_deref(), Some("/api/A"));
    let id = answer.header("x-id").unwrap();
    assert!(seen.contains(&format!("x-id: <{id}>\r\n")) && seen.contains(&format!("X-Request-Id: {id}\r\n")));
}

#[test]
fn nothing_that_a_client_sends_ends_a_line_of_a_head() {
    let origin = Origin::mirror();
    let mut spec = spec_for(&origin);
    spec.hosts[0].traffic.request_headers = Some(vec![set("X-P", "{path}?{query}")]);
    spec.hosts[0].traffic.response_headers = Some(vec![set("X-P", "{path}?{query}")]);
    let proxy = start(&spec, quick(), LogSettings::default());
    for path in ["/a%0d%0aX-Evil:1?b%0d%0aX-Evil:1", "/a%0AX-Evil:1"] {
        let answer = Client::of(&proxy).get(path);
        assert!(answer.status() == 200 && answer.header("x-evil").is_none(), "{}", answer.head);
        assert!(!answer.text().lines().any(|line| line.starts_with("X-Evil")), "{}", answer.text());
    }
}

#[test]
fn security_headers_stand_back_behind_the_origins_unless_told() {
    let origin = Origin::answering(|_, _| {
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Frame-Options: ALLOWALL\r\nServer: x\r\n\r\n".to_vec()
    });
    let mut spec = spec_for(&origin);
    let with = |spec: &mut Spec, preset, override_origin| {
        spec.hosts[0].traffic.security_headers = Some(SecurityHeaders { preset, override_origin });
    };
    let proxy = start(&spec, quick(), LogSettings::default());
    for (preset, over, frame, sniff) in [
        (SecurityPreset::Off, false, "ALLOWALL", None),
        (SecurityPreset::Off, true, "ALLOWALL", None),
        (SecurityPreset::Basic, false, "ALLOWALL", Some("nosniff")),
        (SecurityPreset::Basic, true, "SAMEORIGIN", Some("nosniff")),
        (SecurityPreset::Strict, false, "ALLOWALL", Some("nosniff")),
        (SecurityPreset::Strict, true, "DENY", Some("nosniff")),
    ] {
        with(&mut spec, preset, over);
        proxy.publish(config(&spec));
        let answer = Client::of(&proxy).get("/");
        assert_eq!(answer.head.to_lowercase().matches("x-frame-options").count(), 1, "{}", answer.head);
        assert_eq!(answer.header("x-frame-options").as_deref(), Some(frame), "{preset:?} {over}");
        assert_eq!(answer.header("x-content-type-options").as_deref(), sniff, "{preset:?} {over}");
    }
    // A person's own edit goes before both.
    spec.hosts[0].traffic.response_headers = Some(vec![set("X-Frame-Options", "MINE")]);
    proxy.publish(config(&spec));
    let answer = Client::of(&proxy).get("/");
    assert_eq!(answer.header("x-frame-options").as_deref(), Some("MINE"));
    // Pages of ours have them too, once.
    let answer = talk(&proxy, "TRACE / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    assert!(status(&answer) == 405, "{answer}");
}

#[test]
fn a_request_is_named_by_us_or_by_the_trusted_proxy_in_front() {
    let origin = Origin::mirror();
    let ask = |proxy: &proxy::Proxy, id: &str| {
        let mut client = Client::of(proxy);
        client
            .send(format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Trace: {id}\r\nX-Request-Id: forged\r\n\r\n"));
        client.answer().unwrap()
    };
    let ids = |take_over, answer| RequestIds { header: "X-Trace".to_owned(), take_over, answer };
    for (trusted, ids, sent, taken) in [
        (true, ids(true, true), "abc-1.2:3", true),
        (true, ids(false, true), "abc", false),
        (false, ids(true, true), "abc", false),
        (true, ids(true, true), "a b", false),
        (true, ids(true, true), &"x".repeat(129), false),
        (true, ids(true, true), "<script>", false),
    ] {
        let mut spec = if trusted { trusting(&origin) } else { spec_for(&origin) };
        spec.hosts[0].traffic.request_id = Some(ids);
        let proxy = start(&spec, quick(), LogSettings::default());
        let mut log = proxy.watch_log();
        let answer = ask(&proxy, sent);
        let id = answer.header("x-trace").unwrap();
        assert_eq!(id == sent, taken, "{sent} {id}");
        // The log is searched by what the client was told.
        let mut entry = None;
        eventually("the entry", || {
            entry = log.try_recv().ok();
            entry.is_some()
        });
        let entry = entry.unwrap();
        assert_eq!(entry.taken_id.as_deref(), Some(sent).filter(|_| taken));
        assert!(taken || entry.request_id.to_string() == id);
        let seen = answer.text();
        assert!(seen.contains(&format!("x-trace: {id}\r\n")) && !seen.contains("forged"), "{seen}");
        assert_eq!(seen.to_lowercase().matches("x-trace").count(), 1, "{seen}");
        assert!(!seen.contains("X-Request-Id"), "{seen}");
    }
    let mut spec = spec_for(&origin);
    let none = RequestIds { header: String::new(), take_over: false, answer: false };
    spec.hosts[0].traffic.request_id = Some(none.clone());
    let proxy = start(&spec, quick(), LogSettings::default());
    let answer = ask(&proxy, "abc");
    assert!(
        answer.text().contains("X-Trace: abc") && !answer.text().contains("X-Request-Id"),
        "{}",
        answer.text()
    );
    spec.hosts[0].traffic.request_id = Some(RequestIds { take_over: true, ..none });
    assert_eq!(spec.hosts[0].traffic.check().unwrap_err().field, "request_id.header");
}
