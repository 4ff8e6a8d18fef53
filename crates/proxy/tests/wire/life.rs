//! Starting, changing, limits and ending (acceptance C1, G1, G4, G9).

use crate::kit::*;
use base::{Clock, SystemClock, Timestamp};
use proxy::spec::Spec;
use proxy::{Fault, Limits, Listening, LogSettings, Settings, StartError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn a_port_in_use_ends_with_a_sentence_that_says_whom_to_ask() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let settings = Settings { http: vec![address], ..Settings::default() };
    let error = proxy::start(settings, config(&Spec::default()), Arc::new(SystemClock)).unwrap_err();
    assert!(matches!(error, StartError::InUse { .. }));
    assert!(error.to_string().contains(&format!("ss -ltnp 'sport = :{}'", address.port())), "{error}");
    // Also when the other one would share the port.
    let origin = Origin::ok();
    let first = proxy_for(&origin);
    let settings = Settings { http: vec![first.http()[0]], ..Settings::default() };
    assert!(proxy::start(settings, config(&Spec::default()), Arc::new(SystemClock)).is_err());
}

#[test]
fn several_workers_serve_one_address_and_their_counters_are_added_up() {
    let origin = Origin::ok();
    let settings = Settings {
        http: vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()],
        workers: 3,
        limits: quick(),
        ..Settings::default()
    };
    let proxy = proxy::start(settings, config(&spec_for(&origin)), Arc::new(SystemClock)).unwrap();
    for round in 0..40 {
        assert_eq!(Client::new(proxy.http()[round % 2]).get("/").status(), 200);
    }
    eventually("all are counted", || proxy.stats().requests == 40);
    let stats = proxy.stats();
    assert_eq!((stats.statuses, stats.hosts["id-a.test"].requests), ([0, 40, 0, 0, 0], 40));
    assert!(stats.hosts["id-a.test"].latency.quantile(0.95).is_some() && stats.bytes_out > 40 * 30);
}

