//! What origins answer, well and badly (acceptance A12, A21-A24, G5, G6).

use crate::kit::*;
use base::{Clock, SystemClock};
use proxy::{Fault, Limits, LogSettings};
use std::time::Duration;

#[test]
fn bad_answers_become_502_and_no_byte_of_them_reaches_the_client() {
    let huge = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "canary".repeat(200_000));
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\ncanary",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\ncanary",
        "HTTP/1.1 200 OK\r\nContent-Length: 6x\r\n\r\ncanary",
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\ncanary",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\ncanary",
        "HTTP/1.1 abc canary\r\n\r\n",
        "HTTP/1.1 1000 canary\r\n\r\n",
        "SSH-2.0-canary\r\n",
        "HTTP/1.1 200 OK\r\nX: can\0ary\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: canary\rY: z\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: canary",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: canary\r\n\r\n",
        &huge,
    ] {
        let bytes = answer.as_bytes().to_vec();
        let origin = Origin::scripted(move |wire, _| {
            wire.head();
            wire.send(&bytes);
        });
        let proxy = proxy_for(&origin);
        let mut live = proxy.watch_log();
        let mut client = Client::of(&proxy);
        let got = client.get("/");
        assert_eq!(got.status(), 502, "{}", &answer[..answer.len().min(60)]);
        assert!(!got.text().contains("canary") && !got.head.contains("canary"));
        assert!(got.text().contains("The server behind this site is at fault"));
        let entry = live.blocking_recv().unwrap();
        assert_eq!(entry.fault, Fault::Upstream);
        assert!(got.text().contains(&entry.request_id.to_string()));
        assert_eq!(got.header("x-request-id"), Some(entry.request_id.to_string()));
        assert_eq!(proxy.stats().upstream_errors, 1);
    }
}

#[test]
fn bytes_behind_an_answer_are_never_given_to_anybody() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nstale",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nstale",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nstale",
    ] {
        let origin = Origin::scripted(move |wire, _| {
            wire.head();
            wire.send(answer.as_bytes());
            wire.drain();
        });
        let proxy = proxy_for(&origin);
        for round in 1..=3 {
            let got = Client::of(&proxy).get("/");
            assert!(!got.text().contains("stale"), "{answer}");
            assert_eq!(origin.connections(), round);
        }
    }
}

#[test]
fn bytes_that_come_late_are_never_given_to_the_next_request() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (done, sent) = std::sync::mpsc::channel::<()>();
    let (wait, done) = (std::sync::Mutex::new(wait), std::sync::Mutex::new(done));
    let origin = Origin::scripted(move |wire, number| {
        while wire.head().is_some() {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            if number == 0 {
                wait.lock().unwrap().recv().unwrap();
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale");
                done.lock().unwrap().send(()).unwrap();
            }
        }
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    assert_eq!(client.get("/").text(), "ok");
    go.send(()).unwrap();
    sent.recv().unwrap();
    eventually("another connection", || {
        let answer = client.get("/");
        assert_eq!(answer.text(), "ok");
        origin.connections() == 2
    });
}

#[test]
fn a_body_behind_the_answer_to_head_is_never_given_to_anybody() {
    let origin = Origin::scripted(|wire, _| {
        let head = wire.head().unwrap();
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale");
        if head.starts_with("HEAD") {
            wire.drain();
        }
    });
    let proxy = proxy_for(&origin);
    for _ in 0..3 {
        let mut client = Client::of(&proxy);
        client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert!(client.head().unwrap().starts_with("HTTP/1.1 200 OK"));
        let answer = client.get("/");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "stale"));
    }
    assert_eq!(origin.connections(), 6);
}

