//! Every route against every role, walked from the document, so that no route can be forgotten.

use crate::server::{Client, Server};
use serde_json::{Value, json};
use store::users::Role;

/// Routes that need no account. The list may only shrink.
const PUBLIC: &[&str] = &[
    "GET /auth/status",
    "GET /certificates/internal-ca.pem",
    "GET /docs",
    "GET /docs/{file}",
    "GET /health",
    "GET /openapi.json",
    "GET /setup",
    "POST /auth/login",
    "POST /setup",
];

fn routes(document: &Value) -> Vec<(String, String, String, bool)> {
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/api/v1").unwrap();
        for (method, operation) in methods.as_object().unwrap() {
            let role =
                operation["x-charon-role"].as_str().unwrap_or_else(|| panic!("{method} {path}: no role"));
            let body = operation["requestBody"].is_object();
            routes.push((method.to_uppercase(), path.to_owned(), role.to_owned(), body));
        }
    }
    assert!(routes.len() > 50, "{}", routes.len());
    routes
}

async fn status(client: &Client<'_>, method: &str, path: &str, body: bool) -> u16 {
    let path = path.replace("{uuid}", "none").replace("{id}", "999").replace("{revision}", "999");
    let answer = client.send(method, &path, body.then(|| json!({}))).await;
    answer.status.as_u16()
}

#[tokio::test]
async fn the_list_of_public_routes_is_this_one() {
    let public: Vec<String> = routes(api::openapi().value())
        .into_iter()
        .filter(|(_, _, role, _)| role == "public")
        .map(|(method, path, _, _)| format!("{method} {path}"))
        .collect();
    let mut sorted = public.clone();
    sorted.sort();
    assert_eq!(sorted, PUBLIC);
}

#[tokio::test]
async fn every_route_refuses_who_is_not_signed_in_and_who_may_less() {
    let server = Server::start().await;
    server.user("first@example.com", Role::Admin).await;
    for (method, path, role, body) in routes(&server.document) {
        let rank = match role.as_str() {
            "public" => continue,
            "viewer" => 0,
            "user" => 1,
            "admin" => 2,
            other => panic!("{other} is no role"),
        };
        let anonymous = server.client();
        assert_eq!(status(&anonymous, &method, &path, body).await, 401, "{method} {path} without an account");
        let mut stranger = server.client();
        stranger.cookie = Some("charon_session=wrong".to_owned());
        assert_eq!(status(&stranger, &method, &path, body).await, 401, "{method} {path} with a wrong cookie");
        stranger.cookie = None;
        stranger.bearer = Some("chn_wrong".to_owned());
        assert_eq!(status(&stranger, &method, &path, body).await, 401, "{method} {path} with a wrong token");
        for (number, account) in [Role::Viewer, Role::User, Role::Admin].into_iter().enumerate() {
            let client = server.client_as(account).await;
            let status = status(&client, &method, &path, body).await;
            if number < rank {
                assert_eq!(status, 403, "{method} {path} as {account:?}");
            } else {
                assert!(status != 401 && status != 403, "{method} {path} as {account:?}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn paths_that_are_no_routes_are_404_json_and_wrong_methods_405_json() {
    let server = Server::start().await;
    let client = server.client();
    for path in ["/nothing", "/proxy-hosts/a/b/c", "/", ""] {
        client.get(path).await.must_fail(404, "not-found");
    }
    let request = axum::http::Request::get("/api/v2/x").header("host", "localhost");
    client.raw(request.body(axum::body::Body::empty()).unwrap()).await.must_fail(404, "not-found");
    for (method, path) in
        [("PATCH", "/proxy-hosts"), ("DELETE", "/health"), ("TRACE", "/setup"), ("OPTIONS", "/users")]
    {
        let answer = client.send(method, path, None).await;
        assert!(answer.headers.contains_key("allow"), "{method} {path}");
        answer.must_fail(405, "method-not-allowed");
    }
}