#[test]
fn a_new_configuration_serves_the_next_request_on_a_kept_connection_and_none_fails() {
    let (old, new) = (Origin::answering(|_, _| sized(b"0")), Origin::answering(|_, _| sized(b"1")));
    let specs = [spec_for(&old), spec_for(&new)];
    let proxy = proxy_for(&old);
    let stop = AtomicBool::new(false);
    let served: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|kind| {
                let (proxy, stop) = (&proxy, &stop);
                scope.spawn(move || {
                    let mut kept = Client::of(proxy);
                    let mut count = 0;
                    while !stop.load(Ordering::SeqCst) {
                        let answer = if kind == 0 { Client::of(proxy).get("/") } else { kept.get("/") };
                        assert_eq!((answer.status(), answer.header("connection")), (200, None));
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let mut kept = Client::of(&proxy);
        for round in 0..200 {
            proxy.publish(config(&specs[round % 2]));
            assert_eq!(kept.get("/").text(), (round % 2).to_string());
        }
        stop.store(true, Ordering::SeqCst);
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert!(served > 0);
    assert_eq!(proxy.stats().unanswered, 0);
}

#[test]
fn a_head_that_trickles_is_cut_in_absolute_time() {
    let origin = Origin::ok();
    let limits = Limits { head: Duration::from_millis(300), ..quick() };
    let proxy = start(&spec_for(&origin), limits, LogSettings::default());
    let before = SystemClock.monotonic();
    let mut client = Client::of(&proxy);
    let stream = client.stream.try_clone().unwrap();
    let trickle = std::thread::spawn(move || {
        use std::io::Write;
        for byte in b"GET / HTTP/1.1\r\nHost: a.test\r\nX: ".iter().chain(std::iter::repeat(&b'x')) {
            if (&stream).write_all(&[*byte]).is_err() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    });
    let answer = client.answer().unwrap();
    assert_eq!((answer.status(), answer.header("connection").as_deref()), (408, Some("close")));
    assert!(SystemClock.monotonic() - before < Duration::from_secs(2));
    trickle.join().unwrap();
}

#[test]
fn idle_and_silent_connections_are_closed_without_an_answer() {
    let origin = Origin::ok();
    let soon = Duration::from_millis(100);
    let quick = Limits { idle: soon, head: soon, handshake: soon, ..quick() };
    let proxy = start(&spec_for(&origin), quick, LogSettings::default());
    assert_eq!(Client::of(&proxy).rest(), b"");
    assert_eq!(Client::new(proxy.https()[0]).rest(), b"");
    let mut client = Client::of(&proxy);
    assert_eq!(client.get("/").status(), 200);
    assert_eq!(client.rest(), b"");
    eventually("no connection is left", || proxy.stats().connections == 0);
}

#[test]
fn a_client_that_owes_its_body_gets_408_and_one_that_takes_nothing_is_cut() {
    let origin = Origin::scripted(|wire, _| {
        let head = wire.head().unwrap();
        if head.starts_with("POST") {
            return wire.drain();
        }
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while wire.send(&[b"10000\r\n".as_slice(), &[b'x'; 65536], b"\r\n"].concat()) {}
    });
    let limits = Limits { stall: Duration::from_millis(200), ..quick() };
    let proxy = start(&spec_for(&origin), limits, LogSettings::default());
    let mut live = proxy.watch_log();
    let mut client = Client::of(&proxy);
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhalf");
    assert_eq!(client.answer().unwrap().status(), 408);
    assert_eq!(live.blocking_recv().unwrap().fault, Fault::Client);
    let mut client = Client::of(&proxy);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    client.head().unwrap();
    assert_eq!(live.blocking_recv().unwrap().fault, Fault::Client);
    eventually("the connection is cut", || proxy.stats().connections <= 1);
}

#[test]
fn draining_refuses_new_connections_and_finishes_what_runs() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::answering(move |head, _| {
        if head.contains("/slow") {
            wait.lock().unwrap().recv().unwrap();
        }
        sized(b"ok")
    });
    let proxy = proxy_for(&origin);
    let address = proxy.http()[0];
    let (mut idle, mut slow) = (Client::of(&proxy), Client::of(&proxy));
    assert_eq!(idle.get("/").status(), 200);
    slow.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
    eventually("the slow request is at the origin", || origin.seen().contains("/slow"));
    std::thread::scope(|scope| {
        let drained = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(proxy.drain(PATIENCE));
        });
        assert_eq!(idle.rest(), b"");
        eventually("new connections are refused", || std::net::TcpStream::connect(address).is_err());
        assert!(!drained.is_finished());
        go.send(()).unwrap();
        let answer = slow.answer().unwrap();
        assert_eq!((answer.text().as_str(), answer.header("connection").as_deref()), ("ok", Some("close")));
        drop((idle, slow));
        drained.join().unwrap();
    });
    assert_eq!(proxy.stats().connections, 0);
}

#[test]
fn what_does_not_end_within_the_grace_time_is_cut() {
    let origin = Origin::scripted(|wire, _| wire.drain());
    let proxy = proxy_for(&origin);
    let mut client = Client::of(&proxy);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    eventually("the request is at the origin", || origin.seen().contains("GET"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(proxy.drain(Duration::from_millis(100)));
    assert_eq!(client.rest(), b"");
}

#[test]
fn addresses_come_and_go_while_others_serve_and_open_connections_stay() {
    let origin = Origin::ok();
    let proxy = proxy_for(&origin);
    let mut first = Client::of(&proxy);
    assert_eq!(first.get("/").status(), 200);
    let added = Listening::bind("127.0.0.1:0".parse().unwrap(), false, proxy.workers()).unwrap();
    let address = added.address;
    proxy.listen(added).unwrap();
    assert_eq!(proxy.http()[1], address);
    let mut second = Client::new(address);
    assert_eq!(second.get("/").status(), 200);
    proxy.unlisten(address);
    assert_eq!(proxy.http().len(), 1);
    eventually("new connections are refused", || std::net::TcpStream::connect(address).is_err());
    let answer = second.get("/");
    assert_eq!(
        (answer.status(), answer.header("connection")),
        (200, None),
        "the open one is served as before"
    );
    assert_eq!((first.get("/").status(), Client::of(&proxy).get("/").status()), (200, 200));
    // The address is free for somebody else, and for a second time.
    proxy.listen(Listening::bind(address, false, proxy.workers()).unwrap()).unwrap();
    assert_eq!(Client::new(address).get("/").status(), 200);
}

#[test]
fn a_successor_on_the_same_sockets_takes_over_without_one_failed_request() {
    let origin = Origin::ok();
    let without = || Settings { workers: 2, limits: quick(), ..Settings::default() };
    let begin = |settings| {
        Arc::new(proxy::start(settings, config(&spec_for(&origin)), Arc::new(SystemClock)).unwrap())
    };
    let mut serving = begin(Settings { http: vec!["127.0.0.1:0".parse().unwrap()], ..without() });
    let address = serving.http()[0];
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|kind| {
                let stop = &stop;
                scope.spawn(move || {
                    let (mut count, mut last) = (0, 0);
                    let mut kept = Client::new(address);
                    while !stop.load(Ordering::SeqCst) {
                        if kind < 3 {
                            assert_eq!(Client::new(address).get("/").status(), 200);
                        } else {
                            let answer = kept.get("/");
                            assert_eq!(answer.status(), 200);
                            if answer.header("connection").as_deref() == Some("close") {
                                last += 1;
                                kept = Client::new(address);
                            }
                        }
                        count += 1;
                    }
                    (count, last)
                })
            })
            .collect();
        for round in 0..20 {
            // Another number of workers each time: no socket may be left out.
            let next = begin(Settings { workers: 1 + round % 3, ..without() });
            for listening in serving.sockets().unwrap() {
                let inherited = Listening::inherit(listening.sockets, listening.tls).unwrap();
                next.listen(inherited).unwrap();
            }
            let before = std::mem::replace(&mut serving, next);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(before.retire(PATIENCE));
        }
        stop.store(true, Ordering::SeqCst);
        for (kind, client) in clients.into_iter().enumerate() {
            let (count, last) = client.join().unwrap();
            assert!(
                count > 20 && (kind < 3 || last > 0),
                "client {kind}: {count} requests, {last} times told to go"
            );
        }
    });
}

#[test]
fn what_is_no_listening_socket_is_not_taken_over() {
    let connected = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    assert!(Listening::inherit(Vec::new(), false).is_err());
    assert!(Listening::inherit(vec![connected.try_clone().unwrap(), other], false).is_err());
    let stream = std::net::TcpStream::connect(connected.local_addr().unwrap()).unwrap();
    let stream: std::net::TcpListener = std::os::fd::OwnedFd::from(stream).into();
    assert!(Listening::inherit(vec![stream], false).is_err());
}

/// Panics once in a worker: at the so manieth look at the clock from when it is asked to.
#[derive(Debug, Default)]
struct Faulty(AtomicUsize);

impl Clock for Faulty {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn monotonic(&self) -> Duration {
        let is_worker = std::thread::current().name() == Some("proxy-0");
        let countdown = |left: usize| left.checked_sub(1);
        let fault = is_worker && self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, countdown) == Ok(1);
        assert!(!fault, "a planted fault");
        SystemClock.monotonic()
    }
}

