//! Accounts: nobody locks everybody out, nobody reaches into another account, no secret comes out.

use crate::server::{PASSWORD, Server, fields};
use serde_json::json;
use store::users::Role;

#[tokio::test]
async fn the_last_admin_and_the_own_account_are_safe() {
    let server = Server::start().await;
    let me = server.user("a@example.com", Role::Admin).await;
    let admin = server.session_of(&me).await;
    let path = format!("/users/{}", me.uuid);
    admin.put(&path, json!({"role": "user"})).await.must_fail(409, "conflict");
    admin.put(&path, json!({"enabled": false})).await.must_fail(409, "conflict");
    admin.delete(&path).await.must_fail(409, "conflict");
    let other = server.user("b@example.com", Role::Admin).await;
    admin.put(&format!("/users/{}", other.uuid), json!({"role": "viewer"})).await.must(200);
    let entry = admin.audit("user.update").await;
    assert_eq!(
        (entry["before"]["role"].as_str(), entry["after"]["role"].as_str()),
        (Some("admin"), Some("viewer"))
    );
    let problem = admin.put(&path, json!({"email": "B@example.com"})).await.must_fail(409, "conflict");
    assert_eq!(fields(&problem), ["email"]);
}

#[tokio::test]
async fn accounts_are_made_with_good_passwords_and_the_wrong_fields_are_named() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let problem = admin
        .post("/users", json!({"email": "x@-y", "name": "X", "password": "aaaaaaaaaaaa", "role": "user"}))
        .await
        .must_fail(422, "validation");
    assert_eq!(fields(&problem), ["email", "password"]);
    let problem = admin
        .post("/users", json!({"email": "x@y.z", "name": " ", "password": PASSWORD, "role": "owner"}))
        .await
        .must_fail(422, "validation");
    let mut found = fields(&problem);
    found.sort();
    assert_eq!(found, ["name", "role"]);
    let body = json!({"email": "Grace@Example.com", "name": "Grace", "password": PASSWORD, "role": "user"});
    let answer = admin.post("/users", body.clone()).await;
    assert!(!answer.text.contains("argon2") && !answer.text.contains(PASSWORD));
    assert_eq!(answer.must(201)["email"], "grace@example.com");
    admin.post("/users", body).await.must_fail(409, "conflict");
    assert!(!admin.get("/audit").await.text.contains(PASSWORD));
}

#[tokio::test]
async fn nobody_sees_or_ends_the_sessions_and_tokens_of_others() {
    let server = Server::start().await;
    let alice = server.client_as(Role::User).await;
    let bob = server.client_as(Role::User).await;
    let session = alice.get("/auth/sessions").await.must(200);
    assert_eq!((session.as_array().unwrap().len(), &session[0]["current"]), (1, &json!(true)));
    bob.delete(&format!("/auth/sessions/{}", session[0]["id"])).await.must_fail(404, "not-found");
    let token = alice.post("/api-tokens", json!({"name": "mine", "scopes": ["read"]})).await.must(201);
    let uuid = token["uuid"].as_str().unwrap();
    assert_eq!(bob.get("/api-tokens").await.must(200), json!([]));
    bob.get("/api-tokens?all=true").await.must_fail(403, "forbidden");
    bob.delete(&format!("/api-tokens/{uuid}")).await.must_fail(404, "not-found");
    alice.get("/auth/me").await.must(200);
    let admin = server.client_as(Role::Admin).await;
    assert_eq!(admin.get("/api-tokens?all=true").await.must(200)[0]["owner"]["uuid"], token["owner"]["uuid"]);
    admin.delete(&format!("/api-tokens/{uuid}")).await.must(204);
    alice.delete(&format!("/auth/sessions/{}", session[0]["id"])).await.must(204);
    alice.get("/auth/me").await.must_fail(401, "unauthenticated");
}

#[tokio::test]
async fn a_new_address_of_the_own_account_needs_the_password() {
    let server = Server::start().await;
    let admin = server.set_up().await;
    admin.put("/auth/me", json!({"name": "Ada L.", "email": "ada@example.com"})).await.must(200);
    let problem = admin
        .put("/auth/me", json!({"name": "Ada", "email": "new@example.com"}))
        .await
        .must_fail(422, "validation");
    assert_eq!(fields(&problem), ["current_password"]);
    let body = json!({"name": "Ada", "email": "New@example.com", "current_password": PASSWORD});
    assert_eq!(admin.put("/auth/me", body).await.must(200)["email"], "new@example.com");
    let entry = admin.audit("user.update").await;
    assert_eq!(entry["before"]["email"], "ada@example.com");
}

#[tokio::test]
async fn what_a_client_calls_itself_cannot_forge_lines() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    let name = axum::http::HeaderValue::from_bytes(b"curl\tevil \x80").unwrap();
    let request = admin.request("PUT", "/settings").header("content-type", "application/json");
    let mut request = request.body(json!({"app_name": "X"}).to_string().into()).unwrap();
    request.headers_mut().insert("user-agent", name);
    admin.raw(request).await.must(200);
    let agent = admin.audit("settings.update").await["user_agent"].as_str().unwrap().to_owned();
    assert!(!agent.contains(char::is_control), "{agent:?}");
}
