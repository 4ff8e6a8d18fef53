//! Several servers behind one host: who gets what, who steps in, and what waits (acceptance G5, G6).

use crate::kit::*;
use base::{Clock, Secret, SystemClock};
use proxy::spec::{
    AllDown, Balance, ConnectionLimits, Passive, ProxyProtocol, Server, Spec, Sticky, Timeouts, Upstream,
};
use proxy::{Fault, Limits, LogSettings, Proxy, ServerHealth, Settings};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// An origin that says its name.
pub(crate) fn named(name: &'static str) -> Origin {
    Origin::answering(move |_, _| sized(name.as_bytes()))
}

/// An upstream of these servers.
pub(crate) fn of(addresses: &[SocketAddr]) -> Upstream {
    let servers = addresses.iter().map(|address| upstream(*address).servers.remove(0)).collect();
    Upstream { servers, ..upstream(addresses[0]) }
}

pub(crate) fn spec_with(upstream: Upstream) -> Spec {
    let mut host = host("a.test", "127.0.0.1:1".parse().unwrap());
    host.upstream = upstream;
    Spec { hosts: vec![host], cookie_key: Secret::new("0123456789abcdef".to_owned()), ..Spec::default() }
}

pub(crate) fn serve(upstream: Upstream) -> Proxy {
    start(&spec_with(upstream), quick(), LogSettings::default())
}

/// How often each answer came in so many requests.
pub(crate) fn tally(client: &mut Client, count: usize) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for _ in 0..count {
        *tally.entry(client.get("/").text()).or_default() += 1;
    }
    tally
}

/// An address where nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn tallied(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn round_robin_follows_the_weights_exactly() {
    let (one, two) = (named("one"), named("two"));
    let mut upstream = of(&[one.address, two.address]);
    upstream.servers[0].weight = 3;
    let proxy = serve(upstream);
    assert_eq!(tally(&mut Client::of(&proxy), 40), tallied(&[("one", 30), ("two", 10)]));
    let status = proxy.upstreams();
    let requests: Vec<_> = status[0].servers.iter().map(|server| server.requests).collect();
    assert_eq!((requests, status[0].servers[0].health), (vec![30, 10], ServerHealth::Healthy));
}

#[test]
fn least_connections_gives_to_the_idle_server_and_ip_hash_stays() {
    let hanging = |name: &'static str| {
        Origin::scripted(move |wire, _| {
            while let Some(head) = wire.head() {
                if head.contains("/hang") {
                    return wire.drain();
                }
                wire.send(&sized(name.as_bytes()));
            }
        })
    };
    let (one, two) = (hanging("one"), hanging("two"));
    let upstream = Upstream { balance: Balance::LeastConnections, ..of(&[one.address, two.address]) };
    let proxy = serve(upstream.clone());
    let mut client = Client::of(&proxy);
    client.send("GET /hang HTTP/1.1\r\nHost: a.test\r\n\r\n");
    eventually("the request hangs", || (one.seen() + &two.seen()).contains("/hang"));
    let idle = if one.seen().contains("/hang") { "two" } else { "one" };
    assert_eq!(tally(&mut Client::of(&proxy), 20), tallied(&[(idle, 20)]));
    let proxy = serve(Upstream { balance: Balance::IpHash, ..upstream });
    assert_eq!(tally(&mut Client::of(&proxy), 20).len(), 1);
}

#[test]
fn random_two_uses_all_servers() {
    let (one, two, three) = (named("one"), named("two"), named("three"));
    let all = of(&[one.address, two.address, three.address]);
    let proxy = serve(Upstream { balance: Balance::RandomTwo, ..all });
    let tally = tally(&mut Client::of(&proxy), 150);
    assert!(tally.len() == 3 && tally.values().all(|count| *count > 20), "{tally:?}");
}

