//! WebSockets, and everything that only looks like them (acceptance A10, A11).

use crate::kit::*;
use base::{Clock, SystemClock};
use std::sync::Arc;
use std::time::Duration;

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn a_websocket_is_a_tunnel_once_the_origin_agrees() {
    let origin = Origin::scripted(|wire, _| {
        let head = wire.head().unwrap();
        assert_eq!(header(&head, "upgrade").as_deref(), Some("websocket"));
        assert_eq!(header(&head, "connection").as_deref(), Some("Upgrade"));
        assert!(header(&head, "sec-websocket-key").is_some());
        wire.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: x\r\n\r\nfirst",
        );
        for _ in 0..3 {
            let got = wire.exactly(4);
            wire.send(&got);
        }
        wire.drain();
    });
    let proxy = proxy_for(&origin);
    let mut live = proxy.watch_log();
    let mut client = Client::of(&proxy);
    client.send([ASK, "ping"].concat());
    let head = client.head().unwrap();
    assert!(
        head.starts_with("HTTP/1.1 101 ") && header(&head, "upgrade").as_deref() == Some("websocket"),
        "{head}"
    );
    assert!(header(&head, "sec-websocket-accept").is_some());
    assert_eq!(client.exactly(9), b"firstping");
    for text in ["\0\x01\x02\n", "pong"] {
        client.send(text);
        assert_eq!(client.exactly(4), text.as_bytes());
    }
    // A new configuration does not touch it.
    proxy.publish(config(&spec_for(&origin)));
    drop(client);
    assert_eq!(live.blocking_recv().unwrap().status, 101);
}

#[test]
fn a_websocket_outlives_a_drain_to_the_end_of_its_grace_and_both_ends_are_told_goodbye() {
    let (told, goodbye) = std::sync::mpsc::channel();
    let origin = Origin::scripted(move |wire, _| {
        wire.head().unwrap();
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        assert_eq!(wire.exactly(6), b"\x81\x80abcd");
        wire.send(b"\x81\x02hi");
        told.send(wire.exactly(8)).unwrap();
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    client.send(ASK);
    client.head().unwrap();
    std::thread::scope(|scope| {
        let (proxy, began) = (&proxy, SystemClock.monotonic());
        let drained = scope.spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(proxy.drain(Duration::from_millis(600)));
            SystemClock.monotonic() - began
        });
        eventually("new connections are refused", || proxy.http().is_empty());
        client.send(b"\x81\x80abcd");
        assert_eq!(client.exactly(4), b"\x81\x02hi", "it goes on");
        assert_eq!(client.rest(), b"\x88\x02\x03\xe9", "close, 1001");
        drop(client);
        assert!(drained.join().unwrap() >= Duration::from_millis(600));
    });
    let frame = goodbye.recv_timeout(PATIENCE).unwrap();
    assert_eq!(frame[..2], [0x88, 0x82], "close, masked");
    assert_eq!([frame[6] ^ frame[2], frame[7] ^ frame[3]], 1001_u16.to_be_bytes());
}

#[test]
fn without_a_101_the_connection_stays_http() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno",
    ] {
        let origin = Origin::answering(move |_, _| answer.as_bytes().to_vec());
        let proxy = proxy_for(&origin);
        let mut client = Client::of(&proxy);
        client.send([ASK, "GET /internal HTTP/1.1\r\nHost: unknown.test\r\n\r\n"].concat());
        assert_eq!(client.answer().unwrap().text(), "no");
        assert_eq!(client.answer().unwrap().status(), 404, "the second request is one of its own");
        assert!(!origin.seen().contains("/internal"));
    }
}

#[test]
fn other_upgrades_never_reach_the_origin() {
    let origin = Origin::mirror();
    let proxy = proxy_for(&origin);
    for upgrade in ["h2c", "foo", "TLS/1.0", "websocket, h2c", "h2c\r\nUpgrade: websocket"] {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\n\
             HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\nGET /next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
        );
        let answer = talk(&proxy, request);
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{upgrade}: {answer}");
        let seen = answer.to_lowercase();
        assert!(!seen.contains("upgrade:") && !seen.contains("http2-settings"), "{upgrade}: {answer}");
    }
}

#[test]
fn an_origin_cannot_switch_what_was_not_asked_for() {
    let origin = Origin::scripted(|wire, _| {
        wire.head();
        wire.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nraw",
        );
        wire.drain();
    });
    let proxy = proxy_for(&origin);
    assert_eq!(Client::of(&proxy).get("/").status(), 502);
}

