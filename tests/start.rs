//! Starts and stops: what stands in the way is said in a sentence, and the end is orderly.

use std::net::TcpListener;
use std::time::Duration;
use testkit::{App, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_folder_is_refused() {
    let app = App::start().await;
    let second = app.run(&["serve"]);
    assert_ne!(second.code, 0);
    let said = second.stdout + &second.stderr;
    assert!(said.contains(&app.data().display().to_string()), "the folder is not named:\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(app.run(&["health"]).code, 0, "the first one was disturbed");
}

#[test]
fn a_port_in_use_that_leaves_nothing_to_serve_ends_the_start_with_a_sentence() {
    for names in [&["CHARON_HTTP_PORT"][..], &["CHARON_PROXY_HTTP_PORT", "CHARON_PROXY_HTTPS_PORT"]] {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port().to_string();
        let builder = names.iter().fold(App::builder(), |builder, name| builder.set(name, &port));
        let run = builder.run(&["serve"]);
        let said = run.stdout + &run.stderr;
        assert_ne!(run.code, 0, "{names:?}: {said}");
        assert!(said.contains(&port), "{names:?}: the port is not named:\n{said}");
        assert!(said.contains("ss -ltnp"), "{names:?}: who to ask is not said:\n{said}");
        assert!(!said.contains("panicked") && !said.contains("backtrace"), "{names:?}:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_port_in_use_is_told_while_the_other_serves_and_is_taken_once_it_is_free() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let app = App::builder().set("CHARON_PROXY_HTTPS_PORT", address.port().to_string()).start().await;
    let mut admin = app.admin().await;
    assert_eq!(crate::hosts::get(app.http(), "nobody.example.com", "/").await.status, 404, "HTTP serves");
    let health = admin.get("/health").await.json;
    let problem =
        health["problems"].as_array().unwrap().iter().find(|it| it["code"] == "listener-down").cloned();
    let problem = problem.unwrap_or_else(|| panic!("no problem: {health}"));
    assert!(problem["message"].as_str().unwrap().contains(&address.port().to_string()), "{problem}");
    assert!(problem["remedy"].as_str().unwrap().contains("ss -ltnp"), "{problem}");
    let listeners = admin.get("/system/info").await.expect(200)["listeners"].clone();
    assert!(listeners.to_string().contains("failing: "), "{listeners}");
    drop(holder);
    eventually("the port is listened on", Duration::from_secs(30), async || {
        let health = admin.get("/health").await.json;
        (!health.to_string().contains("listener-down")).then_some(())
    })
    .await;
    assert!(std::net::TcpStream::connect(address).is_ok());
}

#[test]
fn a_wrong_setting_ends_the_start_with_its_name() {
    let run = App::builder().set("CHARON_PROXY_HTTP_PORT", "many").run(&["serve"]);
    assert_eq!(run.code, 64, "{}", run.stderr);
    assert!(run.stderr.contains("CHARON_PROXY_HTTP_PORT") && run.stderr.contains("many"), "{}", run.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_orderly_and_a_new_start_finds_everything() {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    let status = app.stop().await;
    assert_eq!(status.code(), Some(0), "{}", app.output());
    assert!(!app.data().join("run.json").exists(), "run.json was left behind");
    app.start_again().await;
    admin = admin.at(app.ui());
    admin.get("/auth/me").await.expect(200);
    assert_eq!(app.anonymous().get("/setup").await.expect(200)["setupRequired"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_token_works_once_and_a_wrong_one_never() {
    let app = App::start().await;
    let account = |token: &str| serde_json::json!({ "token": token, "name": "A", "email": "a@example.com", "password": "long enough 1" });
    let mut api = app.anonymous();
    api.post("/setup", &account("0123456789")).await.expect(403);
    let token = app.set_up_token();
    api.post("/setup", &account(&token)).await.expect(201);
    app.anonymous().post("/setup", &account(&token)).await.expect(409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_never_ends_does_not_hold_a_connection_of_the_user_interface() {
    let app = App::start().await;
    let mut slow = testkit::RawClient::connect(app.ui()).await.unwrap();
    slow.send("GET /api/v1/health HTTP/1.1\r\nhost: x\r\nx-slow: ").await.unwrap();
    assert_eq!(app.anonymous().get("/health").await.status, 200);
    assert!(slow.read_response().await.is_err(), "an unfinished request got an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_data_folders_do_not_share_one_database() {
    let app = App::start().await;
    let shared = app.data().join("charon.db").display().to_string();
    let second = App::builder().set("CHARON_DB_PATH", shared).run(&["serve"]);
    let said = second.stdout + &second.stderr;
    assert_ne!(second.code, 0, "{said}");
    assert!(said.contains(&app.pid().to_string()), "the other process is not named:\n{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_changed_in_the_settings_is_listened_on_without_a_restart() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let mut kept = testkit::RawClient::connect(app.http()).await.unwrap();
    assert_eq!(kept.get("nobody.example.com", "/").await.unwrap().status, 404);
    let holder = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let setting = serde_json::json!({ "proxy.http_port": port });
    let refused = admin.put("/settings", &setting).await.expect(422);
    assert!(refused["errors"].to_string().contains("proxy.http_port"), "{refused}");
    drop(holder);
    admin.put("/settings", &setting).await.expect(200);
    let address = std::net::SocketAddr::new(app.http().ip(), port);
    eventually("the new port is listened on and the old one is not", Duration::from_secs(10), async || {
        let old = std::net::TcpStream::connect(app.http()).is_err();
        (old && std::net::TcpStream::connect(address).is_ok()).then_some(())
    })
    .await;
    assert_eq!(crate::hosts::get(address, "nobody.example.com", "/").await.status, 404);
    assert_eq!(kept.get("nobody.example.com", "/").await.unwrap().status, 404, "what was open goes on");
    eventually("the system page names the new port", Duration::from_secs(10), async || {
        (admin.get("/system/info").await.expect(200)["public_http_port"] == port).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_root_certificates_is_no_reason_not_to_start() {
    let nothing = tempfile::tempdir().unwrap();
    let nothing = nothing.path().to_str().unwrap();
    let none = App::builder().set("SSL_CERT_FILE", format!("{nothing}/none")).set("SSL_CERT_DIR", nothing);
    let app = none.start().await;
    app.admin().await.get("/proxy-hosts").await.expect(200);
}