#[test]
fn with_one_of_two_servers_down_no_get_fails_and_posts_arrive_once() {
    let posts = Arc::new(AtomicUsize::new(0));
    let counted = posts.clone();
    let alive = Origin::answering(move |head, body| {
        if head.starts_with("POST") {
            assert_eq!(body, b"order");
            counted.fetch_add(1, Ordering::SeqCst);
        }
        sized(b"alive")
    });
    let proxy = serve(of(&[nobody(), alive.address]));
    let mut client = Client::of(&proxy);
    for _ in 0..30 {
        assert_eq!(client.get("/").status(), 200);
        client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\norder");
        assert_eq!(client.answer().unwrap().status(), 200);
    }
    assert_eq!(posts.load(Ordering::SeqCst), 30);
    let dead = &proxy.upstreams()[0].servers[0];
    assert_eq!(dead.health, ServerHealth::Aside);
    assert!(dead.why.as_ref().unwrap().contains("refused the connection"), "{:?}", dead.why);
    // Put aside after three failures, it costs the rest of the requests nothing.
    assert!((3..20).contains(&dead.failures), "{}", dead.failures);
}

#[test]
fn a_get_goes_to_another_server_when_one_ends_without_an_answer_and_a_post_does_not() {
    let posts = Arc::new(AtomicUsize::new(0));
    let (first, second) = (posts.clone(), posts.clone());
    let rude = Origin::scripted(move |wire, _| {
        let head = wire.head().unwrap_or_default();
        wire.body(&head);
        first.fetch_add(usize::from(head.starts_with("POST")), Ordering::SeqCst);
    });
    let alive = Origin::answering(move |head, _| {
        second.fetch_add(usize::from(head.starts_with("POST")), Ordering::SeqCst);
        sized(b"alive")
    });
    let mut upstream = of(&[rude.address, alive.address]);
    upstream.passive.failures = 0;
    let proxy = serve(upstream);
    let mut client = Client::of(&proxy);
    assert_eq!(tally(&mut client, 20), tallied(&[("alive", 20)]));
    let mut failed = 0;
    for body in ["order", ""].repeat(10) {
        // An odd request between the two kinds, so that both meet both servers.
        if body.is_empty() {
            client.get("/");
        }
        let mut client = Client::of(&proxy);
        let length = body.len();
        client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {length}\r\n\r\n{body}"));
        failed += usize::from(client.answer().unwrap().status() == 502);
    }
    // As many as there were, whatever became of them.
    assert_eq!(posts.load(Ordering::SeqCst), 20);
    assert!((5..=15).contains(&failed), "{failed}");
}

#[test]
fn backups_serve_only_while_no_other_server_is_well() {
    let backup = named("backup");
    let address = nobody();
    let mut upstream = of(&[address, backup.address]);
    upstream.servers[1].backup = true;
    let proxy = serve(upstream);
    let mut client = Client::of(&proxy);
    assert_eq!(tally(&mut client, 10), tallied(&[("backup", 10)]));
    let listener = std::net::TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::io::Read::read(&mut stream, &mut [0; 1000]).unwrap();
            std::io::Write::write_all(&mut stream, &sized(b"main")).unwrap();
        }
    });
    eventually("the main server has everything again", || tally(&mut client, 3) == tallied(&[("main", 3)]));
}

#[test]
fn all_down_is_tried_by_default_and_refused_at_once_on_demand() {
    let (one, two) = (nobody(), nobody());
    let proxy = serve(of(&[one, two]));
    for _ in 0..10 {
        assert_eq!(Client::of(&proxy).get("/").status(), 502);
    }
    // Not waiting for a back-off: the site is back as soon as a server is.
    let listener = std::net::TcpListener::bind(one).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Read::read(&mut stream, &mut [0; 1000]).unwrap();
        std::io::Write::write_all(&mut stream, &sized(b"back")).unwrap();
    });
    assert_eq!(Client::of(&proxy).get("/").text(), "back");
}