#[test]
fn a_panic_ends_one_connection_and_is_counted_and_the_worker_lives() {
    let origin = Origin::ok();
    let clock = Arc::new(Faulty::default());
    let settings = Settings {
        http: vec!["127.0.0.1:0".parse().unwrap()],
        workers: 1,
        // Only requests read the clock meanwhile.
        limits: Limits { tick: Duration::from_secs(3600), ..Limits::default() },
        ..Settings::default()
    };
    let proxy = proxy::start(settings, config(&spec_for(&origin)), clock.clone()).unwrap();
    let (mut other, mut victim) = (Client::of(&proxy), Client::of(&proxy));
    assert_eq!(other.get("/").status(), 200);
    eventually("the first request is over", || proxy.stats().requests == 1);
    clock.0.store(1, Ordering::SeqCst);
    victim.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(victim.answer().is_none());
    assert_eq!(other.get("/").status(), 200);
    assert_eq!(Client::of(&proxy).get("/").status(), 200);
    assert_eq!(proxy.stats().panics, 1);
    eventually("nothing is in flight", || proxy.stats().in_flight == 0);
}

#[test]
fn a_panic_within_a_request_is_a_500_of_that_request_alone() {
    let origin = Origin::ok();
    let clock = Arc::new(Faulty::default());
    let settings = Settings {
        http: vec!["127.0.0.1:0".parse().unwrap()],
        workers: 1,
        limits: Limits { tick: Duration::from_secs(3600), ..Limits::default() },
        ..Settings::default()
    };
    let proxy = proxy::start(settings, config(&spec_for(&origin)), clock.clone()).unwrap();
    let mut live = proxy.watch_log();
    let (mut other, mut victim) = (Client::of(&proxy), Client::of(&proxy));
    assert_eq!(other.get("/").status(), 200);
    live.blocking_recv().unwrap();
    // The request reads it first, and again when the answer begins.
    clock.0.store(2, Ordering::SeqCst);
    let answer = victim.get("/");
    assert_eq!((answer.status(), answer.header("connection").as_deref()), (500, Some("close")));
    assert!(answer.text().contains("This proxy is at fault"), "{}", answer.text());
    let entry = live.blocking_recv().unwrap();
    assert_eq!((entry.status, entry.fault), (500, Fault::Charon));
    assert_eq!(victim.rest(), b"");
    for _ in 0..3 {
        assert_eq!(other.get("/").status(), 200);
    }
    assert_eq!(Client::of(&proxy).get("/").status(), 200);
    assert_eq!(proxy.stats().panics, 1);
    eventually("nothing is in flight", || proxy.stats().in_flight == 0);
    assert_eq!(proxy.upstreams()[0].servers[0].active, 0);
}
