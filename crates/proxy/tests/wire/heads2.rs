//! Heads of HTTP/2 that would mean something else in HTTP/1: none of them reaches the origin (acceptance A17).
//! They are written by hand, since no library sends them.

use crate::floods::{DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, frame, literal, open};
use crate::http2::{run, secure_with};
use crate::kit::*;
use tokio::io::AsyncWriteExt;

type Fields<'a> = &'a [(&'a str, &'a str)];

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "https");
const PATH: (&str, &str) = (":path", "/");
const AUTHORITY: (&str, &str) = (":authority", "a.test");

/// What a request with this head and body comes to: the status, or `None` when it or the connection is ended.
async fn outcome(proxy: &proxy::Proxy, fields: &[(&str, &str)], body: Option<&[u8]>) -> Option<u16> {
    let block: Vec<u8> =
        fields.iter().flat_map(|(name, value)| literal(name.as_bytes(), value.as_bytes())).collect();
    let (mut reader, mut write) = open(proxy, b"").await;
    let end = if body.is_none() { END_STREAM } else { 0 };
    write.write_all(&frame(HEADERS, END_HEADERS | end, 1, &block)).await.unwrap();
    if let Some(body) = body {
        write.write_all(&frame(DATA, END_STREAM, 1, body)).await.unwrap();
    }
    write.flush().await.unwrap();
    loop {
        match reader.next().await {
            Some((HEADERS, _, content)) => return Some(status(&content)),
            Some((RST_STREAM | GOAWAY, ..)) | None => return None,
            Some(_) => {}
        }
    }
}

/// The status at the beginning of a block (RFC 7541, appendix A): by its index, or in three digits.
fn status(block: &[u8]) -> u16 {
    match block[0] {
        0x88 => 200,
        0x8c => 400,
        // A literal with an indexed name; its three digits are two bytes in Huffman's code.
        _ => {
            let length = usize::from(block[1] & 0x7f);
            let text = &block[2..2 + length];
            if block[1] & 0x80 == 0 {
                return std::str::from_utf8(text).unwrap().parse().unwrap();
            }
            let bits = text.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
            digits(bits, u32::try_from(length * 8).unwrap())
        }
    }
}

/// Digits in Huffman's code (RFC 7541, appendix B): 0, 1 and 2 have five bits, the others six.
fn digits(bits: u32, mut left: u32) -> u16 {
    let mut number = 0;
    while left >= 5 {
        let five = bits >> (left - 5) & 31;
        if five <= 2 {
            number = number * 10 + u16::try_from(five).unwrap();
            left -= 5;
        } else if left >= 6 && (bits >> (left - 6) & 63) >= 25 && (bits >> (left - 6) & 63) <= 31 {
            number = number * 10 + u16::try_from((bits >> (left - 6) & 63) - 25 + 3).unwrap();
            left -= 6;
        } else {
            break;
        }
    }
    number
}

