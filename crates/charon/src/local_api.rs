//! How commands reach the API: over a Unix socket in the data folder that only its owner may open. A command
//! asks the running Charon; when none runs, the command opens the database itself and serves the same API to
//! itself. So there is one way of doing each thing, with or without a running server.

use anyhow::{Context, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Name of the socket in the data folder. Mode 0600.
pub(crate) const SOCKET: &str = "charon.sock";

/// Largest answer that a command reads.
const MAX_ANSWER: u64 = 64 * 1024 * 1024;

/// A client of the API as the local administrator.
#[derive(Debug, Clone)]
pub(crate) struct LocalApi {
    socket: PathBuf,
}

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl LocalApi {
    /// The API at the socket of `data_dir`, if somebody answers there.
    pub(crate) async fn running(data_dir: &Path) -> Option<Self> {
        let socket = data_dir.join(SOCKET);
        UnixStream::connect(&socket).await.ok().map(|_| Self { socket })
    }

    /// Sends one request and reads its answer, whatever its status.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let mut stream =
            UnixStream::connect(&self.socket).await.context("the running Charon no longer answers")?;
        let body = body.map(Value::to_string);
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Charon-CSRF: 1\r\n"
        );
        if let Some(body) = &body {
            head.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        head.push_str(body.as_deref().unwrap_or_default());
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
        parse(&answer).with_context(|| format!("the answer to {method} {path} cannot be read"))
    }

    /// Sends one request; an answer other than 2xx is an error with the API's own sentence.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let answer = self.send(method, path, body).await?;
        if !(200..300).contains(&answer.status) {
            bail!("{}", sentence(&answer));
        }
        Ok(answer.body)
    }
}

/// The API's own words about what is wrong, with each field.
pub(crate) fn sentence(answer: &Answer) -> String {
    let mut lines = vec![
        answer.body["detail"]
            .as_str()
            .map_or_else(|| format!("the API answered {}", answer.status), str::to_owned),
    ];
    for error in answer.body["errors"].as_array().into_iter().flatten() {
        if let (Some(field), Some(message)) = (error["field"].as_str(), error["message"].as_str()) {
            lines.push(format!("  {field}: {message}"));
        }
    }
    lines.join("\n")
}

/// A value within a query (RFC 3986, section 2.1).
pub(crate) fn escape(value: &str) -> String {
    use std::fmt::Write;
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // A String takes everything that is written to it.
            _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

fn parse(answer: &[u8]) -> anyhow::Result<Answer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").context("it has no head")?;
    let head = std::str::from_utf8(&answer[..end])?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("it has no status")?;
    let body = &answer[end + 4..];
    let chunked = head.lines().any(|line| line.eq_ignore_ascii_case("transfer-encoding: chunked"));
    let body = if chunked { dechunk(body)? } else { body.to_vec() };
    let body = match body.as_slice() {
        [] => Value::Null,
        text => {
            serde_json::from_slice(text).unwrap_or_else(|_| String::from_utf8_lossy(text).into_owned().into())
        }
    };
    Ok(Answer { status, body })
}

fn dechunk(mut rest: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").context("a chunk has no size")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end])?.trim(), 16)?;
        if size == 0 {
            return Ok(body);
        }
        let data = rest.get(end + 2..end + 2 + size).context("a chunk is cut")?;
        body.extend_from_slice(data);
        rest = rest.get(end + 2 + size + 2..).context("a chunk is cut")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_with_length_and_in_chunks_are_read_alike() {
        let plain = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}").unwrap();
        let chunked = parse(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
        )
        .unwrap();
        assert_eq!((plain.status, &plain.body), (200, &chunked.body));
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().body, Value::Null);
    }

    #[test]
    fn an_error_is_told_with_its_fields() {
        let body =
            serde_json::json!({"detail": "wrong", "errors": [{"field": "port", "message": "too big"}]});
        assert_eq!(sentence(&Answer { status: 422, body }), "wrong\n  port: too big");
    }
}
