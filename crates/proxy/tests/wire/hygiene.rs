//! What a client may say about itself, and what an origin gets to hear (acceptance B1, B2, B3, B5).

use crate::kit::*;
use proxy::LogSettings;
use proxy::spec::{HeaderEdit, Spec};

const SPOOF: &str = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n\
    X-Forwarded-Port: 1\r\nX-Forwarded-User: root\r\nX-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\n\
    X_Forwarded_For: 6.6.6.6\r\nRemote_User: root\r\nProxy: http://evil\r\nX-Request-Id: forged\r\n";

#[test]
fn claims_of_an_untrusted_client_are_replaced() {
    let origin = Origin::mirror();
    let proxy = proxy_for(&origin);
    let head = talk(&proxy, format!("GET / HTTP/1.1\r\nHost: a.test:81\r\n{SPOOF}Connection: close\r\n\r\n"));
    for (name, expected) in [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "a.test:81"),
        ("X-Forwarded-Port", &proxy.http()[0].port().to_string()),
        ("X-Real-IP", "127.0.0.1"),
    ] {
        assert!(head.contains(&format!("{name}: {expected}\r\n")), "{name}: {head}");
        assert_eq!(
            head.to_lowercase().matches(&format!("{}:", name.to_lowercase())).count(),
            1,
            "{name}: {head}"
        );
    }
    for gone in ["6.6.6.6", "evil", "root", "Proxy:", "forged", "Forwarded: "] {
        assert!(!head.contains(gone), "{gone}: {head}");
    }
}

#[test]
fn claims_of_a_trusted_proxy_are_believed_from_the_right() {
    let origin = Origin::mirror();
    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
    let proxy = start(&Spec { trusted_proxies, ..spec_for(&origin) }, quick(), LogSettings::default());
    let mut live = proxy.watch_log();
    let head = talk(
        &proxy,
        "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.9\r\nX-Forwarded-Proto: https\r\n\
         X-Forwarded-Host: shop.test\r\nX_Forwarded_For: 6.6.6.6\r\nConnection: close\r\n\r\n",
    );
    for line in [
        "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.9, 127.0.0.1",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: shop.test",
        "X-Real-IP: 1.2.3.4",
    ] {
        assert!(head.contains(&format!("{line}\r\n")), "{line}: {head}");
    }
    assert!(!head.contains("X_"));
    let entry = live.blocking_recv().unwrap();
    assert_eq!((entry.client_ip.to_string().as_str(), entry.scheme), ("1.2.3.4", "https"));
}

#[test]
fn connection_strips_ordinary_headers_but_not_those_that_decide() {
    let origin = Origin::mirror();
    let proxy = proxy_for(&origin);
    let head = talk(
        &proxy,
        "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close, X-Hop, X-Forwarded-For, X-Real-IP, Host, Authorization, \
         Cookie\r\nX-Hop: 1\r\nTE: gzip\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nAuthorization: Basic eA==\r\n\
         Cookie: a=b\r\nX-End: 1\r\n\r\n",
    );
    for kept in [
        "X-Forwarded-For: 127.0.0.1",
        "X-Real-IP",
        "Host: a.test",
        "Authorization: Basic eA==",
        "Cookie: a=b",
        "X-End: 1",
    ] {
        assert!(head.contains(kept), "{kept}: {head}");
    }
    for gone in ["X-Hop", "TE:", "Keep-Alive", "Proxy-Connection", "Connection"] {
        assert!(!head.split("\r\n\r\n").nth(1).unwrap().contains(gone), "{gone}: {head}");
    }
}

