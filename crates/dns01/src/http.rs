//! Calls to the APIs of providers. What a provider says is shown only when it holds nothing of what was sent in
//! confidence.

use crate::DnsError;
use crate::schema::{Means, Settings};
use crate::text::{base64, percent};
use base::{Clock, Secret};
use bytes::Bytes;
use http::{Request, StatusCode};
use outbound::OutboundError;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The most of a provider's words that is shown.
const SHOWN: usize = 200;

/// One provider's way to its API.
#[derive(Debug)]
pub(crate) struct Http {
    client: outbound::Client,
    secrets: Vec<Secret<String>>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// An answer that is not an error, or says that something is not there (404).
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) missing: bool,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(&self) -> Result<Value, DnsError> {
        serde_json::from_slice(&self.body).map_err(|_| DnsError::malformed("it is not JSON"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Http {
    pub(crate) fn new(settings: &Settings, means: &Means) -> Self {
        Self { client: means.client.clone(), secrets: settings.secrets(), clock: means.clock.clone() }
    }

    /// Makes one more text confidential.
    pub(crate) fn hide(&mut self, secret: Secret<String>) {
        self.secrets.push(secret);
    }

    /// Sends one request; `headers` are confidential.
    pub(crate) async fn call(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, DnsError> {
        let mut request = Request::builder().method(method).uri(url).header("user-agent", "charon");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).map_err(|_| {
            DnsError::failed("the settings hold characters that cannot stand in a request; type them again")
        })?;
        let answer = self.client.send(request).await.map_err(|error| self.outbound(&error))?;
        let status = answer.status();
        let wait = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let reply = Reply { missing: status == StatusCode::NOT_FOUND, body: answer.into_body() };
        if status.is_success() || reply.missing {
            return Ok(reply);
        }
        let reason = self.words(&reply.text(), Some(status), headers);
        Err(match status.as_u16() {
            401 | 403 => DnsError::Refused { reason },
            409 | 412 => DnsError::Conflict { reason },
            429 => DnsError::RateLimited { retry_after: wait.map(Duration::from_secs) },
            _ => DnsError::failed(reason),
        })
    }

    /// The same with a body of JSON.
    pub(crate) async fn json(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Result<Reply, DnsError> {
        let mut all = headers.to_vec();
        all.push(("content-type", "application/json"));
        self.call(method, url, &all, body.to_string()).await
    }

    /// A GET whose answer must be there.
    pub(crate) async fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Value, DnsError> {
        let reply = self.call("GET", url, headers, Bytes::new()).await?;
        if reply.missing {
            return Err(DnsError::failed("it says that this is not there (404)"));
        }
        reply.json()
    }

    /// A provider's own words, when they hold nothing confidential.
    pub(crate) fn words(&self, said: &str, status: Option<StatusCode>, headers: &[(&str, &str)]) -> String {
        let status = status.map_or(String::new(), |status| format!("status {}", status.as_u16()));
        let mut hidden: Vec<String> = Vec::new();
        for secret in self.secrets.iter().map(|secret| secret.expose().as_str()) {
            hidden.extend([secret.to_owned(), percent(secret), base64(secret.as_bytes())]);
            // As it looks within JSON.
            hidden.push(Value::from(secret).to_string().trim_matches('"').to_owned());
        }
        let confidential = headers.iter().filter(|(name, _)| !matches!(*name, "content-type" | "accept"));
        for value in confidential.map(|(_, value)| *value) {
            hidden.push(value.to_owned());
            hidden.extend(value.split_once(' ').map(|(_, value)| value.to_owned()));
        }
        if hidden.iter().any(|secret| !secret.is_empty() && said.contains(secret.as_str())) {
            return format!("{status}; its words hold the credentials and are not shown")
                .trim_start_matches("; ")
                .to_owned();
        }
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let words: String = words.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
        match (status.is_empty(), words.is_empty()) {
            (false, false) => format!("{status}: {words}"),
            _ => format!("{status}{words}"),
        }
    }

    fn outbound(&self, error: &OutboundError) -> DnsError {
        let reason = self.words(&error.to_string(), None, &[]);
        match error {
            OutboundError::Broken { .. } | OutboundError::TooLarge { .. } => DnsError::Malformed { reason },
            OutboundError::Invalid { .. } => DnsError::Failed { reason },
            _ => DnsError::Unreachable { reason },
        }
    }
}

/// The text at a JSON pointer (RFC 6901); numbers too.
pub(crate) fn text_at(value: &Value, pointer: &str) -> Result<String, DnsError> {
    match value.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        _ => Err(DnsError::malformed(format!("{pointer} is missing"))),
    }
}

/// The list at a JSON pointer.
pub(crate) fn list_at<'a>(value: &'a Value, pointer: &str) -> Result<&'a Vec<Value>, DnsError> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.ok_or_else(|| DnsError::malformed(format!("the list {pointer} is missing")))
}
