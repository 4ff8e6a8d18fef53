//! Set-up, login, and how sessions end.

use crate::server::{PASSWORD, Server};
use base::{Clock, Secret};
use serde_json::json;
use std::time::Duration;
use store::Audit;
use store::users::{NewUser, Role};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn the_set_up_makes_an_admin_once_and_only_with_the_token() {
    let server = Server::start().await;
    let client = server.client();
    assert_eq!(client.get("/setup").await.must(200), json!({"setupRequired": true}));
    let body = |token: &str| json!({"token": token, "name": "Ada", "email": "Ada@Example.com", "password": PASSWORD});
    client.post("/setup", body("wrong")).await.must_fail(403, "forbidden");
    let mut weak = body(&server.token);
    weak["password"] = json!("short");
    weak["email"] = json!("nonsense");
    let problem = client.post("/setup", weak).await.must_fail(422, "validation");
    assert_eq!(crate::server::fields(&problem), ["password"]);
    let answer = client.post("/setup", body(&server.token)).await;
    let cookie = answer.cookie().unwrap();
    let me = answer.must(201);
    assert_eq!(
        (me["user"]["email"].as_str(), me["user"]["role"].as_str()),
        (Some("ada@example.com"), Some("admin"))
    );
    assert_eq!(client.get("/setup").await.must(200), json!({"setupRequired": false}));
    client.post("/setup", body(&server.token)).await.must_fail(409, "setup-completed");
    let mut signed_in = server.client();
    signed_in.cookie = Some(cookie);
    assert_eq!(signed_in.get("/auth/me").await.must(200)["name"], "Ada");
    assert_eq!(signed_in.audit("user.setup").await["after"]["email"], "ada@example.com");
}

