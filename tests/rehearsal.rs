//! Rehearsals of certificates in the real executable: a real authority (`pebble`, strict), a real name server (BIND),
//! and servers that stand where a name leads by mistake. `docs/qa/certificate-rehearsal.md` lists what is injected.

use crate::acme::{Setting, setting_of, until};
use crate::hosts;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use testkit::pebble::{Habits, Pebble, free_port};
use testkit::{Answer, Api, App, AppBuilder, Bind, Origin, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_secs(120);

/// The zone: each name has one thing wrong.
const ZONE: &str = "ready A 127.0.0.1
alias CNAME nowhere.example.test.
empty TXT \"no address\"
closed A 127.0.0.2
silent A 127.0.0.3
ssh A 127.0.0.4
other A 127.0.0.5
sent A 127.0.0.6
on A 127.0.0.7
two A 127.0.0.1
two A 127.0.0.2
six A 127.0.0.1
six AAAA ::1
strangers A 127.0.0.1
strangers CAA 0 issue \"pki.goog\"
bound A 127.0.0.1
bound CAA 0 issue \"pebble.test; validationmethods=dns-01\"
wild CAA 0 issuewild \";\"";

/// Names below a domain that is known everywhere, which lead into networks of one's own.
const PUBLIC: &str = "home A 192.168.1.5
carrier A 100.64.1.5";

/// A server at one address that answers everybody alike, or nobody.
#[expect(clippy::disallowed_methods, reason = "a server of the test itself")]
async fn stand(address: SocketAddr, answer: Option<String>) {
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let Some(answer) = &answer else {
                kept.push(stream);
                continue;
            };
            let mut head = [0; 2048];
            let length = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]);
            let path = head.split(' ').nth(1).unwrap_or_default();
            _ = stream.write_all(answer.replace("{path}", path).as_bytes()).await;
        }
    });
}

fn provider(server: &str, name: &str, zone: &str, key: &str) -> Value {
    let field = |name: &str, value: &str| json!({"name": name, "value": value});
    json!({"name": name, "kind": "rfc2136", "zones": [zone], "fields": [
        field("server", server), field("key_name", key), field("secret", Bind::SECRET)]})
}

fn knowing(bind: &Bind) -> AppBuilder {
    App::builder()
        .set("CHARON_DNS_RESOLVERS", bind.address.to_string())
        .set("CHARON_DNS_PORT", bind.address.port().to_string())
}

/// Looks at one name now.
async fn check(api: &mut Api, name: &str) -> Value {
    api.post("/acme/checks", &json!({"names": [name]})).await.expect(200)[0].clone()
}

/// The faults that were found, in their order.
fn faults(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    for finding in findings {
        assert!(!finding["message"].as_str().unwrap().is_empty(), "{report}");
        assert!(!finding["remedy"].as_str().unwrap().is_empty(), "{report}");
    }
    findings.iter().map(|finding| finding["fault"].as_str().unwrap()).collect()
}

/// That looking at this name finds this and nothing else, and says it with these words.
async fn finds(api: &mut Api, name: &str, fault: &str, words: &str) {
    let report = check(api, name).await;
    assert_eq!(faults(&report), [fault], "{report}");
    assert!(report["findings"][0]["message"].as_str().unwrap().contains(words), "{words}: {report}");
    let verdict = if report["findings"][0]["prevents"] == true { "would_fail" } else { "at_risk" };
    assert_eq!(report["verdict"], verdict, "{report}");
}

