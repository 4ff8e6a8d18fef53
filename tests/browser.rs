//! The UI in a real Chromium.

use testkit::{ADMIN, Answer, App, Origin, PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sets_up_adds_a_host_sees_its_traffic_and_disables_it() {
    let app = App::start().await;
    let origin = Origin::start(Answer::text("hello from the origin")).await;
    let settings = [
        ("UI", format!("http://{}", app.ui())),
        ("PROXY", format!("http://{}", app.http())),
        ("TOKEN", app.set_up_token()),
        ("EMAIL", ADMIN.to_owned()),
        ("PASSWORD", PASSWORD.to_owned()),
        ("ORIGIN_HOST", "127.0.0.1".to_owned()),
        ("ORIGIN_PORT", origin.port().to_string()),
    ];
    tokio::task::spawn_blocking(move || testkit::walk("first_day", &settings)).await.unwrap();
    assert_eq!(origin.requests(), 1, "the origin was asked by somebody else too, or not at all");
}
