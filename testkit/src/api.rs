//! A client of the API as the browser is one: cookies, the CSRF header, JSON in and out.

use crate::raw::{RawClient, Response};
use serde_json::Value;
use std::net::SocketAddr;

/// An answer of the API.
#[derive(Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// The body as JSON; `null` when it is empty or is no JSON.
    pub json: Value,
    /// The answer as it came.
    pub raw: Response,
}

impl Reply {
    /// The JSON of an answer that must have this status.
    ///
    /// # Panics
    /// When the status is another, with the whole answer.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.raw.head.line, self.raw.text());
        self.json
    }
}

/// See the module. Each call is a connection of its own.
#[derive(Clone, Debug)]
pub struct Api {
    address: SocketAddr,
    cookie: Option<String>,
    token: Option<String>,
}

impl Api {
    /// A client without an account.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, cookie: None, token: None }
    }

    /// The same client with an API token instead of a session.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { address: self.address, cookie: None, token: Some(token.to_owned()) }
    }

    /// The same session at another address, as after a restart on another port.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// Sends one request. A session cookie of the answer is kept for the next ones.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn send(&mut self, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Reply> {
        let mut head =
            format!("{method} /api/v1{path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        if let Some(cookie) = &self.cookie {
            head.push_str(&format!("cookie: {cookie}\r\nx-charon-csrf: 1\r\n"));
        }
        if let Some(token) = &self.token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        let body = body.map(Value::to_string);
        if let Some(body) = &body {
            head.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
        } else if method != "GET" {
            head.push_str("content-length: 0\r\n");
        }
        head.push_str("\r\n");
        head.push_str(body.as_deref().unwrap_or_default());
        let mut client = RawClient::connect(self.address).await?;
        client.send(head).await?;
        let raw = client.read_response().await?;
        if let Some(cookie) = raw.header("set-cookie").and_then(|value| value.split(';').next()) {
            self.cookie = Some(cookie.to_owned());
        }
        let json = serde_json::from_slice(&raw.body).unwrap_or(Value::Null);
        Ok(Reply { status: raw.status, json, raw })
    }

    async fn must(&mut self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        match self.send(method, path, body).await {
            Ok(reply) => reply,
            Err(error) => panic!("{method} {path} got no answer: {error}"),
        }
    }

    /// GET of a path below `/api/v1`.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.must("GET", path, None).await
    }

    /// POST of a JSON body.
    pub async fn post(&mut self, path: &str, body: &Value) -> Reply {
        self.must("POST", path, Some(body)).await
    }

    /// PUT of a JSON body.
    pub async fn put(&mut self, path: &str, body: &Value) -> Reply {
        self.must("PUT", path, Some(body)).await
    }

    /// DELETE.
    pub async fn delete(&mut self, path: &str) -> Reply {
        self.must("DELETE", path, None).await
    }
}
