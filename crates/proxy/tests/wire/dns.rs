//! Names of servers: followed by their time to live, kept when nobody answers (acceptance G7).

use crate::kit::*;
use crate::upstreams::{nobody, of, spec_with};
use base::{Clock, SystemClock};
use proxy::spec::Spec;
use proxy::{Limits, Proxy, Settings};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const A: u16 = 1;
const SRV: u16 = 33;

/// What the name server says to a question.
#[derive(Clone)]
enum Said {
    /// Data of records, and their time to live in seconds.
    Records(Vec<Vec<u8>>, u32),
    /// A response code: 2 is SERVFAIL, 3 is NXDOMAIN.
    Code(u8),
    Nothing,
}

/// A name server on loopback.
struct NameServer {
    address: SocketAddr,
    zone: Arc<Mutex<HashMap<(String, u16), Said>>>,
    /// Questions for addresses so far.
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let zone: Arc<Mutex<HashMap<(String, u16), Said>>> = Arc::default();
        let asked = Arc::new(AtomicUsize::new(0));
        let (known, counter) = (zone.clone(), asked.clone());
        std::thread::spawn(move || {
            let mut question = [0; 1500];
            while let Ok((count, client)) = socket.recv_from(&mut question) {
                let (name, end) = read_name(&question[..count]);
                let kind = u16::from_be_bytes([question[end], question[end + 1]]);
                counter.fetch_add(usize::from(kind != 28), Ordering::SeqCst);
                // A name that is known has no address of the other family; that is no error.
                let known = known.lock().unwrap();
                let exists = known.keys().any(|(other, _)| *other == name);
                let said = known.get(&(name, kind)).cloned();
                let said = said.unwrap_or(if exists { Said::Records(Vec::new(), 1) } else { Said::Code(3) });
                let (code, records, ttl) = match said {
                    Said::Records(records, ttl) => (0, records, ttl),
                    Said::Code(code) => (code, Vec::new(), 0),
                    Said::Nothing => continue,
                };
                let mut answer = question[..2].to_vec();
                answer.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
                answer.extend(&question[12..end + 4]);
                for data in records {
                    answer.extend([0xc0, 12]);
                    answer.extend(kind.to_be_bytes());
                    answer.extend([0, 1]);
                    answer.extend(ttl.to_be_bytes());
                    answer.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
                    answer.extend(data);
                }
                socket.send_to(&answer, client).unwrap();
            }
        });
        Self { address, zone, asked }
    }

    fn say(&self, name: &str, kind: u16, said: Said) {
        self.zone.lock().unwrap().insert((name.to_owned(), kind), said);
    }

    fn addresses(&self, name: &str, addresses: &[Ipv4Addr]) {
        let records = addresses.iter().map(|ip| ip.octets().to_vec()).collect();
        self.say(name, A, Said::Records(records, 1));
    }
}

/// The name in a question, and where it ends.
fn read_name(question: &[u8]) -> (String, usize) {
    let (mut at, mut labels) = (12, Vec::new());
    while question[at] > 0 {
        let end = at + 1 + usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..end]).to_lowercase());
        at = end;
    }
    (labels.join("."), at + 1)
}

fn service(priority: u16, port: u16, target: &str) -> Vec<u8> {
    let mut data = [priority.to_be_bytes(), 0_u16.to_be_bytes(), port.to_be_bytes()].concat();
    for label in target.split('.') {
        data.push(u8::try_from(label.len()).unwrap());
        data.extend(label.as_bytes());
    }
    data.push(0);
    data
}

const TWO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const THREE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// Two origins on the same port of two addresses, and the port.
fn twins() -> (Origin, Origin, u16) {
    let answering = |name: &'static str| {
        move |wire: &mut Wire, _: usize| {
            while wire.head().is_some() && wire.send(&sized(name.as_bytes())) {}
        }
    };
    loop {
        let two = TcpListener::bind((TWO, 0)).unwrap();
        let port = two.local_addr().unwrap().port();
        if let Ok(three) = TcpListener::bind((THREE, port)) {
            return (Origin::on(two, answering("two")), Origin::on(three, answering("three")), port);
        }
    }
}

/// A host whose server has this address.
fn at(address: &str) -> Spec {
    let mut upstream = of(&[nobody()]);
    upstream.servers[0].address = base::UpstreamAddress::parse(address).unwrap();
    upstream.timeouts.connect_ms = Some(2000);
    spec_with(upstream)
}

fn asking(spec: &Spec, name_server: SocketAddr) -> Proxy {
    let settings = Settings {
        http: vec!["127.0.0.1:0".parse().unwrap()],
        workers: 1,
        limits: Limits { tick: Duration::from_millis(20), ..Limits::default() },
        name_servers: vec![name_server],
        ..Settings::default()
    };
    proxy::start(settings, config(spec), Arc::new(SystemClock)).unwrap()
}

#[test]
fn a_change_of_address_is_followed_within_the_time_to_live_also_on_a_busy_connection() {
    let (_two, _three, port) = twins();
    let names = NameServer::new();
    names.addresses("app.test", &[TWO]);
    let proxy = asking(&at(&format!("app.test:{port}")), names.address);
    let mut client = Client::of(&proxy);
    assert_eq!(client.get("/").text(), "two");
    names.addresses("app.test", &[THREE]);
    let before = SystemClock.monotonic();
    eventually("the new address is used", || client.get("/").text() == "three");
    let took = SystemClock.monotonic() - before;
    assert!(took < Duration::from_millis(2000), "{took:?}");
    println!("TTL 1 s: the new address is used after {took:?}");
    let name = proxy.upstreams()[0].servers[0].name.clone().unwrap();
    assert_eq!((name.addresses, name.error), (vec!["127.0.0.3".to_owned()], None));
}

