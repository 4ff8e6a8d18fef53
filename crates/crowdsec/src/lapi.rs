//! The client of the local API of CrowdSec (LAPI): as a bouncer by key, and as a machine by login.

use crate::decisions::Decision;
use crate::duration::go_duration;
use base::{Secret, Timestamp};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// The longest answer that is read: more than a million decisions.
const LARGEST: usize = 256 * 1024 * 1024;
/// The longest that a call may take.
const LIMIT: Duration = Duration::from_secs(10);

/// Why a call has failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LapiError {
    /// Nobody answers there.
    #[error("LAPI does not answer at {address}: {reason}")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// The key or the password is not known there.
    #[error("LAPI refuses Charon's credentials (status {status}: {message})")]
    Credentials {
        /// The status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// Any other status.
    #[error("LAPI answers {path} with status {status}: {message}")]
    Status {
        /// What was asked.
        path: String,
        /// The status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// An answer that is not of the known form.
    #[error("LAPI answers {path} with something else than decisions: {reason}")]
    Garbled {
        /// What was asked.
        path: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

/// What a pull brings. `null`, an empty list and a missing one are the same.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Stream {
    /// Decisions that hold.
    #[serde(deserialize_with = "list")]
    pub new: Vec<Decision>,
    /// Decisions that do not hold any more.
    #[serde(deserialize_with = "list")]
    pub deleted: Vec<Decision>,
}

fn list<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<Decision>, D::Error> {
    Option::<Vec<Decision>>::deserialize(from).map(Option::unwrap_or_default)
}

/// A decision to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewDecision {
    /// `Ip` or `Range`.
    pub scope: &'static str,
    /// What it is about.
    pub value: String,
    /// How long it shall hold.
    pub duration: Duration,
    /// Why.
    pub scenario: String,
}

/// Talks to one LAPI.
#[derive(Clone, Debug)]
pub struct Lapi {
    /// Where it listens.
    pub address: SocketAddr,
    /// The key of Charon as a bouncer.
    pub key: Secret<String>,
    /// The name of Charon as a machine.
    pub machine: String,
    /// Its password.
    pub password: Secret<String>,
}

pub(crate) enum Credentials<'a> {
    None,
    Key,
    Token(&'a str),
}

impl Lapi {
    /// Whether it answers.
    ///
    /// # Errors
    /// When it does not, or not with 200.
    pub async fn health(&self) -> Result<(), LapiError> {
        self.call(Method::GET, "/health", &Credentials::None, None).await.map(drop)
    }

    /// What has changed since the last pull, or everything when `all`.
    ///
    /// # Errors
    /// When it does not answer, refuses the key, or sends garbage.
    pub async fn pull(&self, all: bool) -> Result<Stream, LapiError> {
        let path = format!("/v1/decisions/stream?startup={all}&scopes=Ip,Range,Country,AS");
        let body = self.call(Method::GET, &path, &Credentials::Key, None).await?;
        parse(&path, &body)
    }

    /// Makes a decision. It comes back by the next pull.
    ///
    /// # Errors
    /// As [`Lapi::pull`].
    pub async fn add(&self, decision: &NewDecision, now: Timestamp) -> Result<(), LapiError> {
        let token = self.login().await?;
        let NewDecision { scope, value, duration, scenario } = decision;
        let source = json!({ "scope": scope, "value": value, "ip": "", "range": "", "as_name": "", "as_number": "", "cn": "" });
        let alert = json!([{
            "capacity": 0, "events": [], "events_count": 1, "leakspeed": "0", "message": scenario,
            "scenario": scenario, "scenario_hash": "", "scenario_version": "", "simulated": false,
            "source": source, "start_at": now, "stop_at": now,
            "decisions": [{
                "duration": go_duration(*duration), "origin": "cscli", "scenario": scenario,
                "scope": scope, "type": "ban", "value": value,
            }],
        }]);
        let body = Some(alert);
        self.call(Method::POST, "/v1/alerts", &Credentials::Token(&token), body).await.map(drop)
    }

    /// Ends every decision about exactly this scope and value; returns how many there were. Networks around an
    /// address stay, so decisions are deleted by id: LAPI's own deletion by address takes networks along.
    ///
    /// # Errors
    /// As [`Lapi::pull`].
    pub async fn delete(&self, scope: &str, value: &str) -> Result<usize, LapiError> {
        let path = format!("/v1/decisions?scope={scope}&value={}", escape(value));
        let body = self.call(Method::GET, &path, &Credentials::Key, None).await?;
        let found: Vec<Decision> = parse::<Option<_>>(&path, &body)?.unwrap_or_default();
        let same = |decision: &&Decision| {
            decision.scope.eq_ignore_ascii_case(scope) && decision.value.eq_ignore_ascii_case(value)
        };
        let ids: Vec<i64> = found.iter().filter(same).map(|decision| decision.id).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        let token = self.login().await?;
        for id in &ids {
            let path = format!("/v1/decisions/{id}");
            match self.call(Method::DELETE, &path, &Credentials::Token(&token), None).await {
                // Gone meanwhile: 404, or 500 before version 1.5.
                Ok(_) | Err(LapiError::Status { status: 404 | 500, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(ids.len())
    }

    /// Sends something with the key.
    pub(crate) async fn post_as_bouncer(&self, path: &str, body: Value) -> Result<(), LapiError> {
        self.call(Method::POST, path, &Credentials::Key, Some(body)).await.map(drop)
    }

    pub(crate) async fn login(&self) -> Result<String, LapiError> {
        #[derive(Deserialize)]
        struct Answer {
            token: String,
        }
        let path = "/v1/watchers/login";
        let body = json!({ "machine_id": self.machine, "password": self.password.expose(), "scenarios": [] });
        let answer = self.call(Method::POST, path, &Credentials::None, Some(body)).await?;
        parse::<Answer>(path, &answer).map(|answer| answer.token)
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        credentials: &Credentials<'_>,
        body: Option<Value>,
    ) -> Result<Bytes, LapiError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", self.address.to_string())
            .header("User-Agent", concat!("crowdsec-charon-bouncer/v", env!("CARGO_PKG_VERSION")))
            .header("Connection", "close");
        request = match credentials {
            Credentials::None => request,
            Credentials::Key => request.header("X-Api-Key", self.key.expose()),
            Credentials::Token(token) => request.header("Authorization", format!("Bearer {token}")),
        };
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json");
        }
        let (status, body) = limited(self.address, request.body(Full::new(body))).await?;
        if status.is_success() {
            return Ok(body);
        }
        let said = serde_json::from_slice::<Value>(&body).ok();
        let message = said.as_ref().and_then(|said| said["message"].as_str()).unwrap_or_default().to_owned();
        Err(match status.as_u16() {
            status @ (401 | 403) => LapiError::Credentials { status, message },
            status => LapiError::Status { path: path.to_owned(), status, message },
        })
    }
}

/// `GET` without credentials.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Result<Bytes, LapiError> {
    let request = Request::builder().uri(path).header("Host", address.to_string());
    let request = request.body(Full::new(Bytes::new()));
    let (status, body) = limited(address, request).await?;
    if status.is_success() {
        return Ok(body);
    }
    let (path, status, message) = (path.to_owned(), status.as_u16(), String::new());
    Err(LapiError::Status { path, status, message })
}

async fn limited(
    address: SocketAddr,
    request: http::Result<Request<Full<Bytes>>>,
) -> Result<(StatusCode, Bytes), LapiError> {
    let unreachable = |reason: String| LapiError::Unreachable { address, reason };
    let request = request.map_err(|error| unreachable(error.to_string()))?;
    tokio::time::timeout(LIMIT, exchange(address, request))
        .await
        .map_err(|_| unreachable(format!("no answer within {} seconds", LIMIT.as_secs())))?
        .map_err(unreachable)
}

async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let text = |error: hyper::Error| error.to_string();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(text)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        body.map(|body| (status, body.to_bytes())).map_err(|error| error.to_string())
    };
    // The connection moves only while it is polled; it ends with the exchange.
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        outcome = &mut exchange => outcome,
        ended = &mut connection => match ended {
            Ok(()) => exchange.await,
            Err(error) => Err(error.to_string()),
        },
    }
}

