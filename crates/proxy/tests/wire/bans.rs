//! Banned clients: on connections that are open, by way of trusted proxies, and what they are told.

use crate::http2::{fetch, http2};
use crate::kit::*;
use proxy::{BanReason, Bans, Canary, Captcha, CaptchaDesk, Cut, Geo, LogSettings, Remedy, Subject};
use serde_json::Value;
use std::sync::Arc;

fn reason(remedy: Remedy, rule: &str) -> BanReason {
    BanReason { remedy, source: "crowdsec", rule: rule.to_owned() }
}

pub(crate) fn ban(networks: &[&str], never: &[&str]) -> Option<Arc<Bans>> {
    let reason = reason(Remedy::Ban, "crowdsecurity/http-probing");
    let networks = networks.iter().map(|text| (text.parse::<ipnet::IpNet>().unwrap(), &reason));
    let never: Vec<_> = never.iter().map(|text| text.parse().unwrap()).collect();
    let canary = Canary { token: "secret".to_owned(), address: "192.0.2.77".parse().unwrap() };
    Some(Arc::new(Bans::new(networks, &never, Some(canary))))
}

#[test]
fn a_ban_holds_at_once_on_an_open_connection_says_why_and_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let origin = Origin::ok();
    let log = LogSettings { path: Some(path.clone()), ..LogSettings::default() };
    let proxy = start(&spec_for(&origin), quick(), log);
    let mut client = Client::of(&proxy);
    assert_eq!(client.get("/").status(), 200);
    proxy.ban(ban(&["127.0.0.0/8"], &[]));
    let answer = client.get("/");
    assert_eq!(answer.status(), 403);
    let id = answer.header("x-request-id").unwrap();
    assert!(answer.text().contains("banned") && answer.text().contains(&id), "{}", answer.text());
    assert_eq!(answer.header("connection").as_deref(), Some("close"));
    assert_eq!(client.rest(), b"");
    let mut client = Client::of(&proxy);
    client.send("GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_eq!(client.answer().unwrap().status(), 403);
    // Hosts that do not exist are not told from those that do.
    let mut client = Client::of(&proxy);
    client.send("GET / HTTP/1.1\r\nHost: nowhere.test\r\n\r\n");
    assert_eq!(client.answer().unwrap().status(), 403);
    proxy.ban(ban(&["127.0.0.0/8"], &["127.0.0.1/32"]));
    let mut client = Client::of(&proxy);
    assert_eq!(client.get("/").status(), 200);
    proxy.ban(None);
    assert_eq!(client.get("/").status(), 200);
    let key = ("crowdsec", "crowdsecurity/http-probing".to_owned());
    assert_eq!(proxy.stats().blocked.get(&key), Some(&3));
    eventually("each request is a line", || {
        std::fs::read_to_string(&path).is_ok_and(|text| text.lines().count() == 6)
    });
    let text = std::fs::read_to_string(&path).unwrap();
    let line: Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&line["stop"]["phase"], &line["stop"]["rule"]), (&"crowdsec".into(), &Value::from(key.1)));
    assert_eq!(line["request_id"], id);
}

#[test]
fn whom_a_trusted_proxy_names_is_banned_and_never_the_proxy() {
    let origin = Origin::ok();
    let mut spec = spec_for(&origin);
    spec.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let proxy = start(&spec, quick(), LogSettings::default());
    proxy.ban(ban(&["127.0.0.1/32", "203.0.113.0/24", "2001:db8::1/128"], &["203.0.113.9/32"]));
    for (client, status) in [
        ("203.0.113.1", 403),
        ("2001:db8::1", 403),
        ("2001:db8::2", 200),
        ("203.0.113.9", 200),
        ("203.0.114.1", 200),
        ("127.0.0.1", 200),
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: {client}\r\n\r\n");
        let mut wire = Client::of(&proxy);
        wire.send(request);
        assert_eq!(wire.answer().unwrap().status(), status, "{client}");
    }
}