#[tokio::test]
async fn each_thing_that_is_wrong_with_the_way_to_a_name_is_told_by_its_name_with_its_remedy() {
    let zones = [("example.test", ZONE), ("test", ""), ("example.org", PUBLIC), ("org", "")];
    let (true, Some(bind)) = (Pebble::is_installed(), Bind::start(&zones)) else { return };
    let habits = Habits { resolver: Some(bind.address), ..Habits::default() };
    let Setting { app, mut api, mut pebble, .. } = setting_of(habits, knowing(&bind)).await;
    let port = app.http().port();
    let at = |last: u8| SocketAddr::from(([127, 0, 0, last], port));
    let plain =
        |status: &str, more: &str| Some(format!("HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\n\r\n"));
    stand(at(3), None).await;
    stand(at(4), Some("SSH-2.0-OpenSSH_9.2\r\n".to_owned())).await;
    stand(at(5), plain("404 Not Found", "Server: nginx\r\n")).await;
    stand(at(6), plain("301 Moved Permanently", "Location: https://elsewhere.example.test/\r\n")).await;
    stand(at(7), plain("302 Found", &format!("Location: http://ready.example.test:{port}{{path}}\r\n")))
        .await;

    let ready = check(&mut api, "Ready.example.test").await;
    assert_eq!((&ready["verdict"], &ready["challenge"]), (&json!("ready"), &json!("http-01")), "{ready}");
    let in_order = ready["in_order"].to_string();
    assert!(in_order.contains(&format!("this Charon answers there on port {port}")), "{ready}");
    // Authorities follow redirects, and so does this.
    assert_eq!(check(&mut api, "on.example.test").await["verdict"], "ready");
    for (name, fault, words) in [
        ("missing", "name-not-found", "does not exist"),
        ("alias", "alias-dangling", "nowhere.example.test"),
        ("empty", "no-address", "has no address"),
        ("closed", "port-closed", "127.0.0.2 is closed"),
        ("silent", "port-silent", "127.0.0.3 does not answer"),
        ("ssh", "not-http", "does not speak HTTP"),
        ("other", "another-server", "(nginx) answers on port"),
        ("sent", "sent-elsewhere", "https://elsewhere.example.test/"),
        ("two", "one-address-wrong", "127.0.0.2 is closed"),
        ("six", "ipv6-wrong", "::1 is closed"),
    ] {
        finds(&mut api, &format!("{name}.example.test"), fault, words).await;
    }
    let unknown = check(&mut api, "a.nobody.example").await;
    assert_eq!(faults(&unknown), ["lookup-fails", "caa-fails"], "{unknown}");
    assert!(unknown["findings"][0]["message"].as_str().unwrap().contains("REFUSED"), "{unknown}");

    // By DNS: nobody, a key without rights, a zone that is not there, a server that is not there, and one that works.
    finds(&mut api, "*.example.test", "no-dns-provider", "no DNS provider holds its zone").await;
    let server = bind.address.to_string();
    for (zone, server, key, fault) in [
        ("example.test", server.as_str(), Bind::POWERLESS, Some("dns-credentials-refused")),
        ("other.example", server.as_str(), Bind::KEY, Some("dns-zone-elsewhere")),
        ("down.test", "127.0.0.2:1", Bind::KEY, Some("dns-provider-unreachable")),
        ("example.test", server.as_str(), Bind::KEY, None),
    ] {
        let made =
            api.post("/dns-credentials", &provider(server, "the name server", zone, key)).await.expect(201);
        let report = check(&mut api, &format!("*.{zone}")).await;
        assert_eq!(report["challenge"], "dns-01");
        match fault {
            Some(fault) => assert_eq!(faults(&report).first(), Some(&fault), "{report}"),
            None => {
                assert_eq!(report["verdict"], "ready", "{report}");
                assert!(report["in_order"].to_string().contains("wrote a value"), "{report}");
                assert_eq!(bind.count("_acme-challenge.example.test"), 0);
            }
        }
        let path = format!("/dns-credentials/{}", made["uuid"].as_str().unwrap());
        api.delete(&path).await.expect(204);
    }

    // The authority: not trusted, not there.
    let directory = pebble.directory();
    api.put("/acme", &json!({"first": {"directory": directory, "roots_pem": ""}})).await.expect(200);
    finds(&mut api, "ready.example.test", "authority-not-trusted", "not trusted").await;
    api.put("/acme", &json!({"first": {"directory": directory, "roots_pem": pebble.root_pem()}}))
        .await
        .expect(200);
    pebble.stop();
    finds(&mut api, "ready.example.test", "authority-unreachable", "cannot be asked").await;
    // TLS that ends before Charon is not to be had by TLS-ALPN-01; whoever answers here does not speak TLS.
    api.put("/acme", &json!({"terms_agreed": false, "challenge": "tls-alpn-01"})).await.expect(200);
    finds(&mut api, "ready.example.test", "terms-not-agreed", "nobody has agreed").await;
    assert_eq!(check(&mut api, "ready.example.test").await["challenge"], "tls-alpn-01");
    // Names and addresses that no public authority reaches.
    let public = json!({"challenge": "http-01", "first": {"directory": "https://240.0.0.1/directory"}});
    api.put("/acme", &public).await.expect(200);
    for (name, fault) in [
        ("nas.lan", "name-not-public"),
        ("home.example.org", "private-address"),
        ("carrier.example.org", "carrier-address"),
    ] {
        let report = check(&mut api, name).await;
        assert_eq!(faults(&report)[..2], ["terms-not-agreed", fault], "{report}");
    }
    // What cannot be a name is refused by its place.
    let refused =
        api.post("/acme/checks", &json!({"names": ["ok.example.test", "https://x/"]})).await.expect(422);
    assert!(refused.to_string().contains("names.1"), "{refused}");
}