pub(crate) fn parse<T: serde::de::DeserializeOwned>(path: &str, body: &[u8]) -> Result<T, LapiError> {
    serde_json::from_slice(body)
        .map_err(|error| LapiError::Garbled { path: path.to_owned(), reason: error.to_string() })
}

/// A value within a query (RFC 3986, section 2.1).
pub(crate) fn escape(value: &str) -> String {
    use std::fmt::Write;
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_all_versions_are_read() {
        let decision = r#"{"duration":"1h","id":1,"origin":"o","scenario":"s","scope":"Ip","type":"ban","value":"1.2.3.4"}"#;
        for (text, new, deleted) in [
            (format!(r#"{{"deleted":null,"new":[{decision}]}}"#), 1, 0),
            (format!(r#"{{"deleted":[{decision}],"new":null}}"#), 0, 1),
            (format!(r#"{{"new": [{decision},{decision}], "deleted": []}}"#), 2, 0),
            ("{}".to_owned(), 0, 0),
        ] {
            let stream: Stream = parse("p", text.as_bytes()).unwrap();
            assert_eq!((stream.new.len(), stream.deleted.len()), (new, deleted), "{text}");
        }
        assert!(matches!(parse::<Stream>("p", b"<html>"), Err(LapiError::Garbled { .. })));
        assert_eq!(escape("10.0.0.0/8"), "10.0.0.0%2F8");
    }
}
