//! Banned clients: on connections that are open, by way of trusted proxies, and what they are told.

use crate::kit::*;
use proxy::{BanReason, Bans, Canary, LogSettings};
use serde_json::Value;
use std::sync::Arc;

fn ban(networks: &[&str], never: &[&str]) -> Option<Arc<Bans>> {
    let reason = BanReason { source: "crowdsec", rule: "crowdsecurity/http-probing".to_owned() };
    let networks = networks.iter().map(|text| (text.parse().unwrap(), &reason));
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
    client.send("GET /chat HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_eq!(client.answer().unwrap().status(), 403);
    // Hosts that do not exist are not told from those that do.
    client.send("GET / HTTP/1.1\r\nHost: nowhere.test\r\n\r\n");
    assert_eq!(client.answer().unwrap().status(), 403);
    proxy.ban(ban(&["127.0.0.0/8"], &["127.0.0.1/32"]));
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
