//! Answers of our own: maintenance, pages of one's own, body limits, held-back bodies, hosts that cannot be
//! served, and in which language of machines they speak.

use crate::http2::{fetch, http2, run};
use crate::kit::*;
use proxy::LogSettings;
use proxy::spec::{ErrorPage, ErrorPages, Host, Maintenance, Spec};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

fn page(statuses: &str, html: &str) -> ErrorPage {
    ErrorPage { statuses: base::StatusSet::parse(statuses).unwrap(), html: html.to_owned() }
}

fn accepting(proxy: &proxy::Proxy, accept: &str) -> Answer {
    let mut client = Client::of(proxy);
    client.send(format!("GET /x HTTP/1.1\r\nHost: a.test\r\nAccept: {accept}\r\n\r\n"));
    client.answer().unwrap()
}

#[test]
fn maintenance_answers_everybody_but_those_who_work_on_it() {
    let origin = Origin::ok();
    let mut spec = spec_for(&origin);
    let mut maintenance = Maintenance { message: "Back at <noon>.".to_owned(), ..Maintenance::default() };
    spec.hosts[0].traffic.maintenance = Some(maintenance.clone());
    let proxy = start(&spec, quick(), LogSettings::default());
    let answer = Client::of(&proxy).get("/");
    assert_eq!((answer.status(), answer.header("retry-after").as_deref()), (503, Some("300")));
    assert!(answer.text().contains("Back at &lt;noon&gt;.") && answer.text().contains("503"));
    assert_eq!(answer.header("cache-control").as_deref(), Some("no-store"));
    let json = accepting(&proxy, "application/json").text();
    assert!(json.contains("\"detail\":\"Back at <noon>.\""), "{json}");

    maintenance.html = Some("<h1>{status} {reason} {host}</h1><img src=x>".to_owned());
    maintenance.retry_after = 0;
    spec.hosts[0].traffic.maintenance = Some(maintenance.clone());
    proxy.publish(config(&spec));
    let answer = Client::of(&proxy).get("/");
    assert_eq!(answer.text(), "<h1>503 Back at &lt;noon&gt;. a.test</h1><img src=x>");
    assert_eq!((answer.header("retry-after"), answer.header("content-security-policy")), (None, None));

    maintenance.bypass = vec!["127.0.0.0/8".parse().unwrap()];
    spec.hosts[0].traffic.maintenance = Some(maintenance.clone());
    proxy.publish(config(&spec));
    assert_eq!(Client::of(&proxy).get("/").text(), "ok");

    maintenance.bypass.clear();
    maintenance.enabled = false;
    spec.hosts[0].traffic.maintenance = Some(maintenance);
    proxy.publish(config(&spec));
    assert_eq!(Client::of(&proxy).get("/").text(), "ok");
}

#[test]
fn pages_of_ones_own_stand_for_our_errors_and_by_choice_for_the_origins() {
    let status = Arc::new(AtomicU16::new(500));
    let told = status.clone();
    let origin = Origin::answering(move |_, _| {
        let status = told.load(Ordering::SeqCst);
        format!("HTTP/1.1 {status} X\r\nContent-Length: 6\r\nRetry-After: 9\r\n\r\norigin").into_bytes()
    });
    let mut spec = spec_for(&origin);
    let pages = vec![
        page("404", "<p>none</p>"),
        page("503", "<p>busy {request_id}</p>"),
        page("500-599", "<p>{status}</p>"),
    ];
    spec.hosts[0].traffic.error_pages = Some(ErrorPages { pages: pages.clone(), replace_origin: false });
    let proxy = start(&spec, quick(), LogSettings::default());
    assert_eq!(Client::of(&proxy).get("/").text(), "origin");
    spec.hosts[0].traffic.error_pages = Some(ErrorPages { pages, replace_origin: true });
    proxy.publish(config(&spec));
    let mut client = Client::of(&proxy);
    let before = origin.connections();
    for (code, expected) in [(500, "<p>500</p>"), (404, "origin"), (502, "<p>502</p>"), (200, "origin")] {
        status.store(code, Ordering::SeqCst);
        let answer = client.get("/");
        assert_eq!((answer.status(), answer.text().as_str()), (code, expected));
    }
    status.store(503, Ordering::SeqCst);
    let answer = client.get("/");
    let id = answer.header("x-request-id").unwrap();
    assert_eq!(
        (answer.text(), answer.header("retry-after").as_deref()),
        (format!("<p>busy {id}</p>"), Some("9"))
    );
    // What the origin wrote was read, so its connection went on.
    assert!(origin.connections() <= before + 1, "{} connections", origin.connections());
    // Programs get the origin's own words.
    assert_eq!(accepting(&proxy, "application/json").text(), "origin");
    client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 503"));
    assert_eq!(client.get("/").status(), 503);
}

#[test]
fn our_answers_are_html_json_or_text_by_what_is_asked_for() {
    let origin = Origin::scripted(|wire, _| drop(wire.head()));
    let proxy = proxy_for(&origin);
    for (accept, media) in [
        ("*/*", "text/html"),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json", "application/problem+json"),
        ("application/vnd.api+json, text/html", "application/problem+json"),
        ("text/plain", "text/plain"),
        ("image/avif,image/webp", "text/html"),
        ("application/json;q=0, text/plain", "text/plain"),
    ] {
        let answer = accepting(&proxy, accept);
        let (kind, id) = (answer.header("content-type").unwrap(), answer.header("x-request-id").unwrap());
        assert!(kind.starts_with(media) && answer.text().contains(&id), "{accept}: {kind}");
        assert_eq!(answer.status(), 502);
    }
    let problem = accepting(&proxy, "application/json").text();
    for part in
        ["\"status\":502", "\"title\":\"Bad Gateway\"", "\"fault\":\"upstream\"", "\"phase\":\"forward\""]
    {
        assert!(problem.contains(part), "{problem}");
    }
}