#[test]
fn a_circuit_breaker_opens_tries_one_request_and_closes() {
    let (asked, well) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (asked_, well_) = (asked.clone(), well.clone());
    let origin = Origin::answering(move |_, _| {
        asked_.fetch_add(1, Ordering::SeqCst);
        match well_.load(Ordering::SeqCst) {
            0 => b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n".to_vec(),
            _ => sized(b"well"),
        }
    });
    let mut upstream = of(&[origin.address]);
    upstream.all_down = AllDown::Refuse;
    upstream.passive = Passive {
        failures: 2,
        back_off_ms: 300,
        statuses: base::StatusSet::parse("500-599").unwrap(),
        ..Passive::default()
    };
    let proxy = serve(upstream);
    let mut live = proxy.watch_log();
    let mut client = Client::of(&proxy);
    let opened = SystemClock.monotonic();
    let statuses: Vec<_> = (0..5).map(|_| client.get("/").status()).collect();
    assert_eq!((statuses, asked.load(Ordering::SeqCst)), (vec![500, 500, 503, 503, 503], 2));
    let entries: Vec<_> = (0..5).map(|_| live.blocking_recv().unwrap()).collect();
    assert_eq!(entries[4].fault, Fault::Upstream);
    assert!(entries[4].stop.as_ref().unwrap().reason.contains("known to be well"));
    // One trial after the back-off; it fails, and the next one has to wait for twice as long.
    eventually("a trial", || client.get("/").status() == 500);
    let first = SystemClock.monotonic() - opened;
    assert!(first >= Duration::from_millis(300) && asked.load(Ordering::SeqCst) == 3, "{first:?}");
    well.store(1, Ordering::SeqCst);
    eventually("it is well again", || client.get("/").status() == 200);
    assert!(SystemClock.monotonic() - opened >= Duration::from_millis(900));
    assert_eq!(tally(&mut client, 10), tallied(&[("well", 10)]));
    assert_eq!(proxy.upstreams()[0].servers[0].health, ServerHealth::Healthy);
}

#[test]
fn a_signed_cookie_keeps_a_client_at_its_server() {
    let (one, two, three) = (named("one"), named("two"), named("three"));
    let mut upstream = of(&[one.address, two.address, three.address]);
    upstream.sticky = Some(Sticky { max_age_s: Some(60), ..Sticky::default() });
    let spec = spec_with(upstream);
    let proxy = start(&spec, quick(), LogSettings::default());
    let mut tokens = BTreeMap::new();
    for _ in 0..3 {
        let first = Client::of(&proxy).get("/");
        let cookie = first.header("set-cookie").unwrap();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"), "{cookie}");
        assert!(!cookie.contains("127.0.0.1"));
        let pair = cookie.split(';').next().unwrap().to_owned();
        let mut client = Client::of(&proxy);
        for _ in 0..5 {
            client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\nCookie: x=1; {pair}; y=2\r\n\r\n"));
            let again = client.answer().unwrap();
            assert_eq!((again.text(), again.header("set-cookie")), (first.text(), None));
        }
        tokens.insert(first.text(), pair);
    }
    assert_eq!(tokens.len(), 3, "each server has its own");
    // A made-up value is nobody's, and the client gets a real one.
    let made_up = format!("charon_server={}", "0".repeat(32));
    let mut client = Client::of(&proxy);
    client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\nCookie: {made_up}\r\n\r\n"));
    assert!(client.answer().unwrap().header("set-cookie").is_some());
    // The same key gives the same cookies after a restart; another key does not.
    let again = start(&spec, quick(), LogSettings::default());
    let other = Spec { cookie_key: Secret::new("another key, as long".to_owned()), ..spec };
    let other = start(&other, quick(), LogSettings::default());
    for (proxy, known) in [(&again, true), (&other, false)] {
        let mut client = Client::of(proxy);
        client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\nCookie: {}\r\n\r\n", tokens["two"]));
        let answer = client.answer().unwrap();
        assert_eq!(answer.header("set-cookie").is_none(), known);
        assert!(!known || answer.text() == "two");
    }
}

#[test]
fn a_sticky_client_moves_when_its_server_is_down() {
    let (one, two) = (named("one"), nobody());
    let mut upstream = of(&[one.address, two]);
    upstream.sticky = Some(Sticky::default());
    let proxy = serve(upstream);
    for _ in 0..6 {
        let answer = Client::of(&proxy).get("/");
        assert_eq!(answer.text(), "one");
        assert!(answer.header("set-cookie").is_some());
    }
}

/// An upstream that lets two requests in at once, each held back until it is let go.
fn limited(queue: u32, timeout_ms: u32) -> (Origin, std::sync::mpsc::Sender<()>, Upstream) {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::answering(move |_, _| {
        wait.lock().unwrap().recv().unwrap();
        sized(b"ok")
    });
    let mut upstream = of(&[origin.address]);
    upstream.limits = ConnectionLimits { max_connections: Some(2), queue, queue_timeout_ms: timeout_ms };
    (origin, go, upstream)
}