#[test]
fn the_canary_is_believed_with_its_token_only() {
    let origin = Origin::ok();
    let proxy = start(&spec_for(&origin), quick(), LogSettings::default());
    proxy.ban(ban(&["192.0.2.77/32"], &[]));
    let mut client = Client::of(&proxy);
    for (header, status) in
        [("", 200), ("X-Charon-Canary: guess\r\n", 200), ("X-Charon-Canary: secret\r\n", 403)]
    {
        client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{header}\r\n"));
        assert_eq!(client.answer().unwrap().status(), status, "{header}");
    }
}

#[test]
fn the_log_for_the_agent_has_every_request_but_those_of_banned_clients() {
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("feed.log");
    let origin = Origin::ok();
    let log = LogSettings { feed: Some(feed.clone()), sample: 1000, ..LogSettings::default() };
    let proxy = start(&spec_for(&origin), quick(), log);
    let mut client = Client::of(&proxy);
    client.send("GET /a/../../etc/passwd?x=\"1\" HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let refused = client.answer().unwrap().status();
    let mut client = Client::of(&proxy);
    client.send("GET /a/../b HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \"quoted\\\r\n\r\n");
    assert_eq!(client.answer().unwrap().status(), 200);
    proxy.ban(ban(&["127.0.0.1/32"], &[]));
    assert_eq!(client.get("/banned").status(), 403);
    eventually("three were counted", || proxy.stats().requests == 3);
    eventually("two lines", || proxy.log_status().fed == 2);
    let text = std::fs::read_to_string(&feed).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(
        (&lines[0]["uri"], &lines[0]["user_agent"]),
        (&"/a/../../etc/passwd?x=\"1\"".into(), &"".into())
    );
    assert_eq!(lines[0]["status"], refused);
    assert_eq!((&lines[1]["uri"], &lines[1]["user_agent"]), (&"/a/../b".into(), &"\"quoted\\".into()));
    assert_eq!(lines[1]["client_ip"], "127.0.0.1");
}

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn a_ban_ends_what_the_client_has_open_and_nothing_of_others() {
    let origin = Origin::scripted(|wire, _| {
        while let Some(head) = wire.head() {
            if head.contains("Upgrade") {
                wire.send(
                    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                );
                return wire.drain();
            }
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let mut spec = spec_for(&origin);
    spec.hosts[0].certificate = Some("c".to_owned());
    spec.certificates = vec![certificate("c", &["a.test"])];
    let proxy = start(&spec, quick(), LogSettings::default());
    let (mut idle, mut tunnel) = (Client::of(&proxy), Client::of(&proxy));
    assert_eq!(idle.get("/").status(), 200);
    tunnel.send(UPGRADE);
    assert!(tunnel.head().unwrap().starts_with("HTTP/1.1 101"));
    // Somebody else is banned: nothing ends.
    proxy.ban(ban(&["203.0.113.0/24"], &[]));
    assert_eq!(idle.get("/").status(), 200);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut sender = http2(&proxy, "a.test").await;
        let request = || http::Request::get("https://a.test/").body(()).unwrap();
        assert_eq!(fetch(&mut sender, request(), None).await.unwrap().0.status, 200);
        proxy.ban(ban(&["127.0.0.1/32"], &[]));
        let ended = tokio::time::timeout(PATIENCE, async {
            // Ready for as long as it is open.
            while std::future::poll_fn(|cx| sender.poll_ready(cx)).await.is_ok() {
                tokio::task::yield_now().await;
            }
        });
        ended.await.expect("the connection ends");
        let mut sender = http2(&proxy, "a.test").await;
        assert_eq!(fetch(&mut sender, request(), None).await.unwrap().0.status, 403, "by HTTP/2 too");
    });
    assert_eq!(idle.rest(), b"");
    assert_eq!(tunnel.rest(), b"");
    assert_eq!(proxy.stats().cuts.get(&Cut::Banned), Some(&3));
}

/// What the page's script does.
fn solve(page: &str) -> String {
    let challenge = page.split_once("data-challenge=").unwrap().1.split(' ').next().unwrap();
    let is_solution = |text: &String| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        digest.as_ref().starts_with(&[0, 0])
    };
    (0_u32..).map(|number| format!("{challenge}.{number}")).find(is_solution).unwrap()
}

fn challenged(networks: &[&str]) -> Option<Arc<Bans>> {
    let reason = reason(Remedy::Challenge, "crowdsecurity/http-crawl-non_statics");
    let networks = networks.iter().map(|text| (text.parse::<ipnet::IpNet>().unwrap(), &reason));
    let captcha = Captcha::new(Arc::new(CaptchaDesk::new(b"key")), PATIENCE * 60);
    Some(Arc::new(Bans::new(networks, &[], None).challenged_by(Some(Arc::new(captcha)))))
}

#[test]
fn who_is_suspected_solves_a_challenge_once_for_a_host_and_is_let_on_by_http_1_and_2() {
    let origin = Origin::mirror();
    let mut spec = spec_for(&origin);
    spec.hosts.push(host("b.test", origin.address));
    spec.hosts[0].certificate = Some("c".to_owned());
    spec.certificates = vec![certificate("c", &["a.test"])];
    let proxy = start(&spec, quick(), LogSettings::default());
    proxy.ban(challenged(&["127.0.0.1/32"]));
    let mut client = Client::of(&proxy);
    let ask = |client: &mut Client, host: &str, more: &str| {
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"));
        client.answer().unwrap()
    };
    let page = ask(&mut client, "a.test", "Accept: text/html\r\n");
    assert_eq!((page.status(), page.header("cache-control").as_deref()), (403, Some("no-store")));
    let policy = page.header("content-security-policy").unwrap();
    let nonce = page.text().split_once("nonce=").unwrap().1.split(' ').next().unwrap().to_owned();
    assert!(policy.contains(&format!("script-src 'nonce-{nonce}'")) && nonce.len() == 32, "{policy}");
    // The connection stays: browsers ask again by it.
    let cookie = format!("Cookie: x=1; {}={}; y=2\r\n", Captcha::COOKIE, solve(&page.text()));
    assert_eq!(ask(&mut client, "a.test", &cookie).status(), 200);
    assert_eq!(ask(&mut client, "b.test", &cookie).status(), 403, "another host");
    assert_eq!(ask(&mut client, "a.test", &cookie.replace(&nonce, &"0".repeat(32))).status(), 403, "made up");
    let told = ask(&mut client, "a.test", "Accept: application/json\r\n");
    assert!(told.status() == 403 && told.text().contains("\"phase\":\"captcha\""), "{}", told.text());
    client.send(UPGRADE);
    assert_eq!(client.answer().unwrap().status(), 403);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let mut sender = http2(&proxy, "a.test").await;
        let get = || http::Request::get("https://a.test/");
        let (head, page, _) = fetch(&mut sender, get().body(()).unwrap(), None).await.unwrap();
        assert_eq!(head.status, 403);
        let cookie = format!("{}={}", Captcha::COOKIE, solve(&String::from_utf8(page).unwrap()));
        let solved = get().header("cookie", cookie).body(()).unwrap();
        assert_eq!(fetch(&mut sender, solved, None).await.unwrap().0.status, 200);
    });
    let key = ("captcha", "crowdsecurity/http-crawl-non_statics".to_owned());
    assert_eq!(proxy.stats().blocked.get(&key), Some(&6));
    // Who is challenged and banned is banned.
    let both = [(reason(Remedy::Challenge, "c"), "127.0.0.1/32"), (reason(Remedy::Ban, "b"), "127.0.0.0/8")];
    let both = both.iter().map(|(reason, network)| (network.parse::<ipnet::IpNet>().unwrap(), reason));
    proxy.ban(Some(Arc::new(Bans::new(both, &[], None))));
    let mut client = Client::of(&proxy);
    assert!(ask(&mut client, "a.test", "").text().contains("banned"));
}

