//! Compression: what is compressed, by what, and that nothing is held back or changed that must not be.

use crate::http2::{fetch, http2, run};
use crate::kit::*;
use proxy::LogSettings;
use proxy::spec::{Algorithm, Compression};
use std::io::Read;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

fn text() -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog. ".repeat(2000)
}

fn proxy_with(origin: &Origin, change: impl FnOnce(&mut Compression)) -> proxy::Proxy {
    let mut spec = spec_for(origin);
    let mut compression = Compression::default();
    change(&mut compression);
    spec.hosts[0].traffic.compression = Some(compression);
    start(&spec, quick(), LogSettings::default())
}

fn ask(proxy: &proxy::Proxy, accept: &str) -> Answer {
    let mut client = Client::of(proxy);
    client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: {accept}\r\n\r\n"));
    client.answer().unwrap()
}

fn decoded(coding: &str, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(data).read_to_end(&mut out),
        "br" => brotli::Decompressor::new(data, 4096).read_to_end(&mut out),
        _ => zstd::stream::read::Decoder::new(data).unwrap().read_to_end(&mut out),
    }
    .unwrap();
    out
}

/// A 200 with these headers.
fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

#[test]
fn answers_are_compressed_by_what_the_client_wants_most_and_read_back_the_same() {
    let origin = Origin::answering(|head, _| {
        if head.starts_with("GET /chunked") {
            let mut chunks =
                b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for piece in text().chunks(7000) {
                chunks.extend(format!("{:x}\r\n", piece.len()).as_bytes());
                chunks.extend([piece, b"\r\n"].concat());
            }
            chunks.extend(b"0\r\nX-Sum: 7\r\n\r\n");
            return chunks;
        }
        answer("Content-Type: text/html; charset=utf-8\r\nETag: \"v1\"\r\nAccept-Ranges: bytes\r\n", &text())
    });
    let proxy = proxy_with(&origin, |_| {});
    for (accept, coding) in
        [("gzip", "gzip"), ("gzip, br", "br"), ("gzip, br, zstd", "zstd"), ("zstd;q=0.1, gzip", "gzip")]
    {
        let answer = ask(&proxy, accept);
        assert_eq!(answer.header("content-encoding").as_deref(), Some(coding), "{accept}");
        assert_eq!(answer.header("vary").as_deref(), Some("Accept-Encoding"));
        assert_eq!(answer.header("etag").as_deref(), Some("W/\"v1\""));
        assert_eq!((answer.header("content-length"), answer.header("accept-ranges")), (None, None));
        assert!(answer.whole && answer.body.len() < 4000, "{} bytes", answer.body.len());
        assert_eq!(decoded(coding, &answer.body), text(), "{accept}");
    }
    // Two on one connection, in chunks with trailers: the framing holds.
    let mut client = Client::of(&proxy);
    for _ in 0..2 {
        client.send("GET /chunked HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: br\r\n\r\n");
        let answer = client.answer().unwrap();
        assert!(answer.whole);
        assert_eq!(decoded("br", &answer.body), text());
    }
    // HTTP/1.0 has no chunks: the end of the connection ends the answer.
    let raw = {
        let mut client = Client::of(&proxy);
        client.send("GET / HTTP/1.0\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n");
        client.rest()
    };
    let at = find(&raw, b"\r\n\r\n").unwrap();
    assert_eq!(decoded("gzip", &raw[at + 4..]), text());
}

#[test]
fn answers_are_compressed_on_http_2_too_and_keep_their_trailers() {
    let origin = Origin::answering(|_, _| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/css\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (size, body) = (format!("{:x}\r\n", text().len()), text());
        [head.as_bytes(), size.as_bytes(), &body, b"\r\n0\r\nX-Sum: 7\r\n\r\n"].concat()
    });
    let mut spec = spec_for(&origin);
    spec.certificates = vec![certificate("c", &["a.test"])];
    spec.hosts[0].traffic.compression = Some(Compression::default());
    let proxy = start(&spec, quick(), LogSettings::default());
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        for (accept, coding) in [("gzip", "gzip"), ("br", "br"), ("zstd", "zstd")] {
            let request = http::Request::get("https://a.test/").header("accept-encoding", accept);
            let (head, body, trailers) = fetch(&mut sender, request.body(()).unwrap(), None).await.unwrap();
            assert_eq!(head.headers["content-encoding"], coding);
            assert_eq!(decoded(coding, &body), text());
            assert_eq!(trailers.unwrap()["x-sum"], "7");
        }
    });
}