#[test]
fn hop_by_hop_and_nominated_headers_of_answers_end_here() {
    let origin = Origin::answering(|_, _| {
        b"HTTP/1.1 200 Fine\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\nX-End: 1\r\n\
          Content-Length: 2\r\n\r\nok"
            .to_vec()
    });
    let proxy = proxy_for(&origin);
    let answer = Client::of(&proxy).get("/");
    assert!(answer.head.starts_with("HTTP/1.1 200 OK") && answer.header("x-end").is_some());
    for gone in ["x-hop", "keep-alive", "upgrade", "connection"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
}

#[test]
fn header_edits_are_made_both_ways() {
    let origin = Origin::answering(|head, _| {
        let body = head.as_bytes();
        [
            format!("HTTP/1.1 200 OK\r\nServer: x\r\nX-Old: 1\r\nContent-Length: {}\r\n\r\n", body.len())
                .as_bytes(),
            body,
        ]
        .concat()
    });
    let set = |name: &str, value: &str| HeaderEdit::Set { name: name.to_owned(), value: value.to_owned() };
    let mut spec = spec_for(&origin);
    spec.hosts[0].traffic.request_headers = Some(vec![
        set("X-Key", "k"),
        set("X-Forwarded-Proto", "https"),
        set("Host", "inner.test"),
        HeaderEdit::Remove { name: "accept-language".to_owned() },
    ]);
    spec.hosts[0].traffic.response_headers =
        Some(vec![set("X-Old", "2"), HeaderEdit::Remove { name: "Server".to_owned() }]);
    let proxy = start(&spec, quick(), LogSettings::default());
    let mut client = Client::of(&proxy);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nX-Key: forged\r\nAccept-Language: de\r\n\r\n");
    let answer = client.answer().unwrap();
    assert_eq!((answer.header("x-old").as_deref(), answer.header("server")), (Some("2"), None));
    let seen = answer.text();
    assert!(seen.contains("x-key: k\r\n") && seen.contains("Host: inner.test\r\n"), "{seen}");
    assert!(
        seen.contains("x-forwarded-proto: https\r\n") && seen.contains("X-Forwarded-Host: a.test\r\n"),
        "{seen}"
    );
    assert!(
        !seen.contains("forged") && !seen.contains("Accept-Language") && !seen.contains("Proto: http\r\n"),
        "{seen}"
    );
}

#[test]
fn the_origin_gets_the_path_that_was_decided_on() {
    let origin = Origin::mirror();
    let other = Origin::answering(|head, _| sized(format!("admin {head}").as_bytes()));
    let mut spec = spec_for(&origin);
    spec.hosts[0].locations = vec![location("/admin", other.address)];
    let proxy = start(&spec, quick(), LogSettings::default());
    for (path, admin, forwarded) in [
        ("/admin", true, "/admin"),
        ("/admin/x", true, "/admin/x"),
        ("/adminx", false, "/adminx"),
        ("/API", false, "/API"),
        ("/%61dmin/x", true, "/admin/x"),
        ("/x/../admin", true, "/admin"),
        ("/x/%2e%2E/admin", true, "/admin"),
        ("//admin", true, "//admin"),
        ("/admin%2fx", true, "/admin%2Fx"),
        ("/admin;x=1", true, "/admin;x=1"),
        ("/admin/../x", false, "/x"),
        ("/x?a=/../admin", false, "/x?a=/../admin"),
    ] {
        let answer = Client::of(&proxy).get(path).text();
        assert_eq!(answer.starts_with("admin "), admin, "{path}: {answer}");
        assert!(answer.contains(&format!("GET {forwarded} HTTP/1.1\r\n")), "{path}: {answer}");
    }
    for path in ["/x/..%2fadmin", "/x\\..\\admin", "/../admin", "/x/..;/admin", "/%00", "/%", "/x#admin"] {
        assert_eq!(
            status(&talk(&proxy, format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"))),
            400,
            "{path}"
        );
    }
}

#[test]
fn an_access_list_decides_on_the_client_and_not_on_what_it_claims() {
    let origin = Origin::mirror();
    let access = |allow, networks: &[&str]| {
        let networks = networks.iter().map(|text| text.parse().unwrap()).collect();
        let mut spec = spec_for(&origin);
        spec.hosts[0].access = Some(proxy::spec::Access { name: "home".to_owned(), allow, networks });
        spec
    };
    let claim = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: close\r\n\r\n";
    for (spec, status) in [
        (access(true, &["127.0.0.0/8"]), "200"),
        (access(true, &["10.0.0.0/8"]), "403"),
        (access(true, &[]), "403"),
        (access(false, &["127.0.0.1/32"]), "403"),
        (access(false, &["10.0.0.0/8"]), "200"),
        // Behind a trusted proxy the client is whom that proxy names.
        (
            Spec { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..access(true, &["10.0.0.0/8"]) },
            "200",
        ),
    ] {
        let proxy = start(&spec, quick(), LogSettings::default());
        let mut live = proxy.watch_log();
        let head = talk(&proxy, claim);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{:?}: {head}", spec.hosts[0].access);
        let stop = live.blocking_recv().unwrap().stop.clone();
        assert_eq!(stop.and_then(|stop| stop.rule).as_deref(), (status == "403").then_some("home"));
    }
}
