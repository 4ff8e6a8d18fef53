//! CrowdSec's AppSec: what it is told of a request, and what becomes of its answers and of its silence. What answers
//! here is a stand-in that follows AppSec's protocol; it judges by a few words.

use crate::http2::{fetch, http2};
use crate::kit::*;
use base::Secret;
use proxy::{AppSec, AppSecCounts, AppSecNumbers, AppSecSettings, CaptchaDesk, LogSettings, Proxy};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

fn verdict(status: u16, action: &str) -> Vec<u8> {
    let body = format!(r#"{{"action":"{action}","http_status":{status}}}"#);
    let status = if action == "allow" { 200 } else { 403 };
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The stand-in. Keeps connections, as AppSec does.
fn judge(head: &str, body: &[u8]) -> Vec<u8> {
    let field = |name: &str| {
        let name = format!("X-Crowdsec-Appsec-{name}: ");
        head.lines().find_map(|line| line.strip_prefix(&name)).map(str::to_owned)
    };
    if field("Api-Key").as_deref() != Some("key") {
        return b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n".to_vec();
    }
    let (Some(_), Some(uri), Some(_)) = (field("Ip"), field("Uri"), field("Verb")) else {
        return b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".to_vec();
    };
    match uri.as_str() {
        "/.env" => verdict(403, "ban"),
        "/odd" => verdict(418, "teapot"),
        "/cap" => verdict(403, "captcha"),
        "/page" => sized(b"<html>"),
        _ if body.windows(4).any(|window| window == b"EVIL") => verdict(403, "ban"),
        _ => verdict(200, "allow"),
    }
}

fn settings(address: SocketAddr) -> AppSecSettings {
    AppSecSettings {
        addresses: vec![address],
        authority: "appsec.test:7422".to_owned(),
        path: "/".to_owned(),
        key: Secret::new("key".to_owned()),
        // As long as a busy machine may take.
        limit: Duration::from_secs(20),
        largest_body: 1_000,
        refuse_on_failure: false,
        refuse_large_bodies: false,
        grace: Duration::from_secs(60),
        exempt: Vec::new(),
    }
}

fn judged(proxy: &Proxy, settings: AppSecSettings) -> Arc<AppSecCounts> {
    let counts = Arc::<AppSecCounts>::default();
    proxy.judge_by(Some(Arc::new(AppSec::new(
        settings,
        counts.clone(),
        Arc::new(CaptchaDesk::new(&[7; 32])),
    ))));
    counts
}

fn post(length: usize, body: &str) -> String {
    format!("POST /form?a=1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[test]
fn it_is_told_of_each_request_and_its_verdict_is_carried_out() {
    let origin = Origin::mirror();
    let appsec = Origin::answering(judge);
    let proxy = proxy_for(&origin);
    let counts = judged(&proxy, settings(appsec.address));
    let mut client = Client::of(&proxy);
    client.send(
        "GET /a?b=%2e HTTP/1.1\r\nHost: a.test\r\nUser-Agent: curl\r\nCookie: c=1\r\nX-Own: yes\r\n\
         X-Crowdsec-Appsec-Ip: 9.9.9.9\r\nX-CROWDSEC-APPSEC-Api-Key: stolen\r\n\r\n",
    );
    let answer = client.answer().unwrap();
    assert_eq!(answer.status(), 200);
    let id = answer.header("x-request-id");
    let seen = appsec.seen();
    for line in [
        "GET / HTTP/1.1",
        "Host: appsec.test:7422",
        "User-Agent: curl",
        "Cookie: c=1",
        "X-Own: yes",
        "X-Crowdsec-Appsec-Ip: 127.0.0.1",
        "X-Crowdsec-Appsec-Uri: /a?b=%2e",
        "X-Crowdsec-Appsec-Verb: GET",
        "X-Crowdsec-Appsec-Host: a.test",
        "X-Crowdsec-Appsec-User-Agent: curl",
        "X-Crowdsec-Appsec-Api-Key: key",
        "X-Crowdsec-Appsec-Http-Version: 11",
    ] {
        assert!(seen.lines().any(|found| found == line), "{line} is missing in {seen}");
    }
    assert!(!seen.contains("9.9.9.9") && !seen.contains("stolen"), "{seen}");
    assert!(seen.contains("X-Crowdsec-Appsec-Transaction-Id: "), "{seen}");
    if let Some(id) = id {
        assert!(seen.contains(&id), "{seen}");
    }

    let refused = client.get("/.env");
    assert_eq!(refused.status(), 403);
    assert!(refused.text().contains("looks like an attack"), "{}", refused.text());
    assert_eq!(client.get("/odd").status(), 418);
    let challenge = client.get("/cap");
    assert_eq!(challenge.status(), 403);
    assert!(!origin.seen().contains("/.env") && !origin.seen().contains("/odd"), "{}", origin.seen());

    // Bodies go along and then on; what is too long or has no length is judged by its head.
    client.send(post(9, "some text"));
    assert!(client.answer().unwrap().text().ends_with("some text"));
    client.send(post(9, "some EVIL"));
    assert_eq!(client.answer().unwrap().status(), 403);
    let long = format!("EVIL{}", "x".repeat(1_000));
    client.send(post(long.len(), &long));
    assert!(client.answer().unwrap().text().ends_with(&long));
    client
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n");
    assert!(client.answer().unwrap().text().ends_with("EVIL"));
    client.send(
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/grpc\r\nContent-Length: 4\r\n\r\nEVIL",
    );
    assert_eq!(client.answer().unwrap().status(), 200);
    assert_eq!(
        counts.numbers(),
        AppSecNumbers { allowed: 5, banned: 3, challenged: 1, without_body: 3, ..AppSecNumbers::default() }
    );
    assert_eq!(appsec.connections(), 1, "connections are kept");
    let blocked = proxy.stats().blocked;
    assert_eq!(blocked.get(&("appsec", "appsec/ban".to_owned())), Some(&2), "{blocked:?}");

    let strict = AppSecSettings { refuse_large_bodies: true, ..settings(appsec.address) };
    let counts = judged(&proxy, strict);
    let mut client = Client::of(&proxy);
    client.send(post(long.len(), &long));
    assert_eq!(client.answer().unwrap().status(), 413);
    assert_eq!(counts.numbers().too_large, 1);

    // A host that is let out, and nobody.
    let seen = appsec.seen().len();
    judged(&proxy, AppSecSettings { exempt: vec!["id-a.test".to_owned()], ..settings(appsec.address) });
    assert_eq!(Client::of(&proxy).get("/.env").status(), 200);
    proxy.judge_by(None);
    assert_eq!(Client::of(&proxy).get("/.env").status(), 200);
    assert_eq!(appsec.seen().len(), seen, "it was not asked");
}

#[test]
fn streams_of_http2_are_judged_too() {
    let origin = Origin::mirror();
    let appsec = Origin::answering(judge);
    let mut spec = spec_for(&origin);
    spec.certificates = vec![certificate("c", &["a.test"])];
    spec.hosts[0].certificate = Some("c".to_owned());
    let proxy = start(&spec, quick(), LogSettings::default());
    judged(&proxy, settings(appsec.address));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut sender = http2(&proxy, "a.test").await;
        let post = |path: &str| {
            let request = http::Request::post(format!("https://a.test{path}"));
            request.header("content-length", "4").body(()).unwrap()
        };
        for (path, body, status) in
            [("/.env", b"good", 403), ("/fine", b"EVIL", 403), ("/fine", b"good", 200)]
        {
            let (head, answer, _) = fetch(&mut sender, post(path), Some((body, None))).await.unwrap();
            assert_eq!(head.status, status, "{path}");
            assert!(status != 200 || answer.ends_with(body), "{path}");
        }
    });
    assert!(appsec.seen().contains("X-Crowdsec-Appsec-Http-Version: 20"));
}

#[test]
fn what_does_not_answer_as_it_should_costs_nothing_soon_and_what_then_holds_is_set() {
    let origin = Origin::mirror();
    let proxy = proxy_for(&origin);
    // Nobody listens: three requests find that out, the rest do not ask.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let counts = judged(&proxy, settings(address));
    let mut client = Client::of(&proxy);
    for _ in 0..20 {
        assert_eq!(client.get("/.env").status(), 200, "it is let pass, as is set");
    }
    let numbers = counts.numbers();
    assert_eq!(numbers.failed + numbers.skipped, 20);
    assert!(numbers.failed >= 3 && numbers.skipped > 0, "{numbers:?}");
    let (_, why) = proxy.appsec().unwrap().failing().unwrap();
    assert!(why.contains("refused"), "{why}");
    let counts = judged(&proxy, AppSecSettings { refuse_on_failure: true, ..settings(address) });
    assert_eq!(client.get("/").status(), 503);
    // The body of a refused request is not mistaken for the next one.
    client.send(post(9, "some text"));
    assert_eq!(client.answer().unwrap().status(), 503);
    assert!(counts.numbers().failed > 0);

    // It comes to life, and is found within a second or so.
    let appsec = Origin::on(TcpListener::bind(address).unwrap(), |wire, _| {
        while let Some(head) = wire.head() {
            let body = wire.body(&head);
            wire.send(&judge(&head, &body));
        }
    });
    eventually("it is asked again", || Client::of(&proxy).get("/").status() == 200);
    assert!(proxy.appsec().unwrap().failing().is_none() && appsec.connections() > 0);

    // A wrong key, a page, and silence.
    let wrong = AppSecSettings { key: Secret::new("other".to_owned()), ..settings(appsec.address) };
    judged(&proxy, wrong);
    assert_eq!(client_get(&proxy, "/.env"), 200);
    assert!(proxy.appsec().unwrap().failing().unwrap().1.contains("401"));
    judged(&proxy, settings(appsec.address));
    assert_eq!(client_get(&proxy, "/page"), 200);
    assert!(proxy.appsec().unwrap().failing().unwrap().1.contains("something else than a verdict"));
    let silent = Origin::scripted(|wire, _| wire.drain());
    judged(&proxy, AppSecSettings { limit: Duration::from_millis(50), ..settings(silent.address) });
    assert_eq!(client_get(&proxy, "/.env"), 200);
    assert!(proxy.appsec().unwrap().failing().unwrap().1.contains("within 50 ms"));
}

fn client_get(proxy: &Proxy, path: &str) -> u16 {
    Client::of(proxy).get(path).status()
}
