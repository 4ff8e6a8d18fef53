//! What a bouncer tells LAPI of its work, from CrowdSec 1.6.3 on: how many requests it has let through and stopped, and
//! how many decisions it holds (<https://docs.crowdsec.net/docs/next/observability/usage_metrics/>).

use crate::lapi::{Lapi, LapiError};
use base::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// Requests or decisions that have everything in common but themselves.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Counted {
    /// Who decided: `crowdsec`, `CAPI` ...
    pub origin: String,
    /// What was done about it: `ban` or `captcha`; empty for decisions.
    pub remediation: &'static str,
    /// How many.
    pub count: u64,
}

/// What has happened within a time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// All requests.
    pub processed: u64,
    /// Those that were stopped.
    pub dropped: Vec<Counted>,
    /// Decisions that hold now.
    pub active: Vec<Counted>,
    /// How long it took.
    pub window: Duration,
}

impl Usage {
    /// As it goes over the wire; zeros are left out.
    fn body(&self, version: &str, started: Timestamp, now: Timestamp) -> Value {
        let mut items = Vec::new();
        let mut item = |name: &str, unit: &str, count: u64, labels: Value| {
            if count > 0 {
                items.push(json!({ "name": name, "value": count, "unit": unit, "labels": labels }));
            }
        };
        item("processed", "request", self.processed, json!({}));
        for Counted { origin, remediation, count } in &self.dropped {
            item("dropped", "request", *count, json!({ "origin": origin, "remediation": remediation }));
        }
        for Counted { origin, count, .. } in &self.active {
            item("active_decisions", "ip", *count, json!({ "origin": origin }));
        }
        let meta = json!({
            "window_size_seconds": self.window.as_secs(), "utc_now_timestamp": now.millis() / 1000,
        });
        json!({ "remediation_components": [{
            "name": "charon", "type": "crowdsec-charon-bouncer", "version": format!("v{version}"),
            "feature_flags": [], "utc_startup_timestamp": started.millis() / 1000,
            "metrics": [{ "meta": meta, "items": items }],
        }] })
    }
}

impl Lapi {
    /// Tells LAPI. `false`: this version has no place for it.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub async fn tell_usage(
        &self,
        usage: &Usage,
        started: Timestamp,
        now: Timestamp,
    ) -> Result<bool, LapiError> {
        let body = usage.body(env!("CARGO_PKG_VERSION"), started, now);
        match self.post_as_bouncer("/v1/usage-metrics", body).await {
            Ok(()) => Ok(true),
            Err(LapiError::Status { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lapi::Access;
    use base::Secret;
    use std::io::{Read, Write};

    /// A stand-in for LAPI, which answers one request with this status; returns what it got.
    fn stand_in(status: &'static str) -> (Lapi, std::thread::JoinHandle<String>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let key = Some(Secret::new("key".to_owned()));
        let lapi = Lapi::new(Access { url, key, ..Access::default() }).unwrap();
        let got = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut got = String::new();
            let mut buffer = [0; 4096];
            while !got.ends_with("\"}]}") {
                let count = stream.read(&mut buffer).unwrap();
                got.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            }
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").unwrap();
            got
        });
        (lapi, got)
    }

    #[tokio::test]
    async fn usage_is_told_in_the_form_of_lapi_and_versions_without_a_place_for_it_are_known() {
        let counted = |count| Counted { origin: "CAPI".to_owned(), remediation: "ban", count };
        let usage = Usage {
            processed: 7,
            dropped: vec![counted(3), counted(0)],
            active: vec![counted(2)],
            window: Duration::from_secs(1800),
        };
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        for (status, expected) in
            [("201 Created", Some(true)), ("404 Not Found", Some(false)), ("500 No", None)]
        {
            let (lapi, got) = stand_in(status);
            assert_eq!(lapi.tell_usage(&usage, at(5), at(1805)).await.ok(), expected, "{status}");
            let got = got.join().unwrap();
            assert!(got.starts_with("POST /v1/usage-metrics ") && got.contains("x-api-key: key"), "{got}");
            let body: Value = serde_json::from_str(got.split_once("\r\n\r\n").unwrap().1).unwrap();
            let component = &body["remediation_components"][0];
            assert_eq!(component["utc_startup_timestamp"], 5);
            let metrics = &component["metrics"][0];
            assert_eq!(metrics["meta"], json!({ "window_size_seconds": 1800, "utc_now_timestamp": 1805 }));
            assert_eq!(
                metrics["items"],
                json!([
                    { "name": "processed", "value": 7, "unit": "request", "labels": {} },
                    { "name": "dropped", "value": 3, "unit": "request",
                      "labels": { "origin": "CAPI", "remediation": "ban" } },
                    { "name": "active_decisions", "value": 2, "unit": "ip", "labels": { "origin": "CAPI" } },
                ])
            );
        }
    }
}