#[test]
fn requests_beyond_the_limit_wait_and_beyond_the_queue_get_503() {
    let (origin, go, upstream) = limited(1, 60_000);
    let proxy = serve(upstream);
    let mut clients: Vec<_> = (0..3).map(|_| Client::of(&proxy)).collect();
    for (count, client) in clients.iter_mut().enumerate() {
        client.send("GET /held HTTP/1.1\r\nHost: a.test\r\n\r\n");
        eventually("it is in, or waits", || {
            let status = &proxy.upstreams()[0];
            status.servers[0].active + u64::from(status.waiting) == count as u64 + 1
        });
    }
    let status = proxy.upstreams();
    assert_eq!((status[0].servers[0].active, status[0].waiting), (2, 1));
    let refused = Client::of(&proxy).get("/");
    assert_eq!(refused.status(), 503);
    assert!(refused.text().contains("at their limit"), "{}", refused.text());
    eventually("two have reached the origin", || origin.seen().matches("/held").count() == 2);
    for _ in 0..3 {
        go.send(()).unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.answer().unwrap().text(), "ok");
    }
    eventually("all places are free", || proxy.upstreams()[0].servers[0].active == 0);
    assert_eq!(proxy.upstreams()[0].waiting, 0);
}

#[test]
fn the_limit_of_a_server_holds_over_all_workers() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, peak) = (now.clone(), most.clone());
    let origin = Origin::answering(move |_, _| {
        peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::yield_now();
        inside.fetch_sub(1, Ordering::SeqCst);
        sized(b"ok")
    });
    let mut upstream = of(&[origin.address]);
    upstream.limits = ConnectionLimits { max_connections: Some(2), queue: 1000, queue_timeout_ms: 60_000 };
    let settings = Settings {
        http: vec!["127.0.0.1:0".parse().unwrap()],
        workers: 4,
        limits: quick(),
        ..Settings::default()
    };
    let proxy = proxy::start(settings, config(&spec_with(upstream)), Arc::new(SystemClock)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(Client::of(&proxy).get("/").status(), 200);
                }
            });
        }
    });
    assert!(most.load(Ordering::SeqCst) <= 2, "{}", most.load(Ordering::SeqCst));
    eventually("all places are free", || proxy.upstreams()[0].servers[0].active == 0);
    assert_eq!((proxy.upstreams()[0].waiting, proxy.stats().statuses[4]), (0, 0));
}

#[test]
fn a_request_waits_for_a_place_no_longer_than_it_may_and_leaves_with_its_client() {
    let (_origin, go, upstream) = limited(10, 300);
    let proxy = serve(upstream);
    let mut busy: Vec<_> = (0..2).map(|_| Client::of(&proxy)).collect();
    for client in &mut busy {
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    }
    eventually("all places are taken", || proxy.upstreams()[0].servers[0].active == 2);
    let before = SystemClock.monotonic();
    let late = Client::of(&proxy).get("/");
    let waited = SystemClock.monotonic() - before;
    assert_eq!(late.status(), 503);
    assert!(late.text().contains("for too long") && waited >= Duration::from_millis(300), "{waited:?}");
    let mut leaving = Client::of(&proxy);
    leaving.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    eventually("it waits", || proxy.upstreams()[0].waiting == 1);
    drop(leaving);
    eventually("it has left", || proxy.upstreams()[0].waiting == 0);
    for _ in 0..2 {
        go.send(()).unwrap();
    }
    for client in &mut busy {
        assert_eq!(client.answer().unwrap().status(), 200);
    }
}

