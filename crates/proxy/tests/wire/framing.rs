//! Requests that could be read in two ways (acceptance A1-A9, A13-A16): 400 or the like, and nothing of them
//! at the origin.

use crate::kit::*;

/// Each request gets one of these statuses and the connection ends; the origin sees nothing.
fn refused(cases: &[(&str, &[u16])]) {
    let origin = Origin::ok();
    let proxy = proxy_for(&origin);
    for (request, expected) in cases {
        let answer = talk(&proxy, request);
        assert!(expected.contains(&status(&answer)), "{} -> {answer}", request.escape_debug());
        assert!(
            answer.contains("Connection: close") && answer.contains("Cache-Control: no-store"),
            "{answer}"
        );
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{} -> {answer}", request.escape_debug());
    }
    assert_eq!(origin.seen(), "");
}

#[test]
fn a_request_with_length_and_transfer_encoding_is_refused_in_any_order() {
    let tail = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n";
    for method in ["GET", "POST"] {
        for headers in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
        ] {
            refused(&[(&format!("{method} / HTTP/1.1\r\nHost: a.test\r\n{headers}\r\n\r\n{tail}"), &[400])]);
        }
    }
}

#[test]
fn transfer_encodings_in_disguise_are_refused() {
    for header in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding:",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked,",
        " Transfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "Transfer-Encoding: chun\0ked",
    ] {
        for length in ["", "Content-Length: 5\r\n"] {
            let request = format!(
                "POST / HTTP/1.1\r\nHost: a.test\r\n{length}{header}\r\n\r\n0\r\n\r\nGET /s HTTP/1.1\r\n\r\n"
            );
            refused(&[(&request, &[400, 501])]);
        }
    }
}

#[test]
fn an_underscore_for_a_hyphen_frames_nothing_and_is_dropped() {
    let origin = Origin::mirror();
    let proxy = proxy_for(&origin);
    let request = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer_Encoding: chunked\r\nContent_Length: 9\r\n\
                   Content-Length: 2\r\nConnection: close\r\n\r\nhi";
    let answer = talk(&proxy, request);
    assert_eq!(status(&answer), 200);
    assert!(answer.ends_with("\r\n\r\nhi") && !answer.contains('_'), "{answer}");
}

#[test]
fn lengths_that_are_not_one_number_are_refused() {
    for header in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5a",
        "Content-Length: 99999999999999999999999",
        "Content-Length: 18446744073709551621",
        "Content-Length:",
        "Content-Length: 5 5",
        "Content-Length : 5",
    ] {
        refused(&[(&format!("POST / HTTP/1.1\r\nHost: a.test\r\n{header}\r\n\r\nhello"), &[400])]);
    }
}

#[test]
fn heads_with_folds_bare_line_ends_or_control_characters_are_refused() {
    refused(&[
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n b\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\nHost: a.test\n\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a.test\nX: y\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX: y\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX: y\r\n\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX: a\x01b\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nX y: b\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a.test\r\n: b\r\n\r\n", &[400]),
        ("GET /a\0b HTTP/1.1\r\nHost: a.test\r\n\r\n", &[400]),
        ("GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n", &[400]),
        ("GET / HTTP/1.1 \r\nHost: a.test\r\n\r\n", &[400]),
        ("GET / HTTP/2.0\r\nHost: a.test\r\n\r\n", &[505]),
        ("GET /\r\nHost: a.test\r\n\r\n", &[400]),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03", &[400]),
    ]);
}

#[test]
fn heads_that_are_too_large_are_refused_with_431() {
    let many: String = (0..101).map(|number| format!("X-{number}: y\r\n")).collect();
    let long = format!("X: {}\r\n", "y".repeat(33_000));
    refused(&[
        (&format!("GET / HTTP/1.1\r\nHost: a.test\r\n{many}\r\n"), &[431]),
        (&format!("GET / HTTP/1.1\r\nHost: a.test\r\n{long}\r\n"), &[431]),
    ]);
}