#[test]
fn what_must_not_be_compressed_goes_as_it_is() {
    let headers = Mutex::new(String::new());
    let shared = std::sync::Arc::new(headers);
    let given = shared.clone();
    let origin = Origin::answering(move |_, _| {
        let headers = given.lock().unwrap().clone();
        let (status, headers) = headers.split_once('|').unwrap();
        let body = text();
        let mut out =
            format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        out.extend(body);
        out
    });
    let proxy = proxy_with(&origin, |_| {});
    for (given, varies) in [
        ("200|Content-Type: image/png\r\n", false),
        ("200|", false),
        ("200|Content-Type: text/html\r\nContent-Encoding: gzip\r\n", false),
        ("200|Content-Type: text/html\r\nCache-Control: max-age=1, no-transform\r\n", false),
        ("200|Content-Type: text/event-stream\r\n", false),
        ("200|Content-Type: text/html\r\nContent-Type: image/png\r\n", false),
        ("200|Content-Type: text/html\r\nContent-Digest: sha-256=:x:\r\n", false),
        ("206|Content-Type: text/html\r\nContent-Range: bytes 0-9/90\r\n", false),
    ] {
        *shared.lock().unwrap() = given.to_owned();
        let answer = ask(&proxy, "gzip, br, zstd");
        assert!(
            answer.body == text() && answer.header("vary").is_some() == varies,
            "{given} {}",
            answer.head
        );
    }
    *shared.lock().unwrap() = "200|Content-Type: text/html\r\nVary: Accept-Encoding\r\n".to_owned();
    for headers in [
        "Accept-Encoding: identity\r\n",
        "",
        "Accept-Encoding: gzip;q=0\r\n",
        "Accept-Encoding: gzip\r\nRange: bytes=0-9\r\n",
        "Accept-Encoding: gzip\r\nCache-Control: no-transform\r\n",
    ] {
        let mut client = Client::of(&proxy);
        client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{headers}\r\n"));
        let answer = client.answer().unwrap();
        assert!(answer.body == text() && answer.header("content-encoding").is_none(), "{headers}");
        // Caches learn that another client may get another answer, and are told once.
        assert_eq!(answer.head.matches("Vary").count(), 1, "{}", answer.head);
    }
    let mut client = Client::of(&proxy);
    client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!(header(&client.head().unwrap(), "content-encoding"), None);
    let small = Origin::answering(|_, _| answer("Content-Type: text/html\r\n", b"short"));
    assert_eq!(ask(&proxy_with(&small, |_| {}), "gzip").text(), "short");
}

#[test]
fn a_stream_is_read_as_it_is_written() {
    let (sender, receiver): (Sender<&'static [u8]>, Receiver<_>) = channel();
    let receiver = Mutex::new(receiver);
    let origin = Origin::scripted(move |wire, _| {
        wire.head();
        wire.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        while let Ok(event) = receiver.lock().unwrap().recv() {
            wire.send(&[format!("{:x}\r\n", event.len()).as_bytes(), event, b"\r\n"].concat());
        }
        wire.send(b"0\r\n\r\n");
    });
    let proxy = proxy_with(&origin, |compression| {
        compression.types = vec!["text/event-stream".to_owned()];
        compression.algorithms = vec![Algorithm::Gzip];
    });
    let mut client = Client::of(&proxy);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n");
    sender.send(b"data: 0\n\n").unwrap();
    let head = client.head().unwrap();
    assert_eq!(header(&head, "content-encoding").as_deref(), Some("gzip"));
    let mut plain = flate2::write::GzDecoder::new(Vec::new());
    let mut expected = Vec::new();
    for (at, event) in [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"].into_iter().enumerate() {
        // Each event is read before the next one is written.
        if at > 0 {
            sender.send(event).unwrap();
        }
        expected.extend_from_slice(event);
        while plain.get_ref() != &expected {
            let chunk = client.chunk();
            std::io::Write::write_all(&mut plain, &chunk).unwrap();
            std::io::Write::flush(&mut plain).unwrap();
        }
    }
    drop(sender);
}

#[test]
fn an_answer_that_breaks_off_is_seen_to_break_off() {
    let origin = Origin::scripted(|wire, _| {
        wire.head();
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 900000\r\n\r\n");
        wire.send(&text());
    });
    let proxy = proxy_with(&origin, |_| {});
    let mut client = Client::of(&proxy);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n");
    assert!(client.answer().is_none_or(|answer| !answer.whole), "a cut answer passes for a whole one");
}