#[test]
fn each_upstream_has_its_own_time_outs() {
    let silent = Origin::scripted(|wire, _| wire.drain());
    let mut upstream = of(&[silent.address]);
    upstream.timeouts = Timeouts { read_ms: Some(300), ..Timeouts::default() };
    let proxy = serve(upstream);
    let before = SystemClock.monotonic();
    assert_eq!(Client::of(&proxy).get("/").status(), 504);
    let took = SystemClock.monotonic() - before;
    assert!((280..900).contains(&took.as_millis()), "{took:?}");

    // A pause within an answer has a limit of its own.
    let pausing = Origin::scripted(|wire, _| {
        wire.head();
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        wire.drain();
    });
    let mut upstream = of(&[pausing.address]);
    upstream.timeouts = Timeouts { read_ms: Some(60_000), pause_ms: Some(200), ..Timeouts::default() };
    let answer = Client::of(&serve(upstream)).get("/");
    assert!(!answer.whole);

    // So has an origin that takes nothing of a request.
    let full = Origin::scripted(|wire, _| {
        wire.head();
        std::thread::park_timeout(Duration::from_secs(8));
    });
    let mut upstream = of(&[full.address]);
    upstream.timeouts = Timeouts { write_ms: Some(200), read_ms: Some(60_000), ..Timeouts::default() };
    let proxy = serve(upstream);
    let mut client = Client::of(&proxy);
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000000\r\n\r\n");
    let mut stream = client.stream.try_clone().unwrap();
    let upload =
        std::thread::spawn(move || while std::io::Write::write_all(&mut stream, &[b'x'; 65536]).is_ok() {});
    assert_eq!(client.answer().unwrap().status(), 504);
    drop(client);
    drop(proxy);
    upload.join().unwrap();
}

#[test]
fn a_server_that_does_not_accept_is_a_504_on_time() {
    // A listener whose queue is full: further connections get no answer.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    full.listen(0).unwrap();
    let address = full.local_addr().unwrap().as_socket().unwrap();
    let _fill: Vec<_> =
        (0..3).map(|_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(100))).collect();
    let mut upstream = of(&[address]);
    upstream.timeouts.connect_ms = Some(300);
    let proxy = serve(upstream);
    let before = SystemClock.monotonic();
    let answer = Client::of(&proxy).get("/");
    let took = SystemClock.monotonic() - before;
    assert_eq!(answer.status(), 504);
    assert!((290..900).contains(&took.as_millis()), "{took:?}");
}

#[test]
fn a_server_that_is_down_is_502_within_50_ms_and_serves_within_a_second_of_its_return() {
    let address = nobody();
    let proxy = serve(of(&[address]));
    let mut client = Client::of(&proxy);
    client.get("/");
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let before = SystemClock.monotonic();
        assert_eq!(client.get("/").status(), 502);
        slowest = slowest.max(SystemClock.monotonic() - before);
    }
    assert!(slowest < Duration::from_millis(50), "{slowest:?}");
    let listener = std::net::TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Read::read(&mut stream, &mut [0; 1000]).unwrap();
        std::io::Write::write_all(&mut stream, &sized(b"back")).unwrap();
    });
    let before = SystemClock.monotonic();
    assert_eq!(client.get("/").text(), "back");
    let took = SystemClock.monotonic() - before;
    assert!(took < Duration::from_secs(1), "{took:?}");
    println!("down: 502 in at most {slowest:?}; back: 200 after {took:?}");
}

#[test]
fn two_hundred_clients_that_leave_leave_no_connection_to_the_origin() {
    let open = Arc::new(AtomicUsize::new(0));
    let counted = open.clone();
    let origin = Origin::scripted(move |wire, _| {
        wire.head();
        counted.fetch_add(1, Ordering::SeqCst);
        wire.drain();
        counted.fetch_sub(1, Ordering::SeqCst);
    });
    let limits = Limits { connections_per_client: 0, ..quick() };
    let proxy = start(&spec_with(of(&[origin.address])), limits, LogSettings::default());
    let mut clients: Vec<_> = (0..200).map(|_| Client::of(&proxy)).collect();
    for client in &mut clients {
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    }
    eventually("all are at the origin", || open.load(Ordering::SeqCst) == 200);
    let before = SystemClock.monotonic();
    drop(clients);
    eventually("none is left", || open.load(Ordering::SeqCst) == 0);
    let took = SystemClock.monotonic() - before;
    assert!(took < Duration::from_secs(1), "{took:?}");
    println!("200 clients gone: 0 connections after {took:?}");
    eventually("nothing is in flight", || proxy.upstreams()[0].servers[0].active == 0);
}

