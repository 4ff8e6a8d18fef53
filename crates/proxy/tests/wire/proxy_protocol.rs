//! PROXY protocol towards us: the client that a load balancer names is the client everywhere, and nobody else may
//! name one (acceptance B2).

use crate::http2::run;
use crate::kit::*;
use proxy::spec::{Access, Spec};
use proxy::{Cut, Limits, LogSettings, Proxy};
use std::time::Duration;

const LINE: &str = "PROXY TCP4 9.8.7.6 10.0.0.1 5555 8443\r\n";

fn behind(origin: &Origin, balancers: &[&str]) -> Proxy {
    start_behind(&spec_for(origin), quick(), LogSettings::default(), balancers)
}

fn refused(proxy: &Proxy) -> u64 {
    proxy.stats().cuts[&Cut::ProxyProtocol]
}

/// Version 2 for the same client, with a record behind the addresses.
fn version_2() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10".to_vec();
    header.extend([9, 8, 7, 6, 10, 0, 0, 1]);
    header.extend([0x15, 0xb3, 0x20, 0xfb, 4, 0, 1, 0]);
    header
}

#[test]
fn the_client_is_whom_a_trusted_load_balancer_names() {
    let origin = Origin::mirror();
    let proxy = behind(&origin, &["127.0.0.0/8"]);
    for header in [LINE.as_bytes().to_vec(), version_2()] {
        // In one piece with the request, and byte by byte.
        for single in [false, true] {
            let mut client = Client::of(&proxy);
            let bytes =
                [&header, b"GET /a HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n".as_slice()]
                    .concat();
            if single {
                bytes.chunks(1).for_each(|byte| client.send(byte));
            } else {
                client.send(&bytes);
            }
            let seen = client.answer().unwrap().text();
            for part in
                ["X-Forwarded-For: 9.8.7.6\r\n", "X-Real-IP: 9.8.7.6\r\n", "X-Forwarded-Port: 8443\r\n"]
            {
                assert!(seen.contains(part) && !seen.contains("1.1.1.1"), "{seen}");
            }
            // The next request on the connection has no header of its own.
            assert!(client.get("/b").text().contains("X-Real-IP: 9.8.7.6\r\n"));
        }
    }
    // The load balancer's own connections have its address.
    for own in ["PROXY UNKNOWN\r\n", "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let mut client = Client::of(&proxy);
        client.send(own);
        assert!(client.get("/").text().contains("X-Real-IP: 127.0.0.1\r\n"));
    }
    assert_eq!(refused(&proxy), 0);
}

#[test]
fn access_lists_decide_on_the_client_that_was_named() {
    let origin = Origin::ok();
    let mut spec = spec_for(&origin);
    let networks = vec!["9.8.7.6/32".parse().unwrap()];
    spec.hosts[0].access = Some(Access { name: "one".to_owned(), allow: true, networks });
    let proxy = start_behind(&spec, quick(), LogSettings::default(), &["127.0.0.0/8"]);
    for (line, expected) in
        [(LINE, 200), ("PROXY TCP4 9.8.7.7 10.0.0.1 5555 443\r\n", 403), ("PROXY UNKNOWN\r\n", 403)]
    {
        let mut client = Client::of(&proxy);
        client.send(line);
        assert_eq!(client.get("/").status(), expected, "{line}");
    }
    // A named client that is itself a trusted proxy is believed, as if it had connected itself.
    let trusting =
        Spec { trusted_proxies: vec!["9.8.7.6/32".parse().unwrap()], ..spec_for(&Origin::mirror()) };
    proxy.publish(config(&trusting));
    let mut client = Client::of(&proxy);
    client.send(format!("{LINE}GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 5.5.5.5\r\n\r\n"));
    assert!(client.answer().unwrap().text().contains("X-Real-IP: 5.5.5.5\r\n"));
}

#[test]
fn who_is_no_load_balancer_or_says_nothing_exact_is_refused_and_counted() {
    let origin = Origin::ok();
    let stranger = behind(&origin, &["10.0.0.0/8"]);
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert_eq!(talk(&stranger, format!("{LINE}{request}")), "");
    assert_eq!(talk(&stranger, request), "");
    eventually("both are counted", || refused(&stranger) == 2);
    let proxy = behind(&origin, &["127.0.0.0/8"]);
    let long = format!("PROXY TCP4 {}\r\n", "1".repeat(200));
    for bytes in
        [request, "PROXY TCP4 9.8.7.6 10.0.0.1 5555\r\n", "PROXY TCP4 9.8.7.6 10.0.0.1 5555 8443\n", &long]
    {
        assert_eq!(talk(&proxy, format!("{bytes}{request}")), "", "{bytes}");
    }
    let large = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".as_slice(), &[0; 9000]].concat();
    assert_eq!(talk(&proxy, large), "");
    eventually("all are counted", || refused(&proxy) == 5);
    // Without the option the bytes are no request.
    assert_eq!(status(&talk(&proxy_for(&origin), format!("{LINE}{request}"))), 505);
    assert_eq!(origin.seen(), "");
}

#[test]
fn a_header_that_does_not_come_in_time_ends_the_connection() {
    let origin = Origin::ok();
    let limits = Limits { head: Duration::from_millis(100), ..quick() };
    let proxy = start_behind(&spec_for(&origin), limits, LogSettings::default(), &["127.0.0.0/8"]);
    let mut client = Client::of(&proxy);
    client.send("PROXY TCP4 9.8.");
    assert_eq!(client.rest(), b"");
    assert_eq!(refused(&proxy), 1);
}

#[test]
fn the_header_comes_before_tls() {
    let origin = Origin::mirror();
    let mut spec = spec_for(&origin);
    spec.certificates = vec![certificate("c", &["a.test"])];
    let proxy = start_behind(&spec, quick(), LogSettings::default(), &["127.0.0.0/8"]);
    run(async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(proxy.https()[0]).await.unwrap();
        stream.write_all(LINE.as_bytes()).await.unwrap();
        let mut stream = crate::http2::tls_on(stream, "a.test", &[b"http/1.1"]).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.contains("X-Real-IP: 9.8.7.6\r\n") && answer.contains("X-Forwarded-Proto: https\r\n"),
            "{answer}"
        );
    });
}
