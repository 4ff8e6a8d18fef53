//! API tokens: shown once, kept as digests, within their scopes and their owner's role, until they end.

use crate::server::{Client, Server};
use serde_json::json;
use std::time::Duration;
use store::users::Role;

async fn with_token<'a>(server: &'a Server, owner: &Client<'a>, scopes: &[&str]) -> Client<'a> {
    let body = json!({"name": "test", "scopes": scopes, "expires_in_days": 1});
    let token = owner.post("/api-tokens", body).await.must(201);
    Client { bearer: Some(token["token"].as_str().unwrap().to_owned()), ..server.client() }
}

#[tokio::test]
async fn a_token_is_shown_once_and_only_its_digest_is_kept() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let client = with_token(&server, &admin, &["read"]).await;
    let token = client.bearer.clone().unwrap();
    assert!(token.starts_with("chn_") && token.len() == 68);
    let list = admin.get("/api-tokens").await;
    assert!(!list.text.contains(&token));
    assert_eq!(list.json[0]["prefix"], token[..8]);
    assert!(!admin.get("/audit").await.text.contains(&token));
    for file in std::fs::read_dir(server.dir.path()).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        assert!(!bytes.windows(token.len()).any(|window| window == token.as_bytes()), "{:?}", file.path());
    }
    let me = client.get("/auth/me").await.must(200);
    assert_eq!((me["via"].as_str(), &me["scopes"]), (Some("token"), &json!(["read"])));
    let both = Client { cookie: admin.cookie.clone(), ..client };
    both.get("/auth/me").await.must_fail(401, "unauthenticated");
}

#[tokio::test]
async fn scopes_bound_what_a_token_may_do() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let host = json!({"domain_names": "a.lan", "forward_host": "nas", "forward_port": 80});
    let read = with_token(&server, &admin, &["read"]).await;
    read.get("/proxy-hosts").await.must(200);
    read.post("/proxy-hosts", host.clone()).await.must_fail(403, "forbidden");
    read.get("/users").await.must_fail(403, "forbidden");
    read.get("/audit").await.must_fail(403, "forbidden");
    let write = with_token(&server, &admin, &["write"]).await;
    write.post("/proxy-hosts", host).await.must(201);
    write.get("/users").await.must_fail(403, "forbidden");
    let user = json!({"email": "x@example.com", "name": "X", "password": "correct horse", "role": "admin"});
    write.post("/users", user).await.must_fail(403, "forbidden");
    let all = with_token(&server, &admin, &["admin"]).await;
    all.get("/users").await.must(200);
    all.get("/audit").await.must(200);
    assert!(all.audit("proxy_host.create").await["actor"].as_str().unwrap().contains("(token test)"));
    // No token makes tokens or changes its owner's account.
    let body = json!({"name": "child", "scopes": ["admin"]});
    all.post("/api-tokens", body).await.must_fail(403, "forbidden");
    let body = json!({"old_password": "correct horse", "new_password": "another good one"});
    all.post("/auth/change-password", body).await.must_fail(403, "forbidden");
    all.send("POST", "/auth/logout", None).await.must_fail(403, "forbidden");
}

#[tokio::test]
async fn a_token_never_may_more_than_its_owner_and_ends_in_time_and_with_the_account() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let user = server.user("u@example.com", Role::User).await;
    let owner = server.session_of(&user).await;
    let token = with_token(&server, &owner, &["read", "write", "admin"]).await;
    token.get("/proxy-hosts").await.must(200);
    let host = json!({"domain_names": "a.lan", "forward_host": "nas", "forward_port": 80});
    token.post("/proxy-hosts", host).await.must_fail(403, "forbidden");
    admin.put(&format!("/users/{}", user.uuid), json!({"enabled": false})).await.must(200);
    token.get("/proxy-hosts").await.must_fail(401, "unauthenticated");

    let token = with_token(&server, &admin, &["read"]).await;
    server.clock.advance(Duration::from_secs(23 * 3600));
    token.get("/proxy-hosts").await.must(200);
    server.clock.advance(Duration::from_secs(2 * 3600));
    token.get("/proxy-hosts").await.must_fail(401, "unauthenticated");
}
