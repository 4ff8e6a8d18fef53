//! Servers and traffic features as a person sets them: through the API, seen at the proxy.

use crate::hosts;
use serde_json::json;
use testkit::{Answer, App, Origin, RawClient};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_servers_the_dead_one_costs_no_request_and_shows_why() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("alive")).await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let upstream = json!({ "servers": [{ "address": dead.to_string() }] });
    let host = hosts::add_with(&mut admin, "two.example.com", &origin, json!({ "upstream": upstream })).await;
    for _ in 0..20 {
        let answer = hosts::get(app.http(), "two.example.com", "/").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "alive"));
    }
    let shown = hosts::show(&mut admin, &host).await;
    let servers = shown["servers"].as_array().unwrap();
    let server = servers.iter().find(|server| server["address"] == dead.to_string());
    let server = server.unwrap_or_else(|| panic!("the dead server is not shown: {shown}"));
    assert_ne!(server["health"], "healthy", "{server}");
    assert!(!server["why"].as_str().unwrap_or_default().is_empty(), "{server}");

    let wrong = json!({ "upstream": { "servers": [{ "address": "no port" }] } });
    let refused = admin.put(&hosts::path(&host), &wrong).await.expect(422);
    let field = refused["errors"][0]["field"].as_str().unwrap();
    assert!(field.starts_with("upstream.servers.0"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_features_do_at_the_proxy_what_the_api_was_told() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let page = (200, vec![("content-type".to_owned(), "text/plain".to_owned())], "a long text ".repeat(500));
    let origin = Origin::start(Answer::Full(page.0, page.1, page.2.into_bytes())).await;
    let host = hosts::add(&mut admin, "site.example.com", &origin).await;
    let set = async |admin: &mut testkit::Api, traffic: serde_json::Value| {
        let saved = admin.put(&hosts::path(&host), &json!({ "traffic": traffic })).await.expect(200);
        assert_eq!(saved["status"]["state"], "serving", "{saved}");
    };

    set(
        &mut admin,
        json!({
            "compression": { "types": ["text/*"] },
            "security_headers": { "preset": "basic" },
            "rewrite": [{ "action": "strip_prefix", "prefix": "/app" }],
            "redirects": [{ "match": { "exact": "/old" }, "to": "/new", "status": 301 }],
            "max_body": 10,
        }),
    )
    .await;
    let answer = hosts::get(app.http(), "site.example.com", "/old").await;
    assert_eq!((answer.status, answer.header("location")), (301, Some("/new")));
    let mut client = RawClient::connect(app.http()).await.unwrap();
    client
        .send("GET /app/page HTTP/1.1\r\nhost: site.example.com\r\naccept-encoding: gzip\r\n\r\n")
        .await
        .unwrap();
    let answer = client.read_response().await.unwrap();
    assert_eq!((answer.status, answer.header("x-content-type-options")), (200, Some("nosniff")));
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body.len() < 1000, "{} bytes are no compression", answer.body.len());
    assert_eq!(origin.last_head().line, "GET /page HTTP/1.1");
    let mut client = RawClient::connect(app.http()).await.unwrap();
    client.send("POST / HTTP/1.1\r\nhost: site.example.com\r\ncontent-length: 11\r\n\r\n").await.unwrap();
    assert_eq!(client.read_response().await.unwrap().status, 413);

    set(&mut admin, json!({ "maintenance": { "message": "Back at noon." } })).await;
    let answer = hosts::get(app.http(), "site.example.com", "/").await;
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("Back at noon."), "{}", answer.text());

    set(&mut admin, json!({})).await;
    assert_eq!(hosts::get(app.http(), "site.example.com", "/old").await.status, 200);

    let wrong =
        json!({ "traffic": { "rewrite": [{ "action": "regex", "pattern": "(", "replacement": "" }] } });
    let refused = admin.put(&hosts::path(&host), &wrong).await.expect(422);
    let field = refused["errors"][0]["field"].as_str().unwrap();
    assert!(field.starts_with("traffic.rewrite.0"), "{refused}");
    assert_eq!(hosts::get(app.http(), "site.example.com", "/old").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_in_front_says_whose_connection_it_is_and_nobody_else_can() {
    let app = App::builder().set("CHARON_PROXY_PROTOCOL_FROM", "127.0.0.0/8, ::1").start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("hello")).await;
    hosts::add(&mut admin, "site.example.com", &origin).await;
    let request = "GET / HTTP/1.1\r\nhost: site.example.com\r\n\r\n";
    let mut client = RawClient::connect(app.http()).await.unwrap();
    client.send(format!("PROXY TCP4 192.0.2.7 192.0.2.1 5555 80\r\n{request}")).await.unwrap();
    assert_eq!(client.read_response().await.unwrap().status, 200);
    assert_eq!(origin.last_head().header("x-forwarded-for"), Some("192.0.2.7"));
    let mut client = RawClient::connect(app.http()).await.unwrap();
    client.send(request).await.unwrap();
    assert!(client.read_response().await.is_err(), "a connection without the header was served");

    let wrong = App::builder().set("CHARON_PROXY_PROTOCOL_FROM", "everywhere").run(&["serve"]);
    assert_eq!(wrong.code, 64, "{}", wrong.stderr);
    assert!(wrong.stderr.contains("CHARON_PROXY_PROTOCOL_FROM"), "{}", wrong.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_the_servers_says_of_each_how_far_it_came_and_what_mends_it() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("alive")).await;
    let silent = Origin::start(Answer::Hang).await;
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = app.data().join("app.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a panic here is joined below")]
    let answers = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        _ = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await.unwrap();
        let answer = b"HTTP/1.1 204 No Content\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
    });
    let upstream = json!({ "servers": [
        { "address": dead.to_string() },
        // The proxy's own certificate, which nobody has been told to trust.
        { "scheme": "https", "address": format!("localhost:{}", app.https().port()) },
        { "address": format!("unix:{}", socket.display()) },
        { "address": "unix:/no/such.sock" },
        { "address": "no-such-name.invalid:80" },
        { "scheme": "https", "address": origin.address().to_string() },
        { "address": silent.address().to_string() },
    ]});
    let sent = json!({ "forward_host": "127.0.0.1", "forward_port": origin.port(), "upstream": upstream });
    let tested = admin.post("/proxy-hosts/test-upstream", &sent).await.expect(200);
    assert_eq!(tested["ok"], false);
    let servers = tested["servers"].as_array().unwrap();
    let expected = [
        ("answer", true, "status 200", ""),
        ("connect", false, "refused", "Start the service"),
        ("tls", false, "issuer that is not trusted", "Paste its issuer"),
        ("answer", true, "status 204", ""),
        ("connect", false, "does not exist", "correct the path"),
        ("name", false, "no-such-name.invalid", "spelling"),
        ("tls", false, "does not agree on TLS", "choose http"),
        ("answer", false, "does not answer", "application's own log"),
    ];
    assert_eq!(servers.len(), expected.len(), "{tested:#}");
    for (server, (step, ok, message, remedy)) in servers.iter().zip(expected) {
        let last = server["steps"].as_array().unwrap().last().unwrap();
        assert_eq!(
            (&last["step"], &last["ok"], &server["ok"]),
            (&json!(step), &json!(ok), &json!(ok)),
            "{server:#}"
        );
        assert!(last["message"].as_str().unwrap().contains(message), "{server:#}");
        assert!(last["remedy"].as_str().unwrap_or_default().contains(remedy), "{server:#}");
    }
    assert_eq!(servers[2]["certificate"]["domains"], json!(["localhost"]), "{:#}", servers[2]);
    answers.await.unwrap();

    let host = hosts::add(&mut admin, "tested.example.com", &origin).await;
    let tested = admin.post(&format!("{}/test-upstream", hosts::path(&host)), &json!({})).await.expect(200);
    assert_eq!((&tested["ok"], tested["servers"].as_array().unwrap().len()), (&json!(true), 1), "{tested:#}");
    assert_eq!(origin.last_head().header("host"), Some("tested.example.com"));
}
