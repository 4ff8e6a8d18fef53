//! Request smuggling by the classes that have been published (acceptance A25, H3): what a client sends is refused, or
//! read by every origin, however lax, as the same requests that we have answered.

use crate::floods::{DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, frame, literal, open};
use crate::http2::{run, secure_with};
use crate::kit::*;
use crate::readers::{READERS, Read};
use proxy::Limits;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// What a payload is to come to.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// One of these statuses, nothing at the origin, and the connection is closed.
    Refused(&'static [u16]),
    /// 400 within a body: at most the part before it is at the origin, and both connections are closed.
    Broken,
    /// So many answers, and as many requests at the origin, by every reading.
    Read(usize),
}

/// A request that must never come to be one of its own.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// A POST with these header lines and this body.
fn post(lines: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n\r\n{body}")
}

/// All payloads with their class.
fn payloads() -> Vec<(&'static str, String, Fate)> {
    use Fate::{Broken, Read, Refused};
    const BAD: Fate = Refused(&[400]);
    let mut all: Vec<(&'static str, String, Fate)> = Vec::new();
    let end_then_hidden = format!("0\r\n\r\n{HIDDEN}");
    let length = end_then_hidden.len();

    // CL.TE and TE.CL: both headers, whichever a server behind would prefer.
    for lines in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}"),
        "Content-Length: 4\r\nTransfer-Encoding: chunked".to_owned(),
        "Transfer-Encoding: chunked\r\nContent-Length: 0".to_owned(),
        "content-length: 6\r\ntransfer-encoding: chunked".to_owned(),
    ] {
        all.push(("CL.TE, TE.CL", post(&lines, &end_then_hidden), BAD));
    }
    // TE.TE: a coding that only some servers take for chunked.
    for coding in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chunked-x",
        "Transfer-Encoding: x chunked",
        "Transfer-Encoding: chunked x",
        "Transfer-Encoding: cow",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: ,chunked",
        "Transfer-Encoding: chunked;q=0.5",
        "Transfer-Encoding: chunked;ext",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: \u{ff}chunked",
        "Transfer-Encoding:\u{a0}chunked",
        "Transfer-Encoding: chun\u{212a}ed",
        "Transfer-Encoding: %63hunked",
        "Transfer-Encoding: =?chunked?=",
        "Transfer-Encoding:",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
        "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "TRANSFER-ENCODING: xchunked",
    ] {
        for more in ["", "Content-Length: 3\r\n"] {
            let fate = Refused(&[400, 501]);
            all.push(("TE.TE", post(&format!("{more}{coding}"), &end_then_hidden), fate));
        }
    }
    // The same header in a form that breaks the head.
    for line in [
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding\u{b}: chunked",
        " Transfer-Encoding: chunked",
        "\tTransfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\r\r\nTransfer-Encoding: chunked",
        "X: y\r\n\rTransfer-Encoding: chunked",
        "Transfer-Encoding\r\n: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding:\n chunked",
        "Transfer-Encoding: chunked\r",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding: \0chunked",
        "Transfer-Encoding\0: chunked",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding:\u{c}chunked",
        "Transfer-Encoding: \u{7f}chunked",
        "Transfer Encoding: chunked",
        "Transfer-Encoding chunked",
        "(Transfer-Encoding: chunked",
        "Transfer-Encoding;: chunked",
        "\"Transfer-Encoding\": chunked",
        ": chunked",
        "Content-Length : 5",
        "Content-Length\0: 5",
        " Content-Length: 5",
        "X: y\nContent-Length: 5",
        "Content-Length: 5\0",
        "Content-Length:\u{b}5",
    ] {
        all.push(("broken head", post(line, &end_then_hidden), Refused(&[400, 501])));
        all.push((
            "broken head",
            post(&format!("Content-Length: 3\r\n{line}"), &end_then_hidden),
            Refused(&[400, 501]),
        ));
    }
    // Blank around a value is no part of it (RFC 9110, section 5.5), and case means nothing.
    for line in
        ["Transfer-Encoding:chunked", "transfer-encoding: \t chunked \t", "TRANSFER-Encoding: CHUNKED"]
    {
        all.push(("plain chunked", post(line, "5\r\nhello\r\n0\r\n\r\n"), Read(1)));
    }
    // Names that only look like it frame nothing, and those that some servers take for it do not go on.
    for line in [
        "Transfer_Encoding: chunked",
        "X-Transfer-Encoding: chunked",
        "TransferEncoding: chunked",
        "Content_Length: 0",
    ] {
        all.push((
            "other names",
            post(&format!("{line}\r\nContent-Length: {length}"), &end_then_hidden),
            Read(1),
        ));
    }
    // 0.CL and lengths of which there is more than one reading.
    for lines in [
        "Content-Length: 0\r\nContent-Length: 44",
        "Content-Length: 44\r\nContent-Length: 0",
        "Content-Length: 44\r\nContent-Length: 44",
        "Content-Length: 0, 44",
        "Content-Length: 44, 44",
        "Content-Length: +44",
        "Content-Length: -44",
        "Content-Length: 0x2c",
        "Content-Length: 4_4",
        "Content-Length: 44.0",
        "Content-Length: 4 4",
        "Content-Length: 44;",
        "Content-Length: \"44\"",
        "Content-Length: 44a",
        "Content-Length: ",
        "Content-Length: 18446744073709551660",
        "Content-Length: 340282366920938463463374607431768211500",
        "Content-Length: \u{664}\u{664}",
    ] {
        all.push(("lengths", post(lines, HIDDEN), BAD));
    }
    // A length is a length: what it covers is a body, also of a GET, and what follows is a request.
    all.push((
        "CL on GET",
        format!("GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len()),
        Read(1),
    ));
    all.push((
        "CL on GET",
        format!(
            "HEAD / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{HIDDEN}",
            HIDDEN.len()
        ),
        Read(1),
    ));
    all.push(("leading zeros", post(&format!("Content-Length: 000{}", HIDDEN.len()), HIDDEN), Read(1)));
    all.push((
        "leading zeros",
        post("Transfer-Encoding: chunked", &format!("00000{:x}\r\n{HIDDEN}\r\n000\r\n\r\n", HIDDEN.len())),
        Read(1),
    ));
    // Chunks whose end or size is read in two ways.
    for body in [
        "5\nhello\r\n0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5\r\nhelloXX0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        " 5\r\nhello\r\n0\r\n\r\n",
        "5_\r\nhello\r\n0\r\n\r\n",
        "5,\r\nhello\r\n0\r\n\r\n",
        "5\0\r\nhello\r\n0\r\n\r\n",
        "\r\n5\r\nhello\r\n0\r\n\r\n",
        "5;\nhello\r\n0\r\n\r\n",
        "5;a\nhello\r\n0\r\n\r\n",
        "5;a\rb\r\nhello\r\n0\r\n\r\n",
        "5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
        "5;\0\r\nhello\r\n0\r\n\r\n",
        "5 ;a\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
        "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "g\r\nhello\r\n0\r\n\r\n",
        "0\n\nGET /hidden HTTP/1.1\r\n",
        "0\r\n\nGET /hidden HTTP/1.1\r\n",
        "0\r\nX: y\n\r\n",
        "0\r\nX: y\n\n",
        "0\r\nX : y\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        "0\r\nX: y\r\n z\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\nX: a\0b\r\n\r\n",
        "0\r\n: y\r\n\r\n",
    ] {
        all.push(("chunks", post("Transfer-Encoding: chunked", &format!("{body}{HIDDEN}")), Broken));
    }
    // Extensions end here.
    for body in [
        "5;a=b\r\nhello\r\n0;c\r\n\r\n",
        "5 \t;a=\"x;y\"\r\nhello\r\n0\r\n\r\n",
        "5;GET /hidden HTTP/1.1\r\nhello\r\n0\r\n\r\n",
    ] {
        all.push(("extensions", post("Transfer-Encoding: chunked", body), Read(1)));
    }
    // Trailers that would frame, route or prove: dropped, some of them or all.
    for trailers in [
        "Content-Length: 44\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Host: evil.test\r\nX-Sum: 1\r\n",
        "Authorization: x\r\nCookie: a=b\r\nX-Forwarded-For: 1.1.1.1\r\n",
        "Connection: X-Real-IP\r\nUpgrade: h2c\r\n",
        "Expect: 100-continue\r\nTE: trailers\r\n",
    ] {
        all.push((
            "trailers",
            post("Transfer-Encoding: chunked", &format!("5\r\nhello\r\n0\r\n{trailers}\r\n")),
            Read(1),
        ));
    }
    // Expectations that only some servers read.
    for expect in
        ["100-continue, x", "100-Continue-x", "x", "100_continue", "100-continue\r\nExpect: 100-continue", ""]
    {
        all.push((
            "expect",
            post(&format!("Expect: {expect}\r\nContent-Length: 5"), "hello"),
            Refused(&[417]),
        ));
    }
    for line in ["Expect : 100-continue", "Expect: 100-\r\n continue", "Expect\0: 100-continue"] {
        all.push(("expect", post(&format!("{line}\r\nContent-Length: 5"), "hello"), BAD));
    }
    // Whose request it is.
    for head in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nHost: evil.test\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nhOST: evil.test\r\n",
        "GET / HTTP/1.1\r\nHost : a.test\r\n",
        "GET / HTTP/1.1\r\n Host: evil.test\r\nHost: a.test\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n Host: evil.test\r\n",
        "GET / HTTP/1.1\r\nHost: a.test, evil.test\r\n",
        "GET / HTTP/1.1\r\nHost: a.test evil.test\r\n",
        "GET / HTTP/1.1\r\nHost: a.test@evil.test\r\n",
        "GET / HTTP/1.1\r\nHost: a.test:80:90\r\n",
        "GET / HTTP/1.1\r\nHost: a.test:80abc\r\n",
        "GET / HTTP/1.1\r\nHost: a.test#evil.test\r\n",
        "GET / HTTP/1.1\r\nHost: a.test/evil\r\n",
        "GET / HTTP/1.1\r\nHost: http://a.test\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\0.evil.test\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n",
        "GET http://a.test@evil.test/ HTTP/1.1\r\nHost: a.test\r\n",
        "GET http:///x HTTP/1.1\r\nHost: a.test\r\n",
        "GET http://a.test:x/ HTTP/1.1\r\nHost: a.test\r\n",
        "GET a.test/ HTTP/1.1\r\nHost: a.test\r\n",
        "GET ftp://a.test/ HTTP/1.1\r\nHost: a.test\r\n",
        "GET * HTTP/1.1\r\nHost: a.test\r\n",
        "GET ?x HTTP/1.1\r\nHost: a.test\r\n",
    ] {
        all.push(("host", format!("{head}\r\n{HIDDEN}"), BAD));
    }
    // An absolute target is what counts, for us and for the origin.
    all.push(("absolute", "GET http://a.test/x HTTP/1.1\r\nHost: other.test\r\n\r\n".to_owned(), Read(1)));
    all.push(("absolute", "GET HTTP://A.test?x HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned(), Read(1)));
    // First lines of other protocols, of other versions, and with something in them.
    for line in [
        "GET /",
        "GET / ",
        "GET / HTTP/0.9",
        "GET / HTTP/1.2",
        "GET / HTTP/2.0",
        "GET / HTTP/1",
        "GET / HTTP/1.1.1",
        "GET / HTTP/1.10",
        "GET / HTTP/11",
        "GET / http/1.1",
        "GET / HTTP /1.1",
        "GET / HTTP/1.1 ",
        "GET / HTTP/1.1 x",
        "GET  / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / \tHTTP/1.1",
        " GET / HTTP/1.1",
        "G\0ET / HTTP/1.1",
        "GET /\0 HTTP/1.1",
        "GET /\u{b}x HTTP/1.1",
        "GET /a b HTTP/1.1",
        "GET /#x HTTP/1.1",
        "GET /a\\b HTTP/1.1",
        "GET /\r HTTP/1.1",
        "G(ET / HTTP/1.1",
        "PRI * HTTP/2.0",
        "HTTP/1.1 200 OK",
    ] {
        let fate = Refused(&[400, 505]);
        all.push(("first line", format!("{line}\r\nHost: a.test\r\n\r\n{HIDDEN}"), fate));
    }
    // What follows a refusal is read by nobody.
    all.push((
        "after an error",
        format!("GET / HTTP/1.1\r\nHost: a.test\r\nA: b\0\r\n\r\n{HIDDEN}{HIDDEN}"),
        BAD,
    ));
    all.push((
        "after an error",
        format!("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n{HIDDEN}"),
        Refused(&[405]),
    ));
    all.push((
        "after an error",
        format!("TRACE / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n{HIDDEN}"),
        Refused(&[405]),
    ));
    all.push(("after an error", format!("POST / HTTP/1.0\r\nHost: a.test\r\n\r\n{HIDDEN}"), Refused(&[411])));
    all.push((
        "after an error",
        format!("POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n{end_then_hidden}"),
        BAD,
    ));
    // Upgrades do not open a tunnel, and are requests like others.
    for upgrade in ["h2c", "TLS/1.0", "foo", "websocket, h2c", "HTTP/2.0", "websocket"] {
        let settings = "HTTP2-Settings: AAMAAABkAAQAAP__\r\n";
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\n{settings}Upgrade: {upgrade}\r\n\r\n"
        );
        all.push((
            "upgrade",
            format!("{head}GET /second HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"),
            Read(2),
        ));
    }
    // Nobody strips what decides by naming it.
    all.push((
        "connection",
        post("Connection: close, Content-Length, Transfer-Encoding, Host\r\nContent-Length: 5", "hello"),
        Read(1),
    ));
    all.push((
        "connection",
        post("Connection: Transfer-Encoding, close\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
        Read(1),
    ));
    // Two plain requests at once are two, and an empty line ahead is nothing.
    all.push(("pipelined", format!("{}\r\n{HIDDEN}", post("Content-Length: 5", "hello")), Read(2)));
    all
}

/// Reads to the end; a client is never kept waiting longer than [`PATIENCE`].
fn final_answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count() - text.matches("HTTP/1.1 1").count()
}

