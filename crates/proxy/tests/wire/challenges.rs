//! Answers for certificate authorities: before all that would refuse a client, and for tokens of open orders alone.

use crate::kit::*;
use proxy::{BanReason, Bans, Challenges, LogSettings, Remedy};
use std::sync::Arc;

#[test]
fn an_authority_gets_its_answer_though_it_is_banned_sent_on_to_https_and_asks_for_an_unknown_host() {
    let origin = Origin::ok();
    let mut spec = spec_for(&origin);
    spec.hosts[0].force_https = true;
    let proxy = start(&spec, quick(), LogSettings::default());
    let path = "/.well-known/acme-challenge/token-1";
    let mut client = Client::of(&proxy);
    assert_eq!(client.get(path).status(), 301, "no order is open");
    let mut challenges = Challenges::default();
    challenges.add_token("token-1", "token-1.thumbprint");
    proxy.answer_challenges(Some(Arc::new(challenges)));
    let reason =
        BanReason { remedy: Remedy::Ban, source: "crowdsec", rule: "crowdsecurity/http-probing".to_owned() };
    let networks = [("127.0.0.0/8".parse::<ipnet::IpNet>().unwrap(), &reason)];
    proxy.ban(Some(Arc::new(Bans::new(networks, &[], None))));
    let mut client = Client::of(&proxy);
    for host in ["a.test", "nowhere.test", "a.test:80"] {
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let answer = client.answer().unwrap();
        assert_eq!((answer.status(), answer.text().as_str()), (200, "token-1.thumbprint"), "{host}");
    }
    // Neither another token nor a way around leads anywhere but into the ban.
    for other in [
        "/.well-known/acme-challenge/token-2",
        "/.well-known/acme-challenge/",
        "/.well-known/acme-challenge/x/../token-2",
        "/.well-known/acme-challenge/../../etc/passwd",
    ] {
        assert_eq!(Client::of(&proxy).get(other).status(), 403, "{other}");
    }
    proxy.ban(None);
    let mut client = Client::of(&proxy);
    client.send(format!("POST {path} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"));
    assert_eq!(client.answer().unwrap().status(), 308, "only reading is answered");
    proxy.answer_challenges(None);
    assert_eq!(Client::of(&proxy).get(path).status(), 301, "the order is over");
}
