//! The main job: a person adds a host, and real traffic flows over HTTP and HTTPS.

use crate::hosts;
use serde_json::json;
use testkit::{Answer, App, Origin, RawClient};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_serves_over_http_and_https_from_the_moment_it_is_saved() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("hello from the origin")).await;
    let host = hosts::add(&mut admin, "app.example.com", &origin).await;

    let plain = hosts::get(app.http(), "app.example.com", "/a?b=c").await;
    assert_eq!((plain.status, plain.text().as_str()), (200, "hello from the origin"));
    let seen = origin.last_head();
    assert_eq!(seen.line, "GET /a?b=c HTTP/1.1");
    assert_eq!(seen.header("host"), Some("app.example.com"));
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));

    let ca = app.anonymous().get("/certificates/internal-ca.pem").await.raw.body;
    let mut secure =
        RawClient::connect_tls(app.https(), "app.example.com", &ca, &["http/1.1"]).await.unwrap();
    let answer = secure.get("app.example.com", "/").await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, "hello from the origin"));
    assert_eq!(origin.last_head().header("x-forwarded-proto"), Some("https"));

    assert_eq!(hosts::get(app.http(), "other.example.com", "/").await.status, 404);

    admin.put(&hosts::path(&host), &json!({ "enabled": false })).await.expect(200);
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.status, 404);
    admin.put(&hosts::path(&host), &json!({ "enabled": true })).await.expect(200);
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.status, 200);
    admin.delete(&hosts::path(&host)).await.expect(204);
    assert_eq!(hosts::get(app.http(), "app.example.com", "/").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_any_size_go_both_ways_and_web_sockets_need_no_switch() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::Echo).await;
    hosts::add(&mut admin, "echo.example.com", &origin).await;
    let mut client = RawClient::connect(app.http()).await.unwrap();
    for length in [0, 1, 4096, 3_000_000] {
        let body: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let head = format!("POST / HTTP/1.1\r\nhost: echo.example.com\r\ncontent-length: {length}\r\n\r\n");
        client.send([head.as_bytes(), &body].concat()).await.unwrap();
        let answer = client.read_response().await.unwrap();
        assert!(answer.status == 200 && answer.body == body, "a body of {length} bytes came back otherwise");
    }
    origin.answer(Answer::WebSocketEcho);
    let mut socket = RawClient::connect(app.http()).await.unwrap();
    let handshake = "GET /chat HTTP/1.1\r\nhost: echo.example.com\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.send(handshake).await.unwrap();
    assert_eq!(socket.read_head().await.unwrap().status(), 101);
    for word in ["first", "second"] {
        socket.send(word).await.unwrap();
        assert_eq!(socket.read_exact(word.len()).await.unwrap(), word.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wildcards_locations_and_forced_https_do_what_the_form_says() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let (site, api) = (Origin::start(Answer::text("site")).await, Origin::start(Answer::text("api")).await);
    let location = json!([{
        "path": "/api", "forward_scheme": "http", "forward_host": "127.0.0.1", "forward_port": api.port(),
    }]);
    let more = json!({ "locations": location, "response_headers": [{ "action": "set", "name": "x-by", "value": "charon" }] });
    hosts::add_with(&mut admin, "*.example.com, example.com", &site, more).await;
    assert_eq!(hosts::get(app.http(), "a.example.com", "/").await.text(), "site");
    let answer = hosts::get(app.http(), "EXAMPLE.com", "/api/x").await;
    assert_eq!((answer.text().as_str(), answer.header("x-by")), ("api", Some("charon")));
    assert_eq!(hosts::get(app.http(), "a.b.example.com", "/").await.status, 404);

    hosts::add_with(&mut admin, "safe.example.org", &site, json!({ "ssl_forced": true })).await;
    let answer = hosts::get(app.http(), "safe.example.org", "/x?y=1").await;
    assert!([301, 302, 307, 308].contains(&answer.status), "{}", answer.status);
    let target = answer.header("location").unwrap();
    assert!(target.starts_with("https://safe.example.org") && target.ends_with("/x?y=1"), "{target}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_is_gone_is_a_502_and_comes_back_by_itself() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::CloseMidBody(1000)).await;
    hosts::add(&mut admin, "flaky.example.com", &origin).await;
    let mut client = RawClient::connect(app.http()).await.unwrap();
    assert!(client.get("flaky.example.com", "/").await.is_err(), "a body that ended early looks whole");
    origin.answer(Answer::text("well again"));
    assert_eq!(hosts::get(app.http(), "flaky.example.com", "/").await.text(), "well again");
    let gone = Origin::start(Answer::text("x")).await;
    hosts::add(&mut admin, "gone.example.com", &gone).await;
    drop(gone);
    testkit::eventually("the proxy answers 502", std::time::Duration::from_secs(10), async || {
        (hosts::get(app.http(), "gone.example.com", "/").await.status == 502).then_some(())
    })
    .await;
}