#[test]
fn countries_and_autonomous_systems_are_banned_by_a_database_and_a_damaged_one_is_named() {
    use testkit::mmdb::{country, database, system};
    let mut geo = Geo::default();
    let networks = [
        ("203.0.113.0", 24, country("CN")),
        ("198.51.100.0", 25, country("FR")),
        ("2001:db8::", 33, country("CN")),
    ];
    let countries = database("GeoLite2-Country", &networks);
    let mut damaged = countries.clone();
    damaged.truncate(damaged.len() / 2);
    geo.add(countries).unwrap();
    geo.add(database("GeoLite2-ASN", &[("198.51.100.128", 25, system(64_500))])).unwrap();
    assert!(geo.knows().countries && geo.knows().systems);
    assert!(geo.add(damaged).unwrap_err().contains("no such database"));
    assert!(geo.add(database("GeoIP2-Domain", &[])).unwrap_err().contains("GeoIP2-Domain"));
    let by_country = reason(Remedy::Ban, "country");
    let by_system = reason(Remedy::Challenge, "system");
    let bans = [(Subject::Country(*b"CN"), &by_country), (Subject::System(64_500), &by_system)];
    let never = ["203.0.113.9/32".parse().unwrap()];
    let set = |geo| Bans::new(bans, &never, None).located_by(geo);
    let geo = Arc::new(geo);
    for (address, expected) in [
        ("203.0.113.1", Some("country")),
        ("203.0.113.9", None),
        ("203.0.114.1", None),
        ("198.51.100.1", None),
        ("198.51.100.200", Some("system")),
        ("::ffff:203.0.113.1", Some("country")),
        ("2001:db8:1::1", Some("country")),
        ("2001:db8:8000::1", None),
    ] {
        let address = address.parse().unwrap();
        let bans = set(Some(geo.clone()));
        assert_eq!(bans.find(address).map(|reason| reason.rule.as_str()), expected, "{address}");
        assert_eq!(set(None).find(address), None);
    }
}