#[test]
fn a_unix_socket_is_a_server_like_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                while let Ok(1..) = std::io::Read::read(&mut stream, &mut [0; 4000]) {
                    std::io::Write::write_all(&mut stream, &sized(b"socket")).unwrap();
                }
            });
        }
    });
    let mut upstream = of(&[nobody()]);
    let address = format!("unix:{}", path.display());
    upstream.servers[0].address = base::UpstreamAddress::parse(&address).unwrap();
    let proxy = serve(upstream.clone());
    assert_eq!(tally(&mut Client::of(&proxy), 5), tallied(&[("socket", 5)]));
    let mut client = Client::of(&proxy);
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\norder");
    assert_eq!(client.answer().unwrap().text(), "socket");
    upstream.servers[0].address = base::UpstreamAddress::parse(&format!("{address}x")).unwrap();
    let answer = Client::of(&serve(upstream)).get("/");
    assert_eq!(answer.status(), 502);
    assert!(answer.text().contains("its socket does not exist"), "{}", answer.text());
}

#[test]
fn the_proxy_protocol_tells_the_server_who_the_client_is_and_such_connections_are_not_shared() {
    for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
        let origin = Origin::scripted(move |wire, _| {
            let header = match version {
                ProxyProtocol::V1 => wire.line().into_bytes(),
                ProxyProtocol::V2 => wire.exactly(28),
            };
            while wire.head().is_some() {
                wire.send(&sized(&header));
            }
        });
        let mut upstream = of(&[origin.address]);
        upstream.send_proxy_protocol = Some(version);
        let proxy = serve(upstream);
        let mut client = Client::of(&proxy);
        let (client_address, local) = (client.stream.local_addr().unwrap(), proxy.http()[0]);
        for round in 1..=2 {
            let header = client.get("/").body;
            match version {
                ProxyProtocol::V1 => assert_eq!(
                    String::from_utf8(header).unwrap(),
                    format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}", client_address.port(), local.port())
                ),
                ProxyProtocol::V2 => {
                    assert_eq!(header[16..24], [127, 0, 0, 1, 127, 0, 0, 1]);
                    assert_eq!(header[24..26], client_address.port().to_be_bytes());
                }
            }
            assert_eq!(origin.connections(), round);
        }
    }
}

#[test]
fn upstreams_that_make_no_sense_leave_their_host_out_with_a_sentence() {
    let good = of(&["127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap()]);
    let change = |change: fn(&mut Upstream)| {
        let mut upstream = good.clone();
        change(&mut upstream);
        upstream
    };
    for (upstream, part) in [
        (change(|one| one.servers.clear()), "0 servers"),
        (change(|one| one.servers[1] = one.servers[0].clone()), "stands twice"),
        (
            change(|one| one.servers.iter_mut().for_each(|one| one.backup = true)),
            "all its servers are backups",
        ),
        (change(|one| one.servers[0].weight = 0), "the weight 0"),
        (change(|one| one.timeouts.read_ms = Some(0)), "a time-out is 0"),
        (change(|one| one.limits.max_connections = Some(0)), "max_connections is 0"),
        (change(|one| one.sticky = Some(Sticky { cookie: "a=b".into(), max_age_s: None })), "name 'a=b'"),
        (change(|one| one.tls.ca_pem = Some("nonsense".into())), ""),
        (
            change(|one| {
                one.servers[0] = Server {
                    scheme: proxy::spec::Scheme::Https,
                    address: base::UpstreamAddress::parse("unix:/run/x").unwrap(),
                    weight: 1,
                    backup: false,
                };
            }),
            "Unix socket with https",
        ),
    ] {
        let (_, problems) = proxy::Config::build(&spec_with(upstream));
        let found = problems.iter().any(|problem| problem.left_out && problem.message.contains(part));
        assert!(found || part.is_empty(), "{part}: {problems:?}");
    }
    // Sticky cookies want a key that lasts.
    let mut spec = spec_with(change(|one| one.sticky = Some(Sticky::default())));
    spec.cookie_key = Secret::default();
    let (_, problems) = proxy::Config::build(&spec);
    assert!(problems[0].message.contains("a restart changes") && !problems[0].left_out, "{problems:?}");
}