#[test]
fn published_classes_of_payloads_are_refused_or_read_in_one_way() {
    let payloads = payloads();
    assert!(payloads.len() > 250, "{}", payloads.len());
    for (class, payload, fate) in payloads {
        let origin = Origin::ok();
        let proxy = proxy_for(&origin);
        let told = format!("{class}: {} -> {fate:?}", payload.escape_debug());
        match fate {
            Fate::Refused(statuses) => {
                let answer = talk(&proxy, &payload);
                assert!(statuses.contains(&status(&answer)), "{told}: {answer}");
                assert_eq!(final_answers(&answer), 1, "{told}: {answer}");
                assert_eq!(origin.seen(), "", "{told}");
            }
            Fate::Broken => {
                let answer = talk(&proxy, &payload);
                assert!(status(&answer) == 400 && final_answers(&answer) == 1, "{told}: {answer}");
                let read = agreed(&origin, &told);
                assert!(read.iter().all(|read| read.requests.is_empty()), "{told}: {read:?}");
            }
            Fate::Read(count) => {
                let mut client = Client::of(&proxy);
                client.send(&payload);
                for _ in 0..count {
                    let answer = client.head().unwrap_or_else(|| panic!("{told}: no answer"));
                    assert!(answer.starts_with("HTTP/1.1 200"), "{told}: {answer}");
                    if !payload.starts_with("HEAD") {
                        assert_eq!(client.exactly(2), b"ok", "{told}");
                    }
                }
                let read = agreed(&origin, &told);
                let requests: usize = read.iter().map(|read| read.requests.len()).sum();
                assert_eq!(requests, count, "{told}: {read:?}");
                let seen = origin.seen().to_lowercase();
                for never in ["http2-settings", "transfer_encoding", "content_length", "evil", "upgrade: h2c"]
                {
                    assert!(!seen.contains(never), "{told}: {seen}");
                }
            }
        }
        // Whatever came, the next client is served, and with its own answer.
        assert_eq!(Client::of(&proxy).get("/victim").text(), "ok", "{told}");
    }
}