/// A hundred thousand decisions: addresses, networks, and IPv6.
fn many() -> Bans {
    let reasons: Vec<_> = (0..50).map(|number| reason(Remedy::Ban, &format!("scenario {number}"))).collect();
    let network = |number: u32| -> ipnet::IpNet {
        let address = number.wrapping_mul(0x9e37_79b9);
        let v4 = std::net::Ipv4Addr::from(address);
        match number % 10 {
            0 => {
                let host = u128::from(address) << 64 | 0x2001_0db8_u128 << 96;
                ipnet::IpNet::new(std::net::Ipv6Addr::from(host).into(), 64).unwrap()
            }
            1 => ipnet::IpNet::new(v4.into(), 24).unwrap().trunc(),
            _ => ipnet::IpNet::new(v4.into(), 32).unwrap(),
        }
    };
    let all = (0..100_000).map(|number| (network(number), &reasons[number as usize % 50]));
    Bans::new(all, &["127.0.0.0/8".parse().unwrap()], None)
}

/// Nanoseconds that the only worker has had of a processor.
fn worker_time() -> u64 {
    let of = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        (name.trim() == "proxy-0").then_some(())?;
        std::fs::read_to_string(path.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
    };
    std::fs::read_dir("/proc/self/task").unwrap().find_map(of).unwrap()
}

/// `CHARON_BENCH_BANS=1 cargo test --release -p proxy --test wire decisions_cost -- --nocapture` measures; else it
/// only holds.
#[test]
fn a_hundred_thousand_decisions_cost_a_request_almost_nothing() {
    #[expect(clippy::disallowed_methods, reason = "measures only when it is asked to")]
    let measures = std::env::var_os("CHARON_BENCH_BANS").is_some();
    let (rounds, requests) = if measures { (15, 20_000) } else { (1, 20) };
    let origin = Origin::ok();
    let proxy = proxy_for(&origin);
    let bans = Arc::new(many());
    let mut client = Client::of(&proxy);
    let mut each = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (times, bans) in each.iter_mut().zip([None, Some(bans.clone())]) {
            proxy.ban(bans);
            let before = worker_time();
            for _ in 0..requests {
                assert_eq!(client.get("/").status(), 200);
            }
            times.push((worker_time() - before) / requests);
        }
    }
    let [none, loaded] = each.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    });
    if measures {
        let percent = (loaded as f64 / none as f64 - 1.0) * 100.0;
        println!("CPU per request: {none} ns with no decision, {loaded} ns with 100,000: {percent:+.1} %");
        assert!(percent <= 3.0);
    }
}