#[tokio::test]
async fn what_the_authority_and_the_zone_ask_for_is_told_before_it_is_ordered() {
    let Some(bind) = Bind::start(&[("example.test", ZONE), ("test", "")]) else { return };
    // Nobody reads what comes to this port.
    let deaf = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let other =
        App::builder().set("CHARON_DNS_RESOLVERS", deaf.local_addr().unwrap().to_string()).start().await;
    let http = free_port().to_string();
    let app = knowing(&bind).set("CHARON_PROXY_HTTP_PORT", &http).set("CHARON_ACME_HTTP_PORT", &http);
    let app = app.set("CHARON_ACME_HTTPS_PORT", other.https().port().to_string()).start().await;
    let mut api = app.admin().await;
    // A directory with what pebble's never says, behind Charon's own HTTPS.
    let directory = |account: bool, date: Option<&str>| {
        let meta = json!({"caaIdentities": ["pebble.test"], "externalAccountRequired": account});
        let head = date.map(|date| ("Date".to_owned(), date.to_owned())).into_iter().collect();
        Answer::Full(
            200,
            head,
            json!({"newOrder": "https://localhost/order", "meta": meta}).to_string().into_bytes(),
        )
    };
    let origin = Origin::start(directory(false, None)).await;
    hosts::add(&mut api, "localhost", &origin).await;
    let root = api.get("/certificates/internal-ca.pem").await.raw.text();
    let first =
        json!({"directory": format!("https://localhost:{}/dir", app.https().port()), "roots_pem": root});
    api.put("/acme", &json!({"terms_agreed": true, "first": first})).await.expect(200);
    finds(&mut api, "strangers.example.test", "caa-forbids", "only pki.goog").await;
    finds(&mut api, "bound.example.test", "caa-binds", "only proofs by dns-01").await;
    let server = bind.address.to_string();
    let provider = provider(&server, "the name server", "example.test", Bind::KEY);
    api.post("/dns-credentials", &provider).await.expect(201);
    finds(&mut api, "*.wild.example.test", "caa-forbids-wildcards", "nobody").await;
    assert_eq!(check(&mut api, "ready.example.test").await["verdict"], "ready");
    origin.answer(directory(true, None));
    finds(&mut api, "ready.example.test", "no-external-account", "none is set").await;
    origin.answer(directory(false, Some("Fri, 05 Dec 2025 19:03:02 GMT")));
    finds(&mut api, "ready.example.test", "clock-wrong", "2025-12-05").await;
    origin.answer(Answer::text("no directory"));
    finds(&mut api, "ready.example.test", "authority-unreachable", "no ACME directory").await;
    origin.answer(directory(false, None));
    // Another server has the port of TLS-ALPN-01.
    api.put("/acme", &json!({"challenge": "tls-alpn-01"})).await.expect(200);
    finds(&mut api, "ready.example.test", "tls-ended-in-front", "ends TLS").await;
    // Where no resolver answers, nothing is known of names.
    let mut api = other.admin().await;
    let report = check(&mut api, "ready.example.org").await;
    assert_eq!(faults(&report), ["terms-not-agreed", "resolver-silent"], "{report}");
}