#[test]
fn when_the_name_cannot_be_looked_up_any_more_the_last_good_address_serves() {
    let (_two, _three, port) = twins();
    let names = NameServer::new();
    names.addresses("app.test", &[TWO]);
    let proxy = asking(&at(&format!("app.test:{port}")), names.address);
    assert_eq!(Client::of(&proxy).get("/").text(), "two");
    for (said, why) in [
        (Said::Code(2), "Server Failure"),
        (Said::Code(3), "there is no such name"),
        (Said::Nothing, "no name server answered in time"),
    ] {
        names.say("app.test", A, said.clone());
        names.say("app.test", 28, said);
        eventually(why, || {
            assert_eq!(Client::of(&proxy).get("/").text(), "two");
            let name = proxy.upstreams()[0].servers[0].name.clone().unwrap();
            assert_eq!(name.addresses, ["127.0.0.2"]);
            name.error.is_some_and(|error| error.contains(why))
        });
    }
    // It is asked again, and the answer is used.
    names.say("app.test", 28, Said::Records(Vec::new(), 1));
    names.addresses("app.test", &[THREE]);
    eventually("the new address is used", || Client::of(&proxy).get("/").text() == "three");
}

#[test]
fn a_dead_name_server_delays_no_other_host_and_the_reason_is_told() {
    let origin = Origin::ok();
    let names = NameServer::new();
    names.say("app.test", A, Said::Nothing);
    names.say("app.test", 28, Said::Nothing);
    let mut spec = at("app.test:80");
    spec.hosts.push(host("b.test", origin.address));
    let proxy = asking(&spec, names.address);
    let mut waiting = Client::of(&proxy);
    let before = SystemClock.monotonic();
    waiting.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    eventually("it is asked for", || names.asked.load(Ordering::SeqCst) > 0);
    let mut other = Client::of(&proxy);
    let slowest = (0..50).map(|_| {
        let before = SystemClock.monotonic();
        other.send("GET / HTTP/1.1\r\nHost: b.test\r\n\r\n");
        assert_eq!(other.answer().unwrap().status(), 200);
        SystemClock.monotonic() - before
    });
    let slowest = slowest.max().unwrap();
    assert!(slowest < Duration::from_millis(200), "{slowest:?}");
    let answer = waiting.answer().unwrap();
    let took = SystemClock.monotonic() - before;
    assert!(matches!(answer.status(), 502 | 504), "{}", answer.status());
    assert!(answer.text().contains("no name server answered in time"), "{}", answer.text());
    assert!(took < Duration::from_millis(3000), "{took:?}");
}

#[test]
fn a_name_that_does_not_exist_is_a_502_at_once_and_is_not_asked_for_all_the_time() {
    let names = NameServer::new();
    let proxy = asking(&at("nowhere.test:80"), names.address);
    let before = SystemClock.monotonic();
    for _ in 0..50 {
        let answer = Client::of(&proxy).get("/");
        assert_eq!(answer.status(), 502);
        assert!(answer.text().contains("there is no such name"), "{}", answer.text());
    }
    assert!(SystemClock.monotonic() - before < Duration::from_secs(2));
    assert!(names.asked.load(Ordering::SeqCst) < 10);
}

#[test]
fn srv_records_give_ports_and_an_order() {
    let (_two, _three, port) = twins();
    let names = NameServer::new();
    names.addresses("two.test", &[TWO]);
    names.addresses("three.test", &[THREE]);
    let records = vec![service(10, port, "three.test"), service(20, port, "two.test")];
    names.say("_http._tcp.app.test", SRV, Said::Records(records, 1));
    let proxy = asking(&at("srv:_http._tcp.app.test"), names.address);
    assert_eq!(Client::of(&proxy).get("/").text(), "three");
    // Nobody listens at the first one: the second one serves.
    let records = vec![service(10, nobody().port(), "three.test"), service(20, port, "two.test")];
    names.say("_http._tcp.app.test", SRV, Said::Records(records, 1));
    eventually("the second one serves", || Client::of(&proxy).get("/").text() == "two");
    names.say("_http._tcp.app.test", SRV, Said::Records(vec![service(10, port, "two.test")], 1));
}

#[test]
fn all_addresses_of_a_name_are_tried() {
    let origin = Origin::on(TcpListener::bind((THREE, 0)).unwrap(), |wire, _| {
        while wire.head().is_some() && wire.send(&sized(b"ok")) {}
    });
    let names = NameServer::new();
    // Nobody listens on the same port of the others.
    names.addresses("app.test", &[TWO, THREE, Ipv4Addr::new(127, 0, 0, 4)]);
    let proxy = asking(&at(&format!("app.test:{}", origin.address.port())), names.address);
    for _ in 0..10 {
        let answer = talk(&proxy, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&answer), 200, "{answer}");
    }
}

#[test]
fn the_hosts_file_comes_first() {
    let origin = Origin::ok();
    // Nobody answers at the name server.
    let proxy = asking(&at(&format!("localhost:{}", origin.address.port())), nobody());
    assert_eq!(Client::of(&proxy).get("/").status(), 200);
}
