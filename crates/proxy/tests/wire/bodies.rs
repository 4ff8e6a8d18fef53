//! Bodies both ways: kept connections, chunks, full duplex, large uploads, old clients.

use crate::kit::*;
use std::io::{Read, Write};

#[test]
fn requests_share_a_connection_one_after_the_other_and_sent_ahead() {
    let origin = Origin::answering(|head, _| sized(head.lines().next().unwrap().as_bytes()));
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    for path in ["/1", "/2"] {
        assert_eq!(client.get(path).text(), format!("GET {path} HTTP/1.1"));
    }
    let ahead: String = (3..20).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a.test\r\n\r\n")).collect();
    client.send(ahead);
    for number in 3..20 {
        assert_eq!(client.answer().unwrap().text(), format!("GET /{number} HTTP/1.1"));
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn bodies_arrive_whole_in_either_framing_and_in_any_pieces() {
    let origin = Origin::answering(|head, body| {
        if head.contains("/chunked") {
            let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for piece in body.chunks(7) {
                answer.extend(format!("{:x};ext=1\r\n", piece.len()).bytes());
                answer.extend(piece);
                answer.extend(b"\r\n");
            }
            answer.extend(b"0\r\n\r\n");
            answer
        } else {
            sized(body)
        }
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    let body: String = (0..5000).map(|n| format!("{n} ")).collect();
    for path in ["/sized", "/chunked"] {
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert_eq!(client.answer().unwrap().text(), body);
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"));
        for piece in body.as_bytes().chunks(997) {
            client.send([format!("{:X}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        }
        client.send("0\r\n\r\n");
        assert_eq!(client.answer().unwrap().text(), body);
    }
}

#[test]
fn trailers_of_answers_go_on_without_those_that_frame() {
    let origin = Origin::answering(|_, _| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\n\r\n".to_vec()
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert!(!client.head().unwrap().contains("X-Sum"));
        assert_eq!(client.exactly(22), b"2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n");
    }
}

#[test]
fn an_origin_may_answer_while_the_request_is_still_being_sent() {
    let origin = Origin::scripted(|wire, _| {
        let head = wire.head().unwrap();
        assert!(header(&head, "transfer-encoding").is_some());
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        loop {
            let line = wire.exactly(3);
            if line != b"4\r\n" {
                break;
            }
            let data = wire.exactly(6);
            wire.send(&[b"4\r\n".as_slice(), &data].concat());
        }
        wire.send(b"0\r\n\r\n");
        wire.drain();
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    let head = client.head().unwrap();
    assert!(head.starts_with("HTTP/1.1 200"));
    for number in 0..20 {
        let piece = format!("4\r\n{number:04}\r\n");
        client.send(&piece);
        assert_eq!(client.exactly(9), piece.as_bytes());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.exactly(5), b"0\r\n\r\n");
}

#[test]
fn an_origin_that_answers_early_does_not_spoil_the_next_request() {
    let origin = Origin::scripted(|wire, _| {
        wire.head();
        wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig");
        wire.drain();
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\npart");
    assert_eq!(client.answer().unwrap().status(), 413);
    assert_eq!(client.rest(), b"");
    assert_eq!(Client::of(&proxy).get("/").status(), 413);
    assert_eq!(origin.connections(), 2);
}

#[test]
fn a_client_that_leaves_within_its_body_spoils_nothing_for_the_next() {
    let origin = Origin::scripted(|wire, _| {
        while let Some(head) = wire.head() {
            let body = wire.body(&head);
            if header(&head, "content-length").is_some_and(|length| length != body.len().to_string()) {
                return;
            }
            wire.send(&sized(&body));
        }
    });
    let proxy = proxy_for(&origin);
    for body in ["Content-Length: 1000\r\n\r\npart", "Transfer-Encoding: chunked\r\n\r\n5\r\nhel"] {
        earn_trust(&mut Client::of(&proxy));
        let mut leaving = Client::of(&proxy);
        leaving.send(format!("PUT /left HTTP/1.1\r\nHost: a.test\r\n{body}"));
        eventually("the part is there", || origin.seen().contains("PUT /left"));
        drop(leaving);
        eventually("it is over", || proxy.stats().in_flight == 0);
        for _ in 0..3 {
            assert_eq!(Client::of(&proxy).get("/next").text(), "");
        }
    }
}

#[test]
fn trailers_of_requests_go_on_over_http_1_and_nothing_that_frames_is_among_them() {
    let origin = Origin::ok();
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    client.send(
        "POST / HTTP/1.1\r\nHost: a.test\r\nTE: trailers, deflate;q=0.5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\
         X-Sum: 7\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\nHost: evil\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n",
    );
    assert_eq!(client.answer().unwrap().status(), 200);
    let seen = origin.seen();
    assert!(seen.contains("TE: trailers\r\nConnection: TE\r\n") && !seen.contains("deflate"), "{seen}");
    eventually("the trailers are there", || origin.seen().ends_with("2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n"));
}

#[test]
fn a_client_that_waits_for_100_gets_it_from_the_origin() {
    let origin = Origin::scripted(|wire, _| {
        let head = wire.head().unwrap();
        assert!(header(&head, "expect").is_some());
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n");
        let body = wire.exactly(5);
        wire.send(&sized(&body));
        wire.drain();
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n");
    assert_eq!(client.head().unwrap(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("hello");
    assert_eq!(client.answer().unwrap().text(), "hello");
}

#[test]
fn http_1_0_clients_get_plain_bodies_and_may_keep_their_connection() {
    let origin = Origin::answering(|head, _| {
        if head.contains("/chunked") {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\nX-T: 1\r\n\r\n".to_vec()
        } else {
            sized(b"sized")
        }
    });
    let proxy = proxy_for(&origin);
    let answer = talk(&proxy, "GET /chunked HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n");
    assert!(
        answer.ends_with("\r\n\r\nonetwo")
            && !answer.contains("chunked")
            && answer.contains("Connection: close")
    );
    let mut client = Client::of(&proxy);
    for _ in 0..2 {
        client.send("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n");
        let answer = client.answer().unwrap();
        assert_eq!(
            (answer.text().as_str(), answer.header("connection").as_deref()),
            ("sized", Some("keep-alive"))
        );
    }
    assert!(talk(&proxy, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").ends_with("sized"));
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_upload_and_a_download_of_20_mb_are_streamed_at_flat_memory() {
    if !alone("bodies::an_upload_and_a_download_of_20_mb_are_streamed_at_flat_memory") {
        return;
    }
    const SIZE: usize = 20_000_000;
    let origin = Origin::scripted(|wire, _| {
        let head = wire.head().unwrap();
        if head.starts_with("POST") {
            // The kit remembers what it has read, so the bytes are counted from a plain socket instead.
            unreachable!("uploads go to the counting origin");
        }
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n").as_bytes());
        let piece = vec![b'x'; 100_000];
        for _ in 0..SIZE / piece.len() {
            assert!(wire.send(&piece));
        }
    });
    let counting = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let counting_address = counting.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = counting.accept().unwrap();
        let (mut buffer, mut total, mut head) = (vec![0; 100_000], 0, 0);
        while head == 0 || total < head + SIZE {
            let count = stream.read(&mut buffer).unwrap();
            if head == 0 {
                head = find(&buffer[..count], b"\r\n\r\n").unwrap() + 4;
            }
            total += count;
        }
        stream.write_all(&sized((total - head).to_string().as_bytes())).unwrap();
    });
    let mut spec = spec_for(&origin);
    spec.hosts.push(host("up.test", counting_address));
    let proxy = start(&spec, quick(), proxy::LogSettings::default());
    let before = resident_kib();
    let mut client = Client::of(&proxy);
    client.send(format!("POST / HTTP/1.1\r\nHost: up.test\r\nContent-Length: {SIZE}\r\n\r\n"));
    let piece = vec![b'x'; 100_000];
    for _ in 0..SIZE / piece.len() {
        client.send(&piece);
    }
    assert_eq!(client.answer().unwrap().text(), SIZE.to_string());

    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    client.head().unwrap();
    let mut left = SIZE;
    while left > 0 {
        left -= client.exactly(left.min(50_000)).len();
    }
    // A proxy that gathered the bodies would hold 40 MB.
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 15_000, "{grown} KiB");
}

#[test]
fn a_body_of_which_no_trailer_goes_on_ends_all_the_same() {
    let origin = Origin::answering(|head, body| {
        assert_eq!(body, if head.starts_with("POST") { b"hello".as_slice() } else { b"" });
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nHost: evil\r\n\r\n".to_vec()
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    for _ in 0..3 {
        client.send(
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\
             Host: evil\r\nContent-Length: 9\r\n\r\n",
        );
        let answer = client.answer().expect("an answer");
        assert_eq!((answer.status(), answer.text().as_str(), answer.whole), (200, "ok", true));
        // Not taken for trailers of the request before.
        assert_eq!(client.get("/next").text(), "ok");
    }
    assert_eq!(origin.seen().matches("GET /next").count(), 3);
}
