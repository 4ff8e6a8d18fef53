//! Requests that another site may have caused, names that are not ours, bodies that are no JSON.

use crate::server::{PASSWORD, Server};
use axum::body::Body;
use serde_json::json;
use store::users::Role;

#[tokio::test]
async fn another_site_cannot_change_anything_through_a_browser() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let cookie = admin.cookie.clone().unwrap();
    let send = |headers: Vec<(&'static str, String)>| {
        let mut request = server.client().request("POST", "/proxy-hosts");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let body = json!({"domain_names": "csrf.lan", "forward_host": "a", "forward_port": 1});
        let request = request.body(Body::from(body.to_string())).unwrap();
        let client = server.client();
        async move { client.raw(request).await }
    };
    let json = ("content-type", "application/json".to_owned());
    let csrf = ("x-charon-csrf", "1".to_owned());
    let cookie = ("cookie", cookie);
    send(vec![json.clone(), cookie.clone()]).await.must_fail(403, "csrf");
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        send(vec![("content-type", kind.to_owned()), cookie.clone()]).await.must_fail(403, "csrf");
    }
    for origin in ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:9"] {
        let headers = vec![json.clone(), csrf.clone(), cookie.clone(), ("origin", origin.to_owned())];
        send(headers).await.must_fail(403, "csrf");
    }
    let site = ("sec-fetch-site", "cross-site".to_owned());
    send(vec![json.clone(), csrf.clone(), cookie.clone(), site]).await.must_fail(403, "csrf");
    send(vec![("content-type", "text/plain".to_owned()), csrf.clone(), cookie.clone()])
        .await
        .must_fail(415, "unsupported-media-type");
    assert_eq!(admin.get("/proxy-hosts").await.must(200), json!([]));
    let origin = ("origin", "http://127.0.0.1:8080".to_owned());
    send(vec![json, csrf, cookie, origin]).await.must(201);
}

#[tokio::test]
async fn a_rebound_name_is_refused_until_it_is_allowed() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let get = |host: &'static str| {
        let request = axum::http::Request::get("/api/v1/setup").header("host", host);
        let (client, request) = (server.client(), request.body(Body::empty()).unwrap());
        async move { client.raw(request).await }
    };
    get("evil.example:8080").await.must_fail(403, "bad-host");
    get("127.0.0.1.evil.example").await.must_fail(403, "bad-host");
    get("charon.example.com").await.must(200);
    get("nas:8080").await.must(200);
    get("new.example.org").await.must_fail(403, "bad-host");
    admin.put("/settings", json!({"ui.allowed_hosts": ["new.example.org"]})).await.must(200);
    get("new.example.org").await.must(200);
    let request = axum::http::Request::get("/api/v1/setup").body(Body::empty()).unwrap();
    server.client().raw(request).await.must_fail(403, "bad-host");
}

#[tokio::test]
async fn bodies_are_json_of_at_most_a_mebibyte() {
    let server = Server::start().await;
    let client = server.client();
    let send = |kind: Option<&'static str>, body: Vec<u8>| {
        let mut request = client.request("POST", "/auth/login");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let (client, request) = (server.client(), request.body(Body::from(body)).unwrap());
        async move { client.raw(request).await }
    };
    let json = Some("application/json");
    send(None, b"{}".to_vec()).await.must_fail(415, "unsupported-media-type");
    send(Some("text/plain"), b"{}".to_vec()).await.must_fail(415, "unsupported-media-type");
    send(json, b"{".to_vec()).await.must_fail(400, "malformed");
    send(json, b"\xff\xfe".to_vec()).await.must_fail(400, "malformed");
    send(json, vec![b' '; 1024 * 1024 + 1]).await.must_fail(413, "too-large");
    send(json, b"[]".to_vec()).await.must_fail(422, "validation");
    send(json, b"null".to_vec()).await.must_fail(422, "validation");
    let many = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    send(json, many.into_bytes()).await.must_fail(400, "malformed");
    let problem =
        client.post("/auth/login", json!({"email": 7, "extra": PASSWORD})).await.must_fail(422, "validation");
    let mut fields = crate::server::fields(&problem);
    fields.sort();
    assert_eq!(fields, ["email", "extra", "password"]);
    assert!(!problem.to_string().contains(PASSWORD));
}

#[tokio::test]
async fn health_names_nobody_to_strangers_and_is_503_when_something_fails() {
    let server = Server::start().await;
    let client = server.client();
    let health = client.get("/health").await.must(200);
    assert_eq!((health["status"].as_str(), health["service"].as_str()), (Some("ok"), Some("Charon")));
    assert_eq!(health["migrations"]["security_audits"], true);
    let problem = base::Problem::new(base::Code::HostLeftOut, "the host secret.lan is left out", "mend it")
        .about("host secret.lan")
        .link("/hosts/1");
    server.problems.report("compile", vec![problem]);
    let answer = client.get("/health").await;
    assert!(!answer.text.contains("secret.lan"), "{}", answer.text);
    let health = answer.must(503);
    assert_eq!(health["problems"][0]["code"], "host-left-out");
    let signed_in = server.client_as(Role::Viewer).await;
    let health = signed_in.get("/health").await.must(503);
    assert_eq!(health["problems"][0]["subject"], "host secret.lan");
}

#[tokio::test]
async fn the_page_of_the_documentation_loads_nothing_from_elsewhere() {
    let server = Server::start().await;
    let client = server.client();
    let page = client.get("/docs").await;
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    for file in ["script.js", "style.css"] {
        assert!(page.text.contains(&format!("/api/v1/docs/{file}")));
        let text = client.get(&format!("/docs/{file}")).await;
        assert_eq!(text.status, 200);
        assert!(!text.text.contains("http://") && !text.text.contains("https://"));
    }
    assert!(!page.text.contains("http") && !page.text.contains("<script>"), "{}", page.text);
    client.get("/docs/other.js").await.must_fail(404, "not-found");
    assert_eq!(client.get("/openapi.json").await.must(200), server.document);
}
