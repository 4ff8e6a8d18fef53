//! Attacks of every kind as real requests, Debian's CrowdSec, and what becomes of each client.

use crate::hosts;
use base::{Clock, SystemClock};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Answer, Api, App, Origin, RawClient, Response, eventually};
use tokio::task::JoinSet;

/// As long as a busy machine may take.
const LIMIT: Duration = Duration::from_secs(90);

/// What somebody does, and what CrowdSec calls it.
struct Attack {
    name: &'static str,
    client: &'static str,
    scenario: &'static str,
    /// Method, host, target and more header lines of each request.
    requests: Vec<(&'static str, &'static str, String, &'static str)>,
}

fn attacks() -> Vec<Attack> {
    let times = |count: usize, make: &dyn Fn(usize) -> (&'static str, &'static str, String, &'static str)| {
        (0..count).map(make).collect::<Vec<_>>()
    };
    let sensitive = ["/.env", "/.git/config", "/.env.backup", "/.bash_history", "/old/.env", "/dump.sql"];
    vec![
        Attack {
            name: "probing",
            client: "203.0.113.11",
            scenario: "crowdsecurity/http-probing",
            requests: times(15, &|at| ("GET", "missing.example.com", format!("/missing/{at}"), "")),
        },
        Attack {
            name: "path traversal",
            client: "203.0.113.12",
            scenario: "crowdsecurity/http-path-traversal-probing",
            requests: times(6, &|at| ("GET", "a.example.com", format!("/x?f=../../../etc/passwd{at}"), "")),
        },
        Attack {
            name: "sensitive files",
            client: "203.0.113.13",
            scenario: "crowdsecurity/http-sensitive-files",
            requests: times(6, &|at| ("GET", "a.example.com", sensitive[at].to_owned(), "")),
        },
        Attack {
            name: "bad user agent",
            client: "203.0.113.14",
            scenario: "crowdsecurity/http-bad-user-agent",
            requests: times(3, &|at| {
                ("GET", "a.example.com", format!("/{at}"), "user-agent: Mozilla/5.00 (Nikto/2.1.6)\r\n")
            }),
        },
        Attack {
            name: "brute force of a form, answered with 401",
            client: "203.0.113.15",
            scenario: "LePresidente/http-generic-401-bf",
            requests: times(8, &|_| {
                ("POST", "login.example.com", "/login".to_owned(), "content-length: 0\r\n")
            }),
        },
        Attack {
            name: "brute force of a form, answered with 403",
            client: "203.0.113.16",
            scenario: "LePresidente/http-generic-403-bf",
            requests: times(8, &|_| {
                ("POST", "forbidden.example.com", "/login".to_owned(), "content-length: 0\r\n")
            }),
        },
        Attack {
            name: "brute force of a password by GET",
            client: "203.0.113.17",
            scenario: "crowdsecurity/http-generic-bf",
            requests: times(8, &|_| {
                ("GET", "login.example.com", "/".to_owned(), "authorization: bAsic YTpi\r\n")
            }),
        },
        Attack {
            name: "crawl",
            client: "203.0.113.18",
            scenario: "crowdsecurity/http-crawl-non_statics",
            requests: times(60, &|at| ("GET", "a.example.com", format!("/page/{at}"), "")),
        },
    ]
}

/// A request of this client, through a trusted proxy, on a connection that is kept.
pub(crate) async fn ask(
    wire: &mut RawClient,
    client: &str,
    method: &str,
    host: &str,
    target: &str,
    more: &str,
) -> Response {
    let head =
        format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nx-forwarded-for: {client}\r\n{more}\r\n");
    wire.send(head).await.unwrap();
    wire.read_response().await.unwrap()
}

/// Attacks, and waits until it is refused. Returns how long that took from the last request of the attack on.
async fn carry_out(http: std::net::SocketAddr, attack: &Attack) -> Duration {
    let mut wire = RawClient::connect(http).await.unwrap();
    for (method, host, target, more) in &attack.requests {
        ask(&mut wire, attack.client, method, host, target, more).await;
    }
    let done = SystemClock.monotonic();
    let refused = loop {
        let mut wire = RawClient::connect(http).await.unwrap();
        let answer = ask(&mut wire, attack.client, "GET", "a.example.com", "/", "").await;
        if answer.status == 403 {
            break answer;
        }
        assert!(SystemClock.monotonic() < done + LIMIT, "never: {} is refused", attack.name);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let took = SystemClock.monotonic().saturating_sub(done);
    let id = refused.header("x-request-id").unwrap();
    assert!(refused.text().contains(id) && refused.text().contains("banned"), "{}", refused.text());
    took
}

pub(crate) async fn until(admin: &mut Api, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let look = async || Some(admin.get("/security/crowdsec").await.expect(200)).filter(|shown| holds(shown));
    eventually(what, LIMIT, look).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_attack_is_found_by_its_scenario_and_refused_while_others_are_served() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    admin.put("/settings", &json!({ "trusted_proxies": ["127.0.0.0/8"] })).await.expect(200);
    let mut origins = Vec::new();
    for (host, status) in [
        ("a.example.com", 200),
        ("missing.example.com", 404),
        ("login.example.com", 401),
        ("forbidden.example.com", 403),
    ] {
        let origin = Origin::start(Answer::Full(status, Vec::new(), b"an answer".to_vec())).await;
        hosts::add(&mut admin, host, &origin).await;
        origins.push(origin);
    }
    admin.put("/security/crowdsec", &json!({ "enabled": true })).await.expect(200);
    until(&mut admin, "CrowdSec runs", |shown| shown["state"] == "running").await;

    let http = app.http();
    // Whom a page asks for a password, who asks for many pictures, and who mistypes once or twice is no attacker.
    let mut good = RawClient::connect(http).await.unwrap();
    for number in 0..12 {
        ask(&mut good, "203.0.113.99", "GET", "login.example.com", "/", "").await;
        ask(&mut good, "203.0.113.99", "GET", "missing.example.com", &format!("/{number}.png"), "").await;
    }
    for _ in 0..2 {
        ask(&mut good, "203.0.113.99", "GET", "login.example.com", "/", "authorization: Basic YTpi\r\n")
            .await;
    }
    let mut under_way = JoinSet::new();
    for attack in attacks() {
        under_way.spawn(async move { (carry_out(http, &attack).await, attack) });
    }
    let done = under_way.join_all().await;
    let bans = admin.get("/security/bans").await.expect(200);
    for (took, Attack { name, client, scenario, .. }) in &done {
        eprintln!("{name}: refused {} ms after the last request", took.as_millis());
        let ban = bans["items"].as_array().unwrap().iter().find(|ban| ban["value"] == *client);
        let ban = ban.unwrap_or_else(|| panic!("{name}: {bans}"));
        assert_eq!((&ban["reason"], &ban["origin"]), (&json!(scenario), &json!("crowdsec")), "{name}");
    }
    assert_eq!(ask(&mut good, "203.0.113.99", "GET", "a.example.com", "/", "").await.status, 200);
    assert_eq!(bans["total"], done.len(), "{bans}");

    // Who is let go is served when the answer comes, also on a connection that is open.
    let begin = SystemClock.monotonic();
    admin.post("/security/bans/end", &json!({ "value": "203.0.113.11" })).await.expect(200);
    assert_eq!(ask(&mut good, "203.0.113.11", "GET", "a.example.com", "/", "").await.status, 200);
    eprintln!("an unban was in force after {} ms", SystemClock.monotonic().saturating_sub(begin).as_millis());
    assert_eq!(ask(&mut good, "203.0.113.12", "GET", "a.example.com", "/", "").await.status, 403);
}
