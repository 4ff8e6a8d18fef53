//! The listener of UI and API, as a browser and a stranger meet it.

use testkit::{App, RawClient};

#[tokio::test(flavor = "multi_thread")]
async fn the_interface_is_served_for_pages_and_nothing_else_is() {
    let app = App::start().await;
    let host = app.ui().to_string();
    let mut client = RawClient::connect(app.ui()).await.unwrap();
    for page in ["/", "/proxy-hosts/some-host"] {
        let answer = client.get(&host, page).await.unwrap();
        assert_eq!(answer.status, 200, "{page}: {}", answer.text());
        assert!(answer.header("content-type").unwrap().starts_with("text/html"), "{page}");
        assert!(answer.text().contains("<div id=\"root\""), "{page} is not the interface: {}", answer.text());
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("default-src") || policy.contains("script-src"), "{page}: '{policy}'");
        assert!(!policy.contains("unsafe-eval"), "{page}: '{policy}'");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{page}");
    }
    assert_eq!(client.get(&host, "/assets/no-such-file.js").await.unwrap().status, 404);
    let unknown = client.get(&host, "/api/v1/no-such-thing").await.unwrap();
    assert_eq!(unknown.status, 404);
    assert!(unknown.header("content-type").unwrap().contains("json"), "{}", unknown.text());
    client
        .send(format!("DELETE /api/v1/health HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\n\r\n"))
        .await
        .unwrap();
    assert_eq!(client.read_response().await.unwrap().status, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_somebody_else_is_refused_so_that_a_hostile_page_cannot_reach_the_api() {
    let app = App::start().await;
    let port = app.ui().port();
    let mut client = RawClient::connect(app.ui()).await.unwrap();
    for (name, expected) in
        [("localhost", 200), ("127.0.0.1", 200), ("nas.local", 200), ("evil.example.com", 403)]
    {
        let answer = client.get(&format!("{name}:{port}"), "/api/v1/health").await.unwrap();
        assert_eq!(answer.status, expected, "{name}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_only_what_is_public_answers() {
    let app = App::start().await;
    let mut stranger = app.anonymous();
    for path in ["/health", "/setup", "/auth/status", "/openapi.json"] {
        stranger.get(path).await.expect(200);
    }
    for path in
        ["/proxy-hosts", "/users", "/settings", "/system/info", "/logs/access", "/auth/me", "/revisions"]
    {
        stranger.get(path).await.expect(401);
    }
}
