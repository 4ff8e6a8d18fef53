//! The live channel: what it tells, to whom, and that it ends with the session.

use crate::server::{Client, Server};
use api::engines::{LogEntry, TrafficTick};
use axum::body::{Body, BodyDataStream};
use futures_core::Stream;
use serde_json::Value;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::users::Role;
use tower::ServiceExt;

struct Events {
    body: BodyDataStream,
    text: String,
}

impl Events {
    async fn open(client: &Client<'_>, path: &str) -> Self {
        let request = client.request("GET", path).body(Body::empty()).unwrap();
        let response = client.server.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next event with this name; others are passed over. `None`: the channel has ended.
    async fn next(&mut self, name: &str) -> Option<Value> {
        let wait = async {
            loop {
                while let Some((event, rest)) = self.text.split_once("\n\n") {
                    let (head, data) = event.split_once('\n').unwrap();
                    let found = (head == format!("event: {name}"))
                        .then(|| serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap());
                    self.text = rest.to_owned();
                    if found.is_some() {
                        return found;
                    }
                }
                let chunk = poll_fn(|context| Pin::new(&mut self.body).poll_next(context)).await?;
                self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("no such event in 20 s")
    }
}

#[tokio::test]
async fn a_member_sees_requests_traffic_and_health_as_they_happen() {
    let server = Server::start().await;
    let client = server.client_as(Role::User).await;
    let mut events = Events::open(&client, "/live?topics=log,traffic,health&status=5xx").await;
    assert_eq!(events.next("hello").await.unwrap()["topics"].as_array().unwrap().len(), 3);
    assert_eq!(events.next("health").await.unwrap()["status"], "ok");
    for status in [200, 502] {
        let entry = LogEntry { status, path: "/a\n\nevent: bye".to_owned(), ..LogEntry::default() };
        server.engines.log.send(Arc::new(entry)).unwrap();
    }
    let entries = events.next("log").await.unwrap();
    assert_eq!(
        (entries["entries"].as_array().unwrap().len(), &entries["entries"][0]["status"]),
        (1, &502.into())
    );
    server.engines.ticks.send(Arc::new(TrafficTick::default())).unwrap();
    assert!(events.next("traffic").await.unwrap()["totals"]["requests"].is_number());
    let problem = base::Problem::new(base::Code::ListenerDown, "a listener is down", "start it");
    server.problems.report("test", vec![problem]);
    assert_eq!(events.next("health").await.unwrap()["status"], "failing");
}

#[tokio::test]
async fn a_viewer_gets_no_log_and_unknown_topics_are_refused() {
    let server = Server::start().await;
    let client = server.client_as(Role::Viewer).await;
    client.get("/live?topics=log").await.must_fail(403, "forbidden");
    client.get("/live?topics=nonsense").await.must_fail(422, "validation");
    let mut events = Events::open(&client, "/live").await;
    assert_eq!(events.next("hello").await.unwrap()["topics"], serde_json::json!(["traffic", "health"]));
}

#[tokio::test]
async fn the_channel_ends_with_the_session() {
    let server = Server::start().await;
    let client = server.client_as(Role::User).await;
    let mut events = Events::open(&client, "/live").await;
    events.next("heartbeat").await.unwrap();
    client.send("POST", "/auth/logout", None).await.must(204);
    let bye = events.next("bye").await.unwrap();
    assert!(bye["reason"].as_str().unwrap().contains("session"));
    assert_eq!(events.next("anything").await, None);
}