/// What the origin's connections hold, which all readers agree on.
fn agreed(origin: &Origin, told: &str) -> Vec<Read> {
    let mut all = Vec::new();
    for stream in origin.streams() {
        let (strict, others) = READERS.split_first().unwrap();
        let meant = strict.read(&stream);
        for other in others {
            assert_eq!(
                other.read(&stream),
                meant,
                "{told}: {} reads it otherwise: {}",
                other.name,
                stream.escape_ascii()
            );
        }
        assert!(!meant.broken, "{told}: {}", stream.escape_ascii());
        all.push(meant);
    }
    all
}

#[test]
fn the_readers_disagree_about_what_must_not_get_through() {
    for stream in [
        post("Content-Length: 5\r\nTransfer-Encoding: chunked", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: xchunked\r\nContent-Length: 5", &format!("0\r\n\r\n{HIDDEN}")),
        post("Content-Length: 0\r\nContent-Length: 40", HIDDEN),
        post("X: y\nTransfer-Encoding: chunked\r\nContent-Length: 5", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer_Encoding: chunked\r\nContent-Length: 5", &format!("0\r\n\r\n{HIDDEN}")),
        post("Transfer-Encoding: chunked", &format!("5;\nxx\r\n0\r\n\r\n{HIDDEN}")),
    ] {
        let meant = READERS[0].read(stream.as_bytes());
        let differs = READERS.iter().any(|reader| reader.read(stream.as_bytes()) != meant);
        assert!(differs || meant.broken, "{}", stream.escape_debug());
    }
}

#[test]
fn payloads_changed_at_random_are_never_read_in_two_ways() {
    /// Clients at once, and payloads of each.
    const CLIENTS: u64 = 6;
    const EACH: usize = 150;
    let origin = Origin::ok();
    let short = Duration::from_millis(60);
    let limits =
        Limits { head: short, idle: short, stall: short, response: short, rate_grace: short, ..quick() };
    let proxy = start(&spec_for(&origin), limits, proxy::LogSettings::default());
    let payloads = Arc::new(payloads());
    std::thread::scope(|scope| {
        for seed in 0..CLIENTS {
            let (proxy, payloads) = (&proxy, payloads.clone());
            scope.spawn(move || {
                let mut state = seed;
                let mut next = move |below: usize| {
                    // SplitMix64, so that each run is the same.
                    state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                    let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
                    usize::try_from((mixed ^ mixed >> 31) % below as u64).unwrap()
                };
                for _ in 0..EACH {
                    let mut payload = payloads[next(payloads.len())].1.clone().into_bytes();
                    for _ in 0..=next(3) {
                        let at = next(payload.len());
                        match next(5) {
                            0 => payload[at] = u8::try_from(next(256)).unwrap(),
                            1 => drop(payload.drain(at..(at + next(8)).min(payload.len()))),
                            2 => payload.insert(at, b"\r\n \t:;,\0"[next(8)]),
                            3 => {
                                let other = payloads[next(payloads.len())].1.as_bytes();
                                payload.splice(at..at, other[next(other.len())..].iter().copied());
                            }
                            _ => {
                                let end = (at + next(40)).min(payload.len());
                                let piece = payload[at..end].to_vec();
                                payload.splice(at..at, piece);
                            }
                        }
                    }
                    talk(proxy, &payload);
                }
            });
        }
    });
    let read = agreed(&origin, "changed payloads");
    let requests: usize = read.iter().map(|read| read.requests.len()).sum();
    assert!(requests > 20, "hardly anything came through: {requests}");
    assert_eq!(Client::of(&proxy).get("/victim").text(), "ok");
}

/// An origin that answers a head at once with its path, and takes whatever follows for the next one: what servers do
/// that ignore bodies (CL.0).
fn hasty() -> Origin {
    Origin::scripted(|wire, _| {
        while let Some(head) = wire.head() {
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            if !wire.send(&sized(path.as_bytes())) {
                return;
            }
        }
    })
}

#[test]
fn an_origin_that_ignores_bodies_gives_nobody_the_answer_to_what_stood_in_one() {
    let origin = hasty();
    let proxy = proxy_for(&origin);
    let bodies = [
        post(&format!("Content-Length: {}", HIDDEN.len()), HIDDEN),
        post("Transfer-Encoding: chunked", &format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len())),
        post(&format!("Expect: 100-continue\r\nContent-Length: {}", HIDDEN.len()), HIDDEN),
        format!("GET /get HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{HIDDEN}", HIDDEN.len()),
        format!(
            "OPTIONS /options HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{HIDDEN}",
            HIDDEN.len()
        ),
    ];
    for round in 0..4 {
        for attack in &bodies {
            let mut attacker = Client::of(&proxy);
            // Head and body apart, so that the answer comes between them in some rounds.
            let (head, body) = attack.split_at(attack.find("\r\n\r\n").unwrap() + 4);
            attacker.send(head);
            if round % 2 == 1 {
                attacker.head();
            }
            let _ = std::io::Write::write_all(&mut attacker.stream, body.as_bytes());
            for number in 0..3 {
                let path = format!("/victim-{round}-{number}");
                assert_eq!(Client::of(&proxy).get(&path).text(), path, "{}", attack.escape_debug());
            }
        }
    }
}

#[test]
fn answers_that_hold_another_answer_are_given_to_nobody_else() {
    const SECOND: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden";
    for (method, answer) in [
        ("GET", format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok{SECOND}")),
        ("GET", format!("HTTP/1.1 204 No Content\r\n\r\n{SECOND}")),
        ("GET", format!("HTTP/1.1 204 No Content\r\nContent-Length: 57\r\n\r\n{SECOND}")),
        ("GET", format!("HTTP/1.1 304 Not Modified\r\nContent-Length: 57\r\n\r\n{SECOND}")),
        (
            "GET",
            format!(
                "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n39\r\n{SECOND}\r\n0\r\n\r\n"
            ),
        ),
        ("HEAD", format!("HTTP/1.1 200 OK\r\nContent-Length: 57\r\n\r\n{SECOND}")),
        ("HEAD", format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n39\r\n{SECOND}\r\n0\r\n\r\n")),
        ("GET", format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n{SECOND}")),
        ("GET", format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n{SECOND}")),
        (
            "GET",
            format!("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok{SECOND}"),
        ),
        ("GET", format!("HTTP/1.1 103 Early Hints\r\nContent-Length: 57\r\n\r\n{SECOND}{SECOND}")),
        (
            "GET",
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n{SECOND}"
            ),
        ),
        (
            "GET",
            format!(
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SECOND}"
            ),
        ),
        ("GET", format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 59\r\n\r\nok{SECOND}")),
        ("GET", format!("HTTP/1.1 200 OK\r\nContent-Length: 2, 59\r\n\r\nok{SECOND}")),
        (
            "GET",
            format!(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n2\r\nok\r\n0\r\n\r\n{SECOND}"
            ),
        ),
        ("GET", format!("HTTP/1.1 200 OK\r\nX: y\rContent-Length: 2\r\n\r\nok{SECOND}")),
        ("GET", format!("HTTP/1.1 200 OK\r\n Content-Length: 2\r\n\r\nok{SECOND}")),
    ] {
        let told = answer.escape_debug().to_string();
        let origin = Origin::answering(move |head, _| {
            if head.contains("/attack") { answer.clone().into_bytes() } else { sized(b"own") }
        });
        let proxy = proxy_for(&origin);
        let mut attacker = Client::of(&proxy);
        attacker.send(format!("{method} /attack HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        attacker.head();
        for _ in 0..3 {
            assert_eq!(Client::of(&proxy).get("/victim").text(), "own", "{method}: {told}");
        }
    }
}

#[test]
fn a_length_of_http_2_that_is_not_that_of_the_body_smuggles_nothing() {
    let origin = Origin::ok();
    let proxy = secure_with(&origin, quick());
    let hidden = HIDDEN.as_bytes();
    let whole = hidden.len().to_string();
    let long = (hidden.len() + 10).to_string();
    run(async {
        for (fields, body, fine) in [
            // h2.CL
            (vec![("content-length", "0")], hidden, false),
            (vec![("content-length", "5")], hidden, false),
            (vec![("content-length", &*long)], hidden, false),
            (vec![("content-length", "0"), ("content-length", &*whole)], hidden, false),
            (vec![("content-length", "+5")], b"hello", false),
            (vec![("content-length", &*whole)], hidden, true),
            // h2.TE
            (vec![("transfer-encoding", "chunked")], b"0\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n", false),
            (vec![("transfer-encoding", "chunked"), ("content-length", "5")], b"0\r\n\r\n", false),
            (vec![("transfer_encoding", "chunked")], b"0\r\n\r\nGET /hidden HTTP/1.1\r\n\r\n", true),
            // Without a length the body goes on in chunks of ours.
            (vec![], hidden, true),
            (vec![("x", "a\r\ntransfer-encoding: chunked")], b"0\r\n\r\n", false),
            (vec![("x\r\ntransfer-encoding: chunked\r\ny", "a")], b"0\r\n\r\n", false),
        ] {
            let head = [(":method", "POST"), (":scheme", "https"), (":path", "/"), (":authority", "a.test")];
            let fields: Vec<_> = head.iter().chain(&fields).collect();
            let block: Vec<u8> =
                fields.iter().flat_map(|(name, value)| literal(name.as_bytes(), value.as_bytes())).collect();
            let (mut reader, mut write) = open(&proxy, b"").await;
            // In one record: a request of length 0 could be answered before its body is seen.
            let all = [frame(HEADERS, END_HEADERS, 1, &block), frame(DATA, END_STREAM, 1, body)].concat();
            write.write_all(&all).await.unwrap();
            write.flush().await.unwrap();
            let answered = loop {
                match reader.next().await {
                    // 200 has an index of its own (RFC 7541, appendix A).
                    Some((HEADERS, _, content)) => break content[0] == 0x88,
                    Some((RST_STREAM | GOAWAY, ..)) | None => break false,
                    Some(_) => {}
                }
            };
            assert_eq!(answered, fine, "{fields:?}");
        }
    });
    let read = agreed(&origin, "HTTP/2");
    let requests: Vec<_> = read.iter().flat_map(|read| &read.requests).collect();
    assert_eq!(requests.len(), 3, "{read:?}");
    assert!(requests.iter().all(|(line, _)| line.starts_with("POST / ")), "{requests:?}");
}
