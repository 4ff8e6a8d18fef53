//! One bad host stops neither the others nor the UI.

use crate::{hosts, sqlite};
use testkit::{Answer, App, Origin};

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_cannot_be_served_is_left_out_visibly_and_the_others_are_served() {
    let mut app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("fine")).await;
    hosts::add(&mut admin, "good.example.com", &origin).await;
    let bad = hosts::add(&mut admin, "bad.example.com", &origin).await;
    app.stop().await;
    let break_it = "UPDATE proxy_hosts SET forward_port = 123456 WHERE domain_names LIKE '%bad.example.com%'";
    sqlite::run(&app.data().join("charon.db"), &[break_it]);
    app.start_again().await;

    assert_eq!(hosts::get(app.http(), "good.example.com", "/").await.text(), "fine");
    // Whoever asks for it learns that it is not gone, and nothing of what is wrong.
    let refused = hosts::get(app.http(), "bad.example.com", "/").await;
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("a fault in its settings"), "{}", refused.text());
    assert!(!refused.text().contains("123456"), "{}", refused.text());
    let mut admin = admin.at(app.ui());
    let shown = hosts::show(&mut admin, &bad).await;
    assert_eq!(shown["status"]["state"], "left_out", "{shown}");
    assert!(!shown["status"]["remedy"].as_str().unwrap().is_empty(), "{shown}");
    let health = admin.get("/health").await.json;
    let problems = health["problems"].as_array().unwrap();
    let left_out =
        problems.iter().find(|problem| problem["code"] == "host-left-out").expect("no problem says so");
    assert!(left_out["message"].as_str().unwrap().contains("123456"), "{left_out}");
    assert_eq!(app.run(&["config", "check"]).code, 1);

    let mended = serde_json::json!({ "forward_port": origin.port() });
    let mended = admin.put(&hosts::path(&bad), &mended).await.expect(200);
    assert_eq!(mended["status"]["state"], "serving", "{mended}");
    assert_eq!(hosts::get(app.http(), "bad.example.com", "/").await.text(), "fine");
}
