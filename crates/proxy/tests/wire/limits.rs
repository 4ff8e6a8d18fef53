//! What one client may take from the others: time, rate, connections, memory (acceptance C1 to C4).

use crate::kit::*;
use base::{Clock, SystemClock};
use proxy::{Cut, Limits, LogSettings, Proxy};
use std::io::{Read, Write};
use std::time::Duration;

fn counted(proxy: &Proxy, cut: Cut) -> u64 {
    proxy.stats().cuts[&cut]
}

/// Sends a byte every few milliseconds until the proxy has had enough; what it says, and after which time.
fn trickle(client: &mut Client, byte: u8) -> (Vec<u8>, Duration) {
    let begun = SystemClock.monotonic();
    client.stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let past = SystemClock.monotonic() - begun;
        assert!(past < PATIENCE, "never cut");
        // After the cut, writing fails, which reading shows as well.
        let _ = client.stream.write_all(&[byte]);
        match client.stream.read(&mut buffer) {
            Ok(0) => return (said, past),
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock) => {}
            Err(_) => return (said, past),
        }
    }
}

#[test]
fn a_new_connection_has_its_time_once_however_it_spends_it() {
    let origin = Origin::ok();
    let limits = Limits { head: Duration::from_millis(400), ..quick() };
    let proxy = start(&spec_for(&origin), limits, LogSettings::default());
    // Silent.
    let begun = SystemClock.monotonic();
    assert_eq!(Client::of(&proxy).rest(), b"");
    assert!((350..2000).contains(&(SystemClock.monotonic() - begun).as_millis()));
    // A head by the byte, and one by the line, which never end.
    for start in ["GET /", "GET / HTTP/1.1\r\nHost: a.test\r\n"] {
        let mut client = Client::of(&proxy);
        client.send(start);
        let (said, past) = trickle(&mut client, b'a');
        assert!(said.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&said));
        assert!(past.as_millis() < 2000, "{past:?}");
    }
    eventually("all is counted", || counted(&proxy, Cut::Silent) == 1 && counted(&proxy, Cut::SlowHead) == 2);
    assert_eq!(origin.seen(), "");
}

#[test]
fn a_tls_handshake_that_does_not_come_is_cut() {
    let origin = Origin::ok();
    let limits = Limits { handshake: Duration::from_millis(200), ..quick() };
    let proxy = start(&spec_for(&origin), limits, LogSettings::default());
    let begun = SystemClock.monotonic();
    let mut silent = Client::new(proxy.https()[0]);
    let mut slow = Client::new(proxy.https()[0]);
    // The beginning of a hello of 500 bytes.
    slow.send([22, 3, 1, 1, 244, 1]);
    let (_, past) = trickle(&mut slow, 0);
    assert!(past.as_millis() < 2000, "{past:?}");
    assert_eq!(silent.rest(), b"");
    assert!((SystemClock.monotonic() - begun).as_millis() < 2000);
    eventually("both are counted", || counted(&proxy, Cut::Handshake) == 2);
}

#[test]
fn a_body_below_the_least_rate_is_cut_and_a_slow_but_honest_one_is_not() {
    let origin = Origin::mirror();
    let limits = Limits {
        rate: 2000,
        rate_grace: Duration::from_millis(300),
        stall: Duration::from_millis(600),
        ..quick()
    };
    let proxy = start(&spec_for(&origin), limits, LogSettings::default());
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 20000\r\n\r\n";
    let mut slow = Client::of(&proxy);
    slow.send(head);
    let (said, past) = trickle(&mut slow, b'a');
    assert!(said.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&said));
    assert!((250..2500).contains(&past.as_millis()), "{past:?}");
    eventually("it is counted", || counted(&proxy, Cut::SlowBody) == 1);
    // The stream of a gRPC call may be silent.
    let mut call = Client::of(&proxy);
    call.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Type: application/grpc+proto\r\nContent-Length: 2\r\n\r\na");
    // Ten times the rate, for several times the grace.
    let mut honest = Client::of(&proxy);
    honest.send(head);
    for _ in 0..100 {
        honest.send([b'b'; 200]);
        pause(Duration::from_millis(10));
    }
    assert_eq!(honest.answer().unwrap().status(), 200);
    call.send("b");
    assert_eq!(call.answer().unwrap().status(), 200);
    assert_eq!(counted(&proxy, Cut::SlowBody), 1);
}

/// An origin whose answers of `size` bytes never fit into the buffers between.
fn generous(size: usize) -> Origin {
    Origin::scripted(move |wire, _| {
        let piece = vec![b'x'; 64 * 1024];
        while wire.head().is_some() {
            wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n").as_bytes());
            for _ in 0..size / piece.len() {
                if !wire.send(&piece) {
                    return;
                }
            }
        }
    })
}

#[test]
fn readers_that_take_nothing_are_cut_and_slow_ones_that_keep_the_rate_are_not() {
    let origin = generous(64 * 1024 * 1024);
    let limits = Limits { stall: Duration::from_millis(500), rate: 10_000, ..quick() };
    let proxy = start(&spec_for(&origin), limits, LogSettings::default());
    let unread: Vec<_> = (0..40)
        .map(|_| {
            let mut client = Client::of(&proxy);
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
            client
        })
        .collect();
    let mut reader = Client::of(&proxy);
    reader.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    reader.head();
    let mut taken = 0;
    let begun = SystemClock.monotonic();
    while (SystemClock.monotonic() - begun).as_millis() < 2000 {
        let piece = reader.exactly(256 * 1024);
        assert!(!piece.is_empty(), "cut after {taken}");
        taken += piece.len();
        pause(Duration::from_millis(20));
    }
    eventually("those that take nothing are cut", || counted(&proxy, Cut::SlowReader) == 40);
    drop(unread);
}