#[test]
fn a_broken_chunk_ends_both_connections_and_the_origin_never_sees_a_second_request() {
    for body in [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "1_0\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5junk\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "5;x\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\r\n0\r\nX: y\n\r\n",
    ] {
        let origin = Origin::ok();
        let proxy = proxy_for(&origin);
        let request = format!(
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n{body}GET /s HTTP/1.1\r\nHost: a.test\r\n\r\n"
        );
        let answer = talk(&proxy, &request);
        assert_eq!(status(&answer), 400, "{} -> {answer}", body.escape_debug());
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(!origin.seen().contains("/s "));
        assert_eq!(Client::of(&proxy).get("/next").status(), 200);
        eventually("a connection of its own for the next request", || {
            origin.seen().matches("/next").count() == 1 && origin.seen().matches("POST").count() <= 1
        });
    }
}

#[test]
fn extensions_end_here_and_floods_of_them_are_cut() {
    let origin = Origin::mirror();
    let proxy = proxy_for(&origin);
    let request = "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                   5;a=\"b\"\r\nhello\r\n0;last\r\nX-T: 1\r\nContent-Length: 3\r\nHost: evil\r\n\r\n";
    let answer = talk(&proxy, request);
    assert!(answer.ends_with("hello"), "{answer}");
    let seen = origin.seen();
    assert!(seen.ends_with("\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"), "{seen}");
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(65_536)),
        format!("{}0\r\n\r\n", format!("1;{}\r\nx\r\n", "e".repeat(1000)).repeat(100)),
        format!("0\r\nX: {}\r\n\r\n", "t".repeat(65_536)),
    ] {
        assert_eq!(status(&talk(&proxy, format!("{head}{body}"))), 400);
    }
}

#[test]
fn http_1_0_has_no_transfer_encoding_and_needs_a_length() {
    refused(&[
        ("POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &[400]),
        ("POST / HTTP/1.0\r\nHost: a.test\r\n\r\nhello", &[411]),
    ]);
}

#[test]
fn the_only_expectation_is_100_continue() {
    refused(&[
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect: 100-continue, x\r\n\r\n", &[417]),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect: x\r\n\r\n", &[417]),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect: 100-\r\n continue\r\n\r\n", &[400]),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect : 100-continue\r\n\r\n", &[400]),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect: \"100-continue\"\r\n\r\n", &[417]),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect: 100-continue;x\r\n\r\n", &[417]),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect:\r\n\r\n", &[417]),
        (
            "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nExpect: 100-continue\r\nExpect: 100-continue\r\n\r\n",
            &[417],
        ),
    ]);
}

#[test]
fn connect_and_trace_are_refused() {
    let origin = Origin::ok();
    let proxy = proxy_for(&origin);
    for request in [
        "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "CONNECT / HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: a.test\r\nCookie: secret=1\r\n\r\n",
    ] {
        let answer = talk(&proxy, request);
        assert_eq!(status(&answer), 405, "{answer}");
        assert!(answer.contains("Allow: GET") && !answer.contains("secret"), "{answer}");
    }
    assert_eq!(origin.seen(), "");
}

#[test]
fn requests_without_exactly_one_valid_host_are_refused() {
    refused(&[
        ("GET / HTTP/1.1\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n", &[400]),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", &[400]),
        ("GET http://a.test/ HTTP/1.1\r\nHost: b b\r\n\r\n", &[400]),
        ("GET http://u@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", &[400]),
    ]);
    for host in [
        "",
        "a b",
        "a.test, b.test",
        "a.test@b.test",
        "a.test/x",
        "a.test:x",
        "a.test:99999",
        "a..test",
        "[::1",
        "a.test#",
        "a.test?",
        "a\\b",
        "a.test:80:80",
    ] {
        refused(&[(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), &[400])]);
    }
}

#[test]
fn an_absolute_target_wins_over_host_for_routing_and_for_the_origin() {
    let origin = Origin::mirror();
    let proxy = proxy_for(&origin);
    for target in ["http://a.test/x?y", "HTTP://A.test/x?y", "https://a.test:8443/x?y"] {
        let answer =
            talk(&proxy, format!("GET {target} HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n"));
        assert_eq!(status(&answer), 200);
        assert!(answer.contains("GET /x?y HTTP/1.1") && !answer.contains("other.test"), "{answer}");
    }
    let answer = talk(&proxy, "GET http://a.test?q HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("GET /?q HTTP/1.1"), "{answer}");
}
