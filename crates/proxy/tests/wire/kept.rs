//! Kept connections to origins that end at the worst moments: no request is lost to that, and none that must
//! not run twice does (acceptance G5: stale pooled connections).

use crate::kit::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const POST: &str = "HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody";

/// An origin that answers and closes connections that have idled for this long, without having said so.
fn impatient(idle: Duration) -> Origin {
    Origin::scripted(move |wire, _| {
        loop {
            wire.patience(idle);
            let Some(head) = wire.head() else { return };
            let body = wire.body(&head);
            wire.send(&sized(&body));
        }
    })
}

#[test]
fn twenty_posts_at_the_moment_at_which_the_origin_closes_all_arrive_once() {
    for idle in [1, 3, 12, 40, 90] {
        let idle = Duration::from_millis(idle);
        let origin = impatient(idle);
        let proxy = proxy_for(&origin);
        let mut client = Client::of(&proxy);
        for round in 0..20 {
            client.send(format!("POST /{round}. {POST}"));
            assert_eq!(client.answer().unwrap().status(), 200, "{idle:?} {round}");
            pause(idle);
        }
        for round in 0..20 {
            assert_eq!(origin.seen().matches(&format!("POST /{round}. ")).count(), 1, "{idle:?} {round}");
        }
    }
}

#[test]
fn posts_share_connections_as_soon_as_the_origin_is_known_to_keep_them() {
    let origin = Origin::ok();
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    for round in 0..100 {
        client.send(format!("POST / {POST}"));
        assert_eq!(client.answer().unwrap().status(), 200);
        if round == 0 {
            // The first connection is still open a moment later.
            pause(Duration::from_millis(15));
        }
    }
    assert!(origin.connections() <= 3, "{}", origin.connections());
}

#[test]
fn a_body_that_is_there_leaves_with_the_head() {
    // Read by the packet: a head alone would show.
    let origin = Origin::scripted(|wire, _| {
        let first = wire.packet();
        assert!(first.ends_with(b"\r\n\r\nbody"), "{}", String::from_utf8_lossy(&first));
        wire.send(&sized(b"whole"));
        wire.drain();
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    client.send(format!("POST / {POST}"));
    assert_eq!(client.answer().unwrap().text(), "whole");
}

#[test]
fn a_put_whose_connection_ends_under_it_goes_again_with_its_body() {
    let origin = Origin::scripted(|wire, number| {
        while let Some(head) = wire.head() {
            let body = wire.body(&head);
            if number == 0 && head.contains("/second") {
                return;
            }
            wire.send(&sized(&body));
        }
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    earn_trust(&mut client);
    client.send(
        "PUT /second HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    assert_eq!(client.answer().unwrap().text(), "abc");
    assert_eq!(origin.seen().matches("PUT /second").count(), 2);
    // The body that was held is not taken for the next request.
    assert_eq!(client.get("/next").status(), 200);
}

#[test]
fn a_kept_connection_is_not_used_close_to_the_time_that_the_origin_gives_it() {
    let origin = Origin::answering(|_, _| {
        b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0, max=100\r\nContent-Length: 2\r\n\r\nok".to_vec()
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    for _ in 0..3 {
        assert_eq!(client.get("/").header("keep-alive"), None);
    }
    assert_eq!(origin.connections(), 3);
}

#[test]
fn posts_that_race_with_the_end_of_a_connection_never_run_twice() {
    // The origin ends a connection while the next request is on its way: neither side can know the order.
    let newest = Arc::new(Mutex::new(None));
    let remember = newest.clone();
    let origin = Origin::scripted(move |wire, _| {
        *remember.lock().unwrap() = Some(wire.handle());
        while let Some(head) = wire.head() {
            let body = wire.body(&head);
            wire.send(&sized(&body));
        }
    });
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    let (mut answered, mut connections) = (0, 0);
    for round in 0..40 {
        earn_trust(&mut client);
        let handle = newest.lock().unwrap().take();
        connections += usize::from(handle.is_some());
        let close = std::thread::spawn(move || {
            handle.map(|origin| origin.shutdown(std::net::Shutdown::Both));
        });
        client.send(format!("POST /{round}. {POST}"));
        match client.answer().unwrap().status() {
            200 => answered += 1,
            502 => {}
            other => panic!("{other}"),
        }
        close.join().unwrap();
        assert!(origin.seen().matches(&format!("POST /{round}. ")).count() <= 1, "{round}");
    }
    assert!(answered > 20 && connections > 10, "{answered} {connections}");
}

#[test]
fn many_old_connections_do_not_keep_new_ones_from_being_used_again() {
    // More at once than are kept, so that the pool is full of connections too old for a POST.
    let origin = Origin::scripted(|wire, _| {
        while let Some(head) = wire.head() {
            wire.body(&head);
            if head.contains("/together") {
                pause(Duration::from_millis(300));
            }
            wire.send(&sized(b"ok"));
        }
    });
    let proxy = proxy_for(&origin);
    let mut crowd: Vec<_> = (0..140).map(|_| Client::of(&proxy)).collect();
    for client in &mut crowd {
        client.send("GET /together HTTP/1.1\r\nHost: a.test\r\n\r\n");
    }
    for client in &mut crowd {
        assert_eq!(client.answer().unwrap().status(), 200);
    }
    pause(Duration::from_millis(1500));
    let before = origin.connections();
    let mut client = Client::of(&proxy);
    for _ in 0..50 {
        client.send(format!("POST / {POST}"));
        assert_eq!(client.answer().unwrap().status(), 200);
    }
    assert!(origin.connections() - before <= 3, "{}", origin.connections() - before);
}