#[tokio::test]
async fn of_two_set_ups_at_the_same_moment_one_wins() {
    let server = Server::start().await;
    let body = |name: &str| json!({"token": server.token, "name": name, "email": format!("{name}@example.com"), "password": PASSWORD});
    let (first, second) = (server.client(), server.client());
    let (left, right) = tokio::join!(first.post("/setup", body("a")), second.post("/setup", body("b")));
    let mut statuses = [left.status.as_u16(), right.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    assert_eq!(store::users::count(&server.store).await.unwrap(), 1);
}

#[tokio::test]
async fn a_login_sets_a_strict_cookie_and_each_login_has_a_new_session() {
    let server = Server::start().await;
    server.set_up().await;
    let client = server.client();
    let body = json!({"email": "ADA@example.com ", "password": PASSWORD});
    let answer = client.post("/auth/login", body.clone()).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
    assert!(
        cookie.starts_with("charon_session=") && cookie.ends_with("HttpOnly; SameSite=Strict"),
        "{cookie}"
    );
    answer.must(200);
    let again = client.post("/auth/login", body.clone()).await;
    assert_ne!(again.headers["set-cookie"].to_str().unwrap(), cookie);
    // Behind Charon itself, by TLS.
    let near = client.clone().from("127.0.0.1");
    let request = near.request("POST", "/auth/login").header("x-forwarded-proto", "https");
    let request = request.header("content-type", "application/json");
    let answer = near.raw(request.body(body.to_string().into()).unwrap()).await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-charon_session=") && cookie.ends_with("; Secure"), "{cookie}");
    assert!(answer.headers.contains_key("strict-transport-security"));
}

#[tokio::test]
async fn ten_wrong_passwords_lock_the_account_for_longer_each_time() {
    let server = Server::start().await;
    let admin = server.set_up().await;
    let client = server.client();
    let login = |password: &str| json!({"email": "ada@example.com", "password": password});
    for number in 0..10_u8 {
        // Each try from another address, and with a forged header, so that only the account counts.
        let client = client.clone().from(&format!("198.51.100.{number}"));
        client.post("/auth/login", login("wrong")).await.must_fail(401, "invalid-credentials");
    }
    let fresh = client.clone().from("198.51.100.99");
    let answer = fresh.post("/auth/login", login(PASSWORD)).await;
    assert_eq!(answer.headers["retry-after"], "30");
    answer.must_fail(429, "account-locked");
    server.clock.advance(Duration::from_secs(31));
    fresh.post("/auth/login", login("wrong")).await.must_fail(401, "invalid-credentials");
    let answer = fresh.post("/auth/login", login(PASSWORD)).await;
    assert_eq!(answer.headers["retry-after"], "60");
    // The administrator who is signed in stays so, and can end the lock.
    let users = admin.get("/users").await.must(200);
    assert!(users[0]["locked_until"].is_string());
    let uuid = users[0]["uuid"].as_str().unwrap();
    admin.send("POST", &format!("/users/{uuid}/unlock"), None).await.must(204);
    fresh.post("/auth/login", login(PASSWORD)).await.must(200);
}

#[tokio::test]
async fn a_name_without_an_account_looks_the_same_and_is_locked_the_same() {
    let server = Server::start().await;
    server.set_up().await;
    let login = json!({"email": "nobody@example.com", "password": "wrong"});
    for number in 0..10_u8 {
        let client = server.client().from(&format!("198.51.100.{number}"));
        client.post("/auth/login", login.clone()).await.must_fail(401, "invalid-credentials");
    }
    let client = server.client().from("198.51.100.99");
    client.post("/auth/login", login).await.must_fail(429, "account-locked");
}

#[tokio::test]
async fn one_address_that_tries_many_accounts_must_wait_and_forwarded_headers_do_not_help_it() {
    let server = Server::start().await;
    server.set_up().await;
    let client = server.client().from("203.0.113.5");
    for number in 0..10 {
        let body = json!({"email": format!("u{number}@example.com"), "password": "wrong"});
        client.post("/auth/login", body).await.must_fail(401, "invalid-credentials");
    }
    let body = json!({"email": "u99@example.com", "password": "wrong"}).to_string();
    let request = client.request("POST", "/auth/login").header("x-forwarded-for", "198.51.100.1");
    let request = request.header("content-type", "application/json").body(body.into()).unwrap();
    client.raw(request).await.must_fail(429, "too-many-attempts");
    let other = server.client().from("203.0.113.6");
    other.post("/auth/login", json!({"email": "ada@example.com", "password": PASSWORD})).await.must(200);
}

#[tokio::test]
async fn an_old_bcrypt_hash_is_replaced_at_login() {
    let server = Server::start().await;
    let old = bcrypt::hash("old password", 4).unwrap().replacen("$2b$", "$2a$", 1);
    let user = NewUser {
        email: "old@example.com".to_owned(),
        name: "Old".to_owned(),
        role: Role::Admin,
        enabled: true,
        password_hash: Secret::new(old),
    };
    store::users::insert(&server.store, &user, Audit::system("create", "users", "test")).await.unwrap();
    let client = server.client();
    let login = json!({"email": "old@example.com", "password": "old password"});
    client.post("/auth/login", login.clone()).await.must(200);
    let stored = store::users::find_by_email(&server.store, "old@example.com").await.unwrap().unwrap();
    assert!(stored.password_hash.expose().starts_with("$argon2id$"));
    client.post("/auth/login", login).await.must(200);
}

#[tokio::test]
async fn sessions_end_by_logout_silence_and_age() {
    let server = Server::start().await;
    let admin = server.user("a@example.com", Role::Admin).await;
    let client = server.session_of(&admin).await;
    client.get("/auth/me").await.must(200);
    let answer = client.send("POST", "/auth/logout", None).await;
    assert!(answer.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    answer.must(204);
    client.get("/auth/me").await.must_fail(401, "unauthenticated");

    let silent = server.session_of(&admin).await;
    server.clock.advance(25 * HOUR);
    silent.get("/auth/me").await.must_fail(401, "unauthenticated");

    let busy = server.session_of(&admin).await;
    let begun = server.clock.now();
    while server.clock.now().since(begun) < 7 * 24 * HOUR - 12 * HOUR {
        server.clock.advance(12 * HOUR);
        busy.get("/auth/me").await.must(200);
    }
    server.clock.advance(13 * HOUR);
    busy.get("/auth/me").await.must_fail(401, "unauthenticated");
}

#[tokio::test]
async fn sessions_end_when_the_role_changes_or_the_account_is_disabled_or_deleted() {
    let server = Server::start().await;
    let admin = server.client_as(Role::Admin).await;
    for change in [Some(json!({"role": "viewer"})), Some(json!({"enabled": false})), None] {
        let user = server.user(&format!("{}@example.com", base::random::hex_token::<4>()), Role::User).await;
        let client = server.session_of(&user).await;
        client.get("/auth/me").await.must(200);
        let path = format!("/users/{}", user.uuid);
        match change {
            Some(change) => admin.put(&path, change).await.must(200),
            None => admin.delete(&path).await.must(204),
        };
        client.get("/auth/me").await.must_fail(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_new_password_ends_every_other_session_and_this_one_goes_on_with_a_new_cookie() {
    let server = Server::start().await;
    let mut client = server.set_up().await;
    let user = store::users::find_by_email(&server.store, "ada@example.com").await.unwrap().unwrap();
    let other = server.session_of(&user).await;
    let wrong = json!({"old_password": "wrong", "new_password": "another good one"});
    let problem = client.post("/auth/change-password", wrong).await.must_fail(422, "validation");
    assert_eq!(crate::server::fields(&problem), ["old_password"]);
    let right = json!({"old_password": PASSWORD, "new_password": "another good one"});
    let answer = client.post("/auth/change-password", right).await;
    let cookie = answer.cookie();
    answer.must(204);
    client.get("/auth/me").await.must_fail(401, "unauthenticated");
    other.get("/auth/me").await.must_fail(401, "unauthenticated");
    client.cookie = cookie;
    client.get("/auth/me").await.must(200);
    let login = |password: &str| json!({"email": "ada@example.com", "password": password});
    server.client().post("/auth/login", login(PASSWORD)).await.must_fail(401, "invalid-credentials");
    server.client().post("/auth/login", login("another good one")).await.must(200);
}

#[tokio::test]
async fn a_disabled_account_cannot_sign_in_and_is_not_told_apart() {
    let server = Server::start().await;
    let admin = server.set_up().await;
    let body = json!({"email": "b@example.com", "name": "B", "password": PASSWORD, "role": "user"});
    let uuid = admin.post("/users", body).await.must(201)["uuid"].as_str().unwrap().to_owned();
    admin.put(&format!("/users/{uuid}"), json!({"enabled": false})).await.must(200);
    let login = json!({"email": "b@example.com", "password": PASSWORD});
    server.client().post("/auth/login", login).await.must_fail(401, "invalid-credentials");
}