#[test]
fn a_body_above_the_limit_is_refused_at_once_or_where_it_grows_too_large() {
    let origin = Origin::mirror();
    let mut spec = spec_for(&origin);
    spec.hosts[0].traffic.max_body = Some(10);
    let mut free = location("/free", origin.address);
    free.traffic.max_body = Some(0);
    spec.hosts[0].locations = vec![free];
    let proxy = start(&spec, quick(), LogSettings::default());
    let post = |path: &str, rest: &str| {
        status(&talk(&proxy, format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n{rest}")))
    };
    assert_eq!(post("/", "Content-Length: 11\r\n\r\n"), 413);
    // Nobody is asked to send what will be refused.
    assert_eq!(post("/", "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n"), 413);
    assert_eq!(origin.seen(), "");
    assert_eq!(post("/", "Content-Length: 10\r\n\r\n0123456789"), 200);
    assert_eq!(post("/", "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"), 200);
    // Framing does not count: ten chunks of one byte are ten bytes.
    let tiny = "1\r\nx\r\n".repeat(10);
    assert_eq!(post("/", &format!("Transfer-Encoding: chunked\r\n\r\n{tiny}0\r\n\r\n")), 200);
    assert_eq!(post("/", "Transfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n"), 413);
    assert_eq!(post("/", "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n"), 413);
    assert_eq!(post("/free", "Content-Length: 11\r\n\r\nabcdefghijk"), 200);
    assert!(!origin.seen().contains("567890"));
}

#[test]
fn a_body_is_held_back_until_it_is_whole_or_the_limit_is_reached() {
    let origin = Origin::answering(|_, body| sized(body));
    let mut spec = spec_for(&origin);
    spec.hosts[0].traffic.buffer_body = Some(100_000);
    let proxy = start(&spec, quick(), LogSettings::default());
    let mut client = Client::of(&proxy);
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\n01234");
    eventually("the half body is read", || proxy.stats().in_flight > 0);
    assert_eq!(origin.connections(), 0, "the origin was asked too early");
    client.send("56789");
    assert_eq!(client.answer().unwrap().text(), "0123456789");
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    client.send("3\r\ndef\r\n0\r\n\r\n");
    assert_eq!(client.answer().unwrap().text(), "abcdef");
    let large = vec![b'x'; 500_000];
    client.send(
        [
            format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", large.len()).as_bytes(),
            &large,
        ]
        .concat(),
    );
    assert_eq!(client.answer().unwrap().body, large);
    // A client that waits to be told to go on is told by the origin.
    let waiting = Origin::scripted(|wire, _| {
        let head = wire.head().unwrap();
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        let body = wire.body(&head);
        wire.send(&sized(&body));
    });
    let mut spec = spec_for(&waiting);
    spec.hosts[0].traffic.buffer_body = Some(100_000);
    let proxy = start(&spec, quick(), LogSettings::default());
    let mut client = Client::of(&proxy);
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 100"));
    client.send("hi");
    assert_eq!(client.answer().unwrap().text(), "hi");
}

#[test]
fn a_host_that_cannot_be_served_says_so_instead_of_being_unknown() {
    let origin = Origin::ok();
    let mut spec = spec_for(&origin);
    let domains = vec![base::DomainPattern::parse("b.test").unwrap()];
    let reason = "This host asks for a login that is <not> available.";
    spec.hosts.push(Host::unavailable("id-b", "b", domains, reason));
    let proxy = start(&spec, quick(), LogSettings::default());
    let answer =
        talk(&proxy, "GET / HTTP/1.1\r\nHost: B.test\r\nAccept: text/plain\r\nConnection: close\r\n\r\n");
    assert!(status(&answer) == 503 && answer.contains(reason), "{answer}");
    assert_eq!(status(&talk(&proxy, "GET / HTTP/1.1\r\nHost: c.test\r\nConnection: close\r\n\r\n")), 404);
    assert_eq!(proxy.config().host_ids().collect::<Vec<_>>(), ["id-a.test"]);
    let text = serde_json::to_string(&spec).unwrap();
    assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), spec);
}

#[test]
fn limits_and_held_bodies_hold_on_http_2_too() {
    let origin = Origin::answering(|_, body| sized(body));
    let mut spec = spec_for(&origin);
    spec.certificates = vec![certificate("c", &["a.test"])];
    spec.hosts[0].traffic.max_body = Some(100_000);
    spec.hosts[0].traffic.buffer_body = Some(50_000);
    let proxy = start(&spec, quick(), LogSettings::default());
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        for (size, status) in [(10, 200), (40_000, 200), (90_000, 200), (100_000, 200), (100_001, 413)] {
            // Without a length, so that it shows only as it comes; and with one.
            for told in [false, true] {
                let mut request = http::Request::post("https://a.test/");
                if told {
                    request = request.header("content-length", size);
                }
                let body = vec![b'x'; size];
                let sent = fetch(&mut sender, request.body(()).unwrap(), Some((&body, None))).await;
                let (head, answer, _) = sent.unwrap();
                assert_eq!(head.status.as_u16(), status, "{size} {told}");
                assert!(status != 200 || answer == body, "{size} {told}");
            }
        }
    });
}