#[test]
fn a_websocket_over_http_2_is_a_stream_that_the_origin_sees_as_an_upgrade() {
    use crate::http2::{http2, run, secure_with};
    let origin = Origin::scripted(|wire, _| {
        let head = wire.head().unwrap();
        if head.contains("/refused") {
            wire.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
            return;
        }
        assert!(head.starts_with("GET /chat HTTP/1.1\r\nHost: a.test\r\n"), "{head}");
        assert_eq!(header(&head, "sec-websocket-key").map(|key| key.len()), Some(24));
        assert_eq!(header(&head, "upgrade").as_deref(), Some("websocket"));
        wire.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\nhello",
        );
        while let piece = wire.exactly(4)
            && piece.len() == 4
        {
            wire.send(&piece);
        }
        wire.send(b"bye");
    });
    let proxy = secure_with(&origin, quick());
    let mut live = proxy.watch_log();
    let ask = |path: &str| {
        let mut request = http::Request::builder()
            .method("CONNECT")
            .uri(format!("https://a.test{path}"))
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", "chat")
            .body(())
            .unwrap();
        request.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
        request
    };
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        while !sender.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let (answer, mut up) = sender.send_request(ask("/chat"), false).unwrap();
        let (head, mut down) = answer.await.unwrap().into_parts();
        assert_eq!(
            (head.status.as_u16(), &head.headers["sec-websocket-protocol"]),
            (200, &"chat".parse().unwrap())
        );
        assert!(!head.headers.contains_key("sec-websocket-accept"));
        assert_eq!(down.data().await.unwrap().unwrap(), "hello");
        for word in ["ping", "pong"] {
            up.send_data(word.into(), false).unwrap();
            assert_eq!(down.data().await.unwrap().unwrap(), word);
        }
        // The end of one direction is passed on, and the other one goes on until its own.
        up.send_data("last".into(), true).unwrap();
        let mut rest = Vec::new();
        while let Some(data) = down.data().await {
            rest.extend_from_slice(&data.unwrap());
        }
        assert_eq!(rest, b"lastbye");
        let (answer, _up) = sender.send_request(ask("/refused"), false).unwrap();
        assert_eq!(answer.await.unwrap().status().as_u16(), 403);
    });
    let entry = live.blocking_recv().unwrap();
    assert_eq!((entry.status, entry.bytes_out > 5), (101, true));
    eventually("nothing is in flight", || proxy.stats().in_flight == 0);
}

#[test]
fn a_websocket_over_http_2_outlives_a_drain_and_both_ends_are_told_goodbye() {
    use crate::http2::{http2, run, secure_with};
    let (told, goodbye) = std::sync::mpsc::channel();
    let origin = Origin::scripted(move |wire, _| {
        wire.head().unwrap();
        wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        assert_eq!(wire.exactly(6), b"\x81\x80abcd");
        wire.send(b"\x81\x02hi");
        told.send(wire.exactly(8)).unwrap();
    });
    let proxy = Arc::new(secure_with(&origin, quick()));
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        while !sender.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let mut ask = http::Request::builder().method("CONNECT").uri("https://a.test/chat").body(()).unwrap();
        ask.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
        let (answer, mut up) = sender.send_request(ask, false).unwrap();
        let (head, mut down) = answer.await.unwrap().into_parts();
        assert_eq!(head.status.as_u16(), 200);
        let draining = proxy.clone();
        let drained = tokio::task::spawn_local(async move {
            draining.drain(Duration::from_millis(600)).await;
        });
        while !proxy.http().is_empty() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        up.send_data(b"\x81\x80abcd".as_slice().into(), false).unwrap();
        let mut heard = Vec::new();
        while let Some(data) = down.data().await {
            let data = data.expect("the stream ends in order");
            down.flow_control().release_capacity(data.len()).unwrap();
            heard.extend_from_slice(&data);
        }
        assert_eq!(heard, b"\x81\x02hi\x88\x02\x03\xe9", "it goes on, and ends with 1001");
        drained.await.unwrap();
    });
    let frame = goodbye.recv_timeout(PATIENCE).unwrap();
    assert_eq!(frame[..2], [0x88, 0x82], "close, masked");
    assert_eq!([frame[6] ^ frame[2], frame[7] ^ frame[3]], 1001_u16.to_be_bytes());
}