#[test]
fn above_the_limit_of_connections_the_newest_is_refused_and_the_others_are_served() {
    let origin = Origin::ok();
    let limits = Limits { connections: Some(3), ..quick() };
    let proxy = start(&spec_for(&origin), limits, LogSettings::default());
    let mut clients: Vec<_> = (0..3)
        .map(|_| {
            let mut client = Client::of(&proxy);
            assert_eq!(client.get("/").status(), 200);
            client
        })
        .collect();
    for refused in 1..=5 {
        assert_eq!(talk(&proxy, ""), "");
        eventually("it is counted", || counted(&proxy, Cut::Connections) == refused);
    }
    assert!(clients.iter_mut().all(|client| client.get("/").status() == 200));
    clients.pop();
    eventually("a place is free", || proxy.stats().connections == 2);
    assert_eq!(Client::of(&proxy).get("/").status(), 200);
}

#[test]
fn heads_that_are_too_large_are_counted() {
    let origin = Origin::ok();
    let proxy = proxy_for(&origin);
    let answer = talk(&proxy, format!("GET / HTTP/1.1\r\nHost: a.test\r\nA: {}\r\n\r\n", "x".repeat(40_000)));
    assert_eq!(status(&answer), 431);
    assert_eq!(counted(&proxy, Cut::LargeHead), 1);
}

/// A proxy in a process of its own, whose descriptors and memory are its own. It ends with its standard input.
struct Apart {
    process: std::process::Child,
    said: std::io::Lines<std::io::BufReader<std::process::ChildStdout>>,
    address: std::net::SocketAddr,
}

/// What tells the process that it is the proxy, and how many descriptors it may have.
const DESCRIPTORS: &str = "TEST_PROXY_DESCRIPTORS";

impl Apart {
    fn start(test: &str, descriptors: u64) -> Self {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(DESCRIPTORS, descriptors.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = said.find_map(|line| line.unwrap().split("listens on ").nth(1)?.parse().ok()).unwrap();
        Self { process, said, address }
    }

    /// In the process itself: serves, and never returns. Elsewhere it does nothing.
    #[expect(
        clippy::disallowed_methods,
        clippy::print_stdout,
        reason = "how a test and its own process talk"
    )]
    fn be() {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let Ok(descriptors) = std::env::var(DESCRIPTORS) else { return };
        let descriptors = Some(descriptors.parse().unwrap());
        setrlimit(Resource::Nofile, Rlimit { current: descriptors, maximum: descriptors }).unwrap();
        let origin = Origin::ok();
        let limits = Limits { connections: Some(100_000), ..quick() };
        let proxy = start(&spec_for(&origin), limits, LogSettings::default());
        println!("listens on {}", proxy.http()[0]);
        for _ in std::io::stdin().lines() {
            println!("counts {} {}", counted(&proxy, Cut::Descriptors), proxy.stats().connections);
        }
        std::process::exit(0);
    }

    /// How often a connection could not be accepted for want of a descriptor, and how many are open.
    fn counts(&mut self) -> (u64, u64) {
        writeln!(self.process.stdin.as_ref().unwrap()).unwrap();
        let line =
            self.said.find_map(|line| Some(line.unwrap().split_once("counts ")?.1.to_owned())).unwrap();
        let (tried, open) = line.split_once(' ').unwrap();
        (tried.parse().unwrap(), open.parse().unwrap())
    }

    /// Processor time in hundredths of a second.
    fn processor_time(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[test]
fn without_a_descriptor_new_clients_wait_and_the_others_are_served_and_nothing_spins() {
    Apart::be();
    let test = "limits::without_a_descriptor_new_clients_wait_and_the_others_are_served_and_nothing_spins";
    let mut proxy = Apart::start(test, 100);
    let mut known = Client::new(proxy.address);
    assert_eq!(known.get("/").status(), 200);
    let crowd: Vec<_> = (0..200).map(|_| Client::new(proxy.address)).collect();
    eventually("no descriptor is left", || proxy.counts().0 > 0);
    // Long enough for a loop that does not rest to be seen: it would try and burn all the time.
    let before = (proxy.counts().0, proxy.processor_time());
    pause(Duration::from_millis(1000));
    assert!(proxy.counts().0 - before.0 < 100, "it tries again and again");
    assert!(proxy.processor_time() - before.1 < 50, "it spins");
    for _ in 0..20 {
        assert_eq!(known.get("/").status(), 200);
    }
    drop(crowd);
    // Those who waited are accepted first, although they are gone.
    let mut next = Client::new(proxy.address);
    assert_eq!(next.get("/").status(), 200);
    eventually("all of the crowd is gone", || proxy.counts().1 == 2);
}

#[test]
fn an_idle_connection_costs_less_than_ten_kilobytes() {
    Apart::be();
    const COUNT: u64 = 2000;
    let proxy = Apart::start("limits::an_idle_connection_costs_less_than_ten_kilobytes", 10_000);
    let open = |count| -> Vec<Client> {
        (0..count)
            .map(|_| {
                let mut client = Client::new(proxy.address);
                assert_eq!(client.get("/").status(), 200);
                client
            })
            .collect()
    };
    // What the first connections bring into memory is not theirs.
    let first = open(50);
    let before = proxy.resident_kib();
    let idle = open(COUNT);
    let each = (proxy.resident_kib() - before) as f64 / COUNT as f64;
    assert!(each <= 10.0, "{each} KiB");
    drop((first, idle));
}
