//! The client of the local API of CrowdSec (LAPI): as a bouncer by key, and as a machine by login.

use crate::decisions::Decision;
use crate::duration::go_duration;
use base::{Secret, Timestamp};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use outbound::{Client, Identity, Options, OutboundError};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// The longest answer that is read: more than a million decisions.
const LARGEST: usize = 256 * 1024 * 1024;
/// The longest that a call may take.
const LIMIT: Duration = Duration::from_secs(10);
/// The longest until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);

/// Why a call has failed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LapiError {
    /// What was given cannot be used: an address, a certificate, a key.
    #[error("{what} cannot be used: {reason}")]
    Invalid {
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there.
    #[error("LAPI does not answer at {address}: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The connection ended before there was a whole answer.
    #[error("{address} ends the connection without an answer: {reason}")]
    Cut {
        /// Where.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// No agreement on TLS.
    #[error("LAPI at {address} and Charon do not agree on TLS: {reason}")]
    Tls {
        /// Where.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// HTTP was spoken to a port for HTTPS.
    #[error("{address} speaks HTTPS, and Charon speaks plain HTTP to it")]
    NeedsTls {
        /// Where.
        address: String,
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
    /// Only a machine may do this, and no login of one is known.
    #[error("LAPI lets only a machine do this, and Charon has no login as one there")]
    NoMachine,
}

impl From<OutboundError> for LapiError {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Invalid { what, reason } => Self::Invalid { what, reason },
            OutboundError::Unreachable { address, reason } => Self::Unreachable { address, reason },
            OutboundError::Broken { address, reason } => Self::Cut { address, reason },
            OutboundError::Tls { address, reason } | OutboundError::Untimely { address, reason } => {
                Self::Tls { address, reason }
            }
            OutboundError::TimedOut { address, limit } => {
                Self::Unreachable { address, reason: format!("no answer within {} seconds", limit.as_secs()) }
            }
            OutboundError::TooLarge { address, largest } => {
                Self::Unreachable { address, reason: format!("its answer is longer than {largest} bytes") }
            }
            OutboundError::NotAllowed { address, .. } => {
                Self::Unreachable { address, reason: "Charon may not go there".to_owned() }
            }
        }
    }
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

/// Where a LAPI is, and how Charon shows itself there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Access {
    /// `http://` or `https://`, host, port, and perhaps the beginning of a path.
    pub url: String,
    /// The key of Charon as a bouncer.
    pub key: Option<Secret<String>>,
    /// The client certificate of Charon as a bouncer: its chain and its key, PEM.
    pub certificate: Option<(String, Secret<String>)>,
    /// Authorities that are trusted beside the system's, PEM.
    pub authorities: Option<String>,
    /// The name of Charon as a machine, and its password.
    pub machine: Option<(String, Secret<String>)>,
}

/// Talks to one LAPI. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lapi {
    access: Access,
    bouncer: Client,
    /// Without the bouncer's certificate: LAPI would judge a machine by it.
    machine: Client,
}

pub(crate) enum Credentials<'a> {
    None,
    Key,
    Token(&'a str),
}

impl Lapi {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// [`LapiError::Invalid`] when a certificate or a key cannot be read.
    pub fn new(access: Access) -> Result<Self, LapiError> {
        let access = Access { url: access.url.trim_end_matches('/').to_owned(), ..access };
        let options = Options {
            time_limit: LIMIT,
            connect_limit: CONNECT,
            largest: LARGEST,
            roots_pem: access.authorities.clone(),
            ..Options::default()
        };
        let machine = Client::new(options.clone())?;
        let identity = access.certificate.clone().map(|(chain_pem, key_pem)| Identity { chain_pem, key_pem });
        let bouncer = match identity {
            Some(identity) => Client::new(Options { identity: Some(identity), ..options })?,
            None => machine.clone(),
        };
        Ok(Self { access, bouncer, machine })
    }

    /// Where it is, and as whom.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Whether Charon may make decisions and read alerts there.
    pub fn has_machine(&self) -> bool {
        self.access.machine.is_some()
    }

    /// Whether it answers, is a LAPI, and knows the key. Disturbs no pull.
    ///
    /// # Errors
    /// As [`Lapi::pull`].
    pub async fn check(&self) -> Result<(), LapiError> {
        let path = "/v1/decisions?ip=192.0.2.0";
        let body = self.call(Method::GET, path, &Credentials::Key, None).await?;
        parse::<Option<Vec<Decision>>>(path, &body).map(drop)
    }

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

    /// Shows itself as the machine; the answer is a token.
    ///
    /// # Errors
    /// As [`Lapi::pull`]; [`LapiError::NoMachine`] when no login is known.
    pub async fn login(&self) -> Result<String, LapiError> {
        #[derive(Deserialize)]
        struct Answer {
            token: String,
        }
        let (machine, password) = self.access.machine.as_ref().ok_or(LapiError::NoMachine)?;
        let path = "/v1/watchers/login";
        let body = json!({ "machine_id": machine, "password": password.expose(), "scenarios": [] });
        let answer = self.call(Method::POST, path, &Credentials::None, Some(body)).await?;
        parse::<Answer>(path, &answer).map(|answer| answer.token)
    }

    /// Sends something that needs no credentials.
    pub(crate) async fn send(
        &self,
        request: http::Result<Request<Bytes>>,
    ) -> Result<(StatusCode, Bytes), LapiError> {
        send(&self.machine, request).await
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
            .uri(format!("{}{path}", self.access.url))
            .header("User-Agent", concat!("crowdsec-charon-bouncer/v", env!("CARGO_PKG_VERSION")));
        let mut client = &self.machine;
        match credentials {
            Credentials::None => {}
            Credentials::Key => {
                client = &self.bouncer;
                if let Some(key) = &self.access.key {
                    request = request.header("X-Api-Key", key.expose());
                }
            }
            Credentials::Token(token) => {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        if !body.is_empty() {
            request = request.header("Content-Type", "application/json");
        }
        let (status, body) = send(client, request.body(body)).await?;
        if status.is_success() {
            return Ok(body);
        }
        // So the servers of Go answer.
        if status.as_u16() == 400 && body.starts_with(b"Client sent an HTTP request to an HTTPS server") {
            return Err(LapiError::NeedsTls { address: self.access.url.clone() });
        }
        let said = serde_json::from_slice::<Value>(&body).ok();
        let message = said.as_ref().and_then(|said| said["message"].as_str()).unwrap_or_default().to_owned();
        Err(match status.as_u16() {
            status @ (401 | 403) => LapiError::Credentials { status, message },
            status => LapiError::Status { path: path.to_owned(), status, message },
        })
    }
}

async fn send(
    client: &Client,
    request: http::Result<Request<Bytes>>,
) -> Result<(StatusCode, Bytes), LapiError> {
    let what = "the address or the key of LAPI";
    let request = request.map_err(|error| LapiError::Invalid { what, reason: error.to_string() })?;
    let answer = client.send(request).await?;
    Ok((answer.status(), answer.into_body()))
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
