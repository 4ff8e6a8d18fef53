//! Changes of the configuration while requests flow: none fails, and no connection is closed.

use crate::hosts;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use testkit::{Answer, App, Origin, RawClient};

/// Connections that ask all the time.
const CLIENTS: usize = 6;
/// Changes while they do.
const CHANGES: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_configuration_fails_no_request_and_closes_no_connection() {
    let app = App::start().await;
    let mut admin = app.admin().await;
    let origin = Origin::start(Answer::text("steady")).await;
    hosts::add(&mut admin, "steady.example.com", &origin).await;
    let (end, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let (address, end, answered) = (app.http(), end.clone(), answered.clone());
        clients.spawn(async move {
            let mut client = RawClient::connect(address).await.unwrap();
            while !end.load(Ordering::Relaxed) {
                let answer = client.get("steady.example.com", "/").await.unwrap();
                assert_eq!((answer.status, answer.text().as_str()), (200, "steady"));
                assert_ne!(answer.header("connection"), Some("close"));
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for change in 0..CHANGES {
        let host = hosts::add(&mut admin, &format!("h{change}.example.com"), &origin).await;
        // What was said to be served is served, also on a connection of its own.
        assert_eq!(hosts::get(app.http(), &format!("h{change}.example.com"), "/").await.status, 200);
        admin.put(&hosts::path(&host), &json!({ "enabled": false })).await.expect(200);
        if change % 2 == 0 {
            admin.delete(&hosts::path(&host)).await.expect(204);
        }
    }
    end.store(true, Ordering::Relaxed);
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let answered = answered.load(Ordering::Relaxed);
    eprintln!("{answered} requests on {CLIENTS} connections during {CHANGES} changes, none failed");
    assert!(answered > CLIENTS, "the clients did not get to ask");
}