/// The report that is kept about a name.
async fn kept(api: &mut Api, name: &str) -> Option<Value> {
    let all = api.get("/acme/checks").await.expect(200);
    all.as_array().unwrap().iter().find(|one| one["name"] == name).cloned()
}

async fn warns(api: &mut Api) -> bool {
    api.get("/health").await.json.to_string().contains("certificate-would-fail")
}

#[tokio::test]
async fn names_of_hosts_are_looked_at_by_themselves_and_what_would_fail_is_a_problem_until_it_is_mended() {
    let (true, Some(bind)) = (Pebble::is_installed(), Bind::start(&[("example.test", ZONE), ("test", "")]))
    else {
        return;
    };
    let habits = Habits { resolver: Some(bind.address), ..Habits::default() };
    let Setting { mut app, mut api, mut pebble, origin } = setting_of(habits, knowing(&bind)).await;
    let more = json!({"automatic_certificate": true});
    let host = hosts::add_with(&mut api, "ready.example.test", &origin, more).await;
    until(&mut api, "valid").await;
    // When the host was saved.
    let first =
        eventually("its name was looked at", LIMIT, async || kept(&mut api, "ready.example.test").await)
            .await;
    assert_eq!(first["verdict"], "ready", "{first}");
    assert!(!warns(&mut api).await);
    let shown = app.run(&["certs", "check"]);
    assert!(shown.code == 0, "{shown:?}");
    assert!(
        shown.stdout.contains("ready.example.test (http-01): the next certificate would be issued"),
        "{shown:?}"
    );
    // The certificate serves for years, and the next one would not come.
    pebble.stop();
    let shown = app.run(&["certs", "check", "ready.example.test"]);
    assert_eq!(shown.code, 1, "{shown:?}");
    assert!(
        shown.stdout.contains("x the authority at") && shown.stdout.contains("-> let this machine"),
        "{shown:?}"
    );
    eventually("that is a problem", LIMIT, async || warns(&mut api).await.then_some(())).await;
    // It is known after a restart too, and not looked at anew for it.
    let before = kept(&mut api, "ready.example.test").await.unwrap();
    app.kill();
    app.start_again().await;
    let mut api = app.admin().await;
    assert_eq!(kept(&mut api, "ready.example.test").await.unwrap()["checked_at"], before["checked_at"]);
    eventually("it is a problem again", LIMIT, async || warns(&mut api).await.then_some(())).await;
    // Mended, and looked at since somebody asks.
    pebble.begin().await;
    assert_eq!(check(&mut api, "ready.example.test").await["verdict"], "ready");
    eventually("the problem is gone", LIMIT, async || (!warns(&mut api).await).then_some(())).await;
    // Another name is another report, and that of a name that nobody wants is forgotten.
    api.put(&hosts::path(&host), &json!({"domain_names": "closed.example.test"})).await.expect(200);
    let other =
        eventually("the new name was looked at", LIMIT, async || kept(&mut api, "closed.example.test").await);
    assert_eq!(faults(&other.await), ["port-closed"]);
    assert_eq!(kept(&mut api, "ready.example.test").await, None);
    app.stop().await;
    let offline = app.run(&["certs", "check", "ready.example.test"]);
    assert!(offline.code != 0 && offline.stderr.contains("Charon does not run"), "{offline:?}");
}