#[test]
fn answers_to_head_have_a_length_and_no_body() {
    let origin = Origin::answering(|_, _| b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".to_vec());
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    for _ in 0..2 {
        client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let head = client.head().unwrap();
        assert_eq!(header(&head, "content-length").as_deref(), Some("1000"));
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_cut_answer_is_a_cut_answer_for_the_client_too() {
    for (answer, reset) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzzz\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", true),
    ] {
        let origin = Origin::scripted(move |wire, _| {
            wire.head();
            wire.send(answer.as_bytes());
            if reset {
                // Only once the bytes are read may they be followed by a reset.
                std::thread::park_timeout(Duration::from_millis(50));
                wire.reset();
            }
        });
        let proxy = proxy_for(&origin);
        let mut live = proxy.watch_log();
        let mut client = Client::of(&proxy);
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        let got = client.answer();
        assert!(got.is_none_or(|got| !got.whole), "{answer}");
        let entry = live.blocking_recv().unwrap();
        assert_eq!((entry.status, entry.fault), (200, Fault::Upstream));
    }
}

#[test]
fn a_cut_answer_whose_end_is_the_end_of_the_connection_is_a_reset() {
    let origin = Origin::scripted(|wire, _| {
        wire.head();
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    let error = std::io::Read::read_to_end(&mut client.stream, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn an_answer_that_ends_with_its_connection_is_passed_on_the_same_way() {
    let origin = Origin::scripted(|wire, _| {
        wire.head();
        wire.send(b"HTTP/1.1 200 OK\r\n\r\nuntil the end");
    });
    let proxy = proxy_for(&origin);
    let answer = Client::of(&proxy).get("/");
    assert_eq!(
        (answer.text().as_str(), answer.header("connection").as_deref()),
        ("until the end", Some("close"))
    );
}

#[test]
fn interim_answers_go_on_and_floods_of_them_are_cut() {
    let origin = Origin::scripted(|wire, _| {
        while let Some(head) = wire.head() {
            let early = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
            let count = if head.contains("/flood") { 2000 } else { 1 };
            wire.send(early.repeat(count).as_bytes());
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a.css>"));
    assert_eq!(client.answer().unwrap().text(), "ok");
    client.send("GET /flood HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let last = loop {
        let answer = client.answer().unwrap();
        if answer.status() != 103 {
            break answer;
        }
    };
    assert_eq!(last.status(), 502);
    let answer = talk(&proxy, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert!(!answer.contains("103") && answer.ends_with("ok"), "{answer}");
}

#[test]
fn an_origin_that_is_down_is_a_502_at_once_and_one_that_comes_back_serves() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let spec = proxy::spec::Spec { hosts: vec![host("a.test", address)], ..Default::default() };
    let proxy = start(&spec, quick(), LogSettings::default());
    let mut client = Client::of(&proxy);
    let before = SystemClock.monotonic();
    assert_eq!(client.get("/").status(), 502);
    assert!(SystemClock.monotonic() - before < Duration::from_millis(500));
    let listener = std::net::TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        std::io::Read::read_to_end(&mut stream, &mut Vec::new()).unwrap();
    });
    assert_eq!(client.get("/").status(), 200);
}

#[test]
fn an_origin_that_hangs_is_a_504_in_time() {
    let origin = Origin::scripted(|wire, _| wire.drain());
    let limits = Limits { response: Duration::from_millis(200), ..quick() };
    let proxy = start(&spec_for(&origin), limits, LogSettings::default());
    let mut live = proxy.watch_log();
    let mut client = Client::of(&proxy);
    let answer = client.get("/");
    assert_eq!((answer.status(), answer.header("cache-control").as_deref()), (504, Some("no-store")));
    let entry = live.blocking_recv().unwrap();
    assert_eq!(entry.stop.as_ref().unwrap().phase, "forward");
    assert_eq!(entry.upstream, Some(origin.address));
}

#[test]
fn when_the_client_leaves_the_origin_is_left_too() {
    let (left, noticed) = std::sync::mpsc::channel();
    let left = std::sync::Mutex::new(left);
    let origin = Origin::scripted(move |wire, _| {
        wire.head();
        wire.drain();
        left.lock().unwrap().send(()).unwrap();
    });
    let proxy = proxy_for(&origin);
    let mut live = proxy.watch_log();
    let mut client = Client::of(&proxy);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    eventually("the request is at the origin", || origin.seen().contains("GET / "));
    drop(client);
    noticed.recv_timeout(PATIENCE).unwrap();
    let entry = live.blocking_recv().unwrap();
    assert_eq!((entry.status, entry.fault), (0, Fault::Client));
    eventually("nothing is in flight", || proxy.stats().in_flight == 0 && proxy.stats().connections == 0);
}

#[test]
fn a_kept_connection_that_has_ended_costs_no_request_and_no_post_runs_twice() {
    // Answers one request per connection and then closes without having said so.
    let origin = Origin::scripted(|wire, _| {
        if let Some(head) = wire.head() {
            let body = wire.body(&head);
            wire.send(&sized(&body));
        }
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    for round in 0..50 {
        client.send(format!("POST /{round} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody"));
        assert_eq!(client.answer().unwrap().status(), 200, "{round}");
        assert_eq!(client.get("/").status(), 200, "{round}");
    }
    for round in 0..50 {
        assert_eq!(origin.seen().matches(&format!("POST /{round} ")).count(), 1);
    }
}

#[test]
fn a_get_is_repeated_when_a_kept_connection_ends_under_it_and_a_post_is_not() {
    let origin = Origin::scripted(|wire, number| {
        while let Some(head) = wire.head() {
            let body = wire.body(&head);
            // The first connection takes a second request, and ends without a word.
            if number == 0 && head.contains("/second") {
                return;
            }
            wire.send(&sized(&body));
        }
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    assert_eq!(client.get("/first").status(), 200);
    assert_eq!(client.get("/second").status(), 200);
    assert_eq!(origin.seen().matches("GET /second").count(), 2);

    let origin = Origin::scripted(|wire, _| {
        while let Some(head) = wire.head() {
            wire.body(&head);
            if head.contains("/second") {
                return;
            }
            wire.send(&sized(b"ok"));
        }
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    earn_trust(&mut client);
    client.send("POST /second HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.answer().unwrap().status(), 502);
    assert_eq!((origin.seen().matches("POST /second").count(), origin.connections()), (1, 1));
}

/// An origin that speaks TLS with a certificate of its own making.
fn tls_origin() -> std::net::SocketAddr {
    use rustls::pki_types::pem::PemObject;
    use std::io::{Read, Write};
    let made = certificate("o", &["localhost"]);
    let chain = vec![rustls::pki_types::CertificateDer::from_pem_slice(made.chain_pem.as_bytes()).unwrap()];
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(made.key_pem.as_bytes()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let server = std::sync::Arc::new(server);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(server.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
            std::thread::spawn(move || {
                let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
                loop {
                    match stream.read(&mut buffer) {
                        Ok(count) if count > 0 => seen.extend_from_slice(&buffer[..count]),
                        _ => return,
                    }
                    if seen.ends_with(b"\r\n\r\n") {
                        let large = vec![b'x'; 200_000];
                        stream.write_all(&sized(&large)).unwrap();
                        seen.clear();
                    }
                }
            });
        }
    });
    address
}

#[test]
fn an_origin_with_tls_is_verified_unless_the_host_says_otherwise() {
    let address = tls_origin();
    let mut careless = host("a.test", address);
    careless.upstream.servers[0].scheme = proxy::spec::Scheme::Https;
    // A name with several addresses: all are tried.
    let name = format!("localhost:{}", address.port());
    careless.upstream.servers[0].address = base::UpstreamAddress::parse(&name).unwrap();
    let mut careful = host("b.test", address);
    careful.upstream = careless.upstream.clone();
    careless.upstream.tls.verify = false;
    let spec = proxy::spec::Spec { hosts: vec![careless, careful], ..Default::default() };
    let proxy = start(&spec, quick(), LogSettings::default());
    let mut client = Client::of(&proxy);
    for _ in 0..3 {
        let answer = client.get("/");
        assert_eq!((answer.status(), answer.body.len()), (200, 200_000));
    }
    client.send("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
    let answer = client.answer().unwrap();
    assert_eq!(answer.status(), 502);
    assert!(answer.text().contains("issuer that is not trusted"), "{}", answer.text());
}
