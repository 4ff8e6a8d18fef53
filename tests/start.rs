//! Starts and stops: what stands in the way is said in a sentence, and the end is orderly.

use std::net::TcpListener;
use testkit::App;

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
fn a_port_in_use_ends_the_start_with_a_sentence() {
    for name in ["CHARON_HTTP_PORT", "CHARON_PROXY_HTTP_PORT", "CHARON_PROXY_HTTPS_PORT"] {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port().to_string();
        let run = App::builder().set(name, &port).run(&["serve"]);
        let said = run.stdout + &run.stderr;
        assert_ne!(run.code, 0, "{name}: {said}");
        assert!(said.contains(&port), "{name}: the port is not named:\n{said}");
        assert!(said.contains("ss -ltnp"), "{name}: who to ask is not said:\n{said}");
        assert!(!said.contains("panicked") && !said.contains("backtrace"), "{name}:\n{said}");
    }
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