#[test]
fn heads_that_would_mean_something_else_in_http_1_are_refused() {
    let origin = Origin::ok();
    let proxy = secure_with(&origin, quick());
    let mut vectors: Vec<Vec<(String, String)>> = Vec::new();
    let mut add = |fields: Fields<'_>| {
        vectors.push(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
    };
    // Line ends, NUL and other controls, in each place that becomes part of an HTTP/1 head.
    for poison in ["\r\n", "\n", "\r", "\0", "\r\nX: y", " HTTP/1.1\r\nX: y\r\n\r\nGET /s", "\x7f", "\x01"] {
        let with = |text: &str| format!("{text}{poison}b");
        add(&[METHOD, SCHEME, PATH, AUTHORITY, ("x", &with("a"))]);
        add(&[METHOD, SCHEME, PATH, AUTHORITY, (&with("x"), "a")]);
        add(&[METHOD, SCHEME, (":path", &with("/a")), AUTHORITY]);
        add(&[(":method", &with("GET")), SCHEME, PATH, AUTHORITY]);
        add(&[METHOD, SCHEME, PATH, (":authority", &with("a.test"))]);
        add(&[METHOD, SCHEME, PATH, AUTHORITY, ("cookie", &with("a=1"))]);
        add(&[METHOD, (":scheme", &with("https")), PATH, AUTHORITY]);
        add(&[METHOD, SCHEME, PATH, ("host", &with("a.test"))]);
    }
    // Names that HTTP/1 would frame by, or cannot hold.
    for (name, value) in [
        ("transfer-encoding", "chunked"),
        ("connection", "close"),
        ("connection", "x-forwarded-for"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("X-Upper", "a"),
        ("x y", "a"),
        ("x:", "a"),
        ("", "a"),
        (":x", "a"),
        (":status", "200"),
        ("content-length", "x"),
        ("content-length", "-1"),
        ("content-length", "+1"),
        ("content-length", "1, 1"),
        ("content-length", "18446744073709551617"),
        ("host", "evil.test"),
    ] {
        add(&[METHOD, SCHEME, PATH, AUTHORITY, (name, value)]);
    }
    // Pseudo-headers twice, absent, behind ordinary ones, or malformed.
    for field in [METHOD, SCHEME, PATH, AUTHORITY] {
        add(&[METHOD, SCHEME, PATH, AUTHORITY, field]);
        add(&[METHOD, SCHEME, PATH, AUTHORITY, ("x", "a"), field]);
    }
    add(&[SCHEME, PATH, AUTHORITY]);
    add(&[METHOD, PATH, AUTHORITY]);
    add(&[METHOD, SCHEME, AUTHORITY]);
    add(&[METHOD, SCHEME, PATH]);
    add(&[METHOD, SCHEME, (":path", ""), AUTHORITY]);
    add(&[METHOD, SCHEME, (":path", "relative"), AUTHORITY]);
    add(&[METHOD, SCHEME, (":path", "*"), AUTHORITY]);
    add(&[METHOD, SCHEME, (":path", "/a b"), AUTHORITY]);
    add(&[METHOD, SCHEME, PATH, (":authority", "user@a.test")]);
    add(&[METHOD, SCHEME, PATH, (":authority", "a.test/x")]);
    add(&[METHOD, SCHEME, PATH, (":authority", "a.test:1:2")]);
    add(&[METHOD, SCHEME, PATH, (":authority", "")]);
    add(&[(":method", "GET /x"), SCHEME, PATH, AUTHORITY]);
    add(&[(":method", ""), SCHEME, PATH, AUTHORITY]);
    add(&[(":method", "CONNECT"), AUTHORITY]);
    add(&[(":method", "TRACE"), SCHEME, PATH, AUTHORITY]);
    assert!(vectors.len() >= 76, "{}", vectors.len());
    run(async {
        for vector in &vectors {
            let fields: Vec<_> = vector.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let outcome = outcome(&proxy, &fields, None).await;
            // `te: gzip` asks for nothing that is done; it is left out, like any offer.
            let harmless = fields.contains(&("te", "gzip")) || fields.contains(&("keep-alive", "timeout=5"));
            assert!(matches!(outcome, None | Some(400 | 405)) || harmless, "{fields:?}: {outcome:?}");
        }
        // A body that is not as long as it was said to be.
        for (length, body) in [("5", b"hell".as_slice()), ("5", b"hello!"), ("5", b"")] {
            let post = [(":method", "POST"), SCHEME, PATH, AUTHORITY, ("content-length", length)];
            let outcome = outcome(&proxy, &post, Some(body)).await;
            assert!(matches!(outcome, None | Some(400)), "{length} {body:?}: {outcome:?}");
        }
        assert_eq!(outcome(&proxy, &[METHOD, SCHEME, PATH, AUTHORITY], None).await, Some(200), "the control");
    });
    let seen = origin.seen();
    for request in seen.split_inclusive("\r\n\r\n").filter(|text| text.contains("HTTP/1.1")) {
        assert!(
            request.starts_with("GET / HTTP/1.1\r\nHost: a.test\r\n") || request.starts_with("POST / "),
            "{request}"
        );
        assert!(!request.contains("te:") && !request.contains("keep-alive"), "{request}");
    }
}
