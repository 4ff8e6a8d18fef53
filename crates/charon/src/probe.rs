//! Tries an upstream for a person who adds a host: does anything answer there?

use api::engines::{TestResult, TestTarget};
use base::Clock;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_secs(3);

/// Connects, and over plain HTTP asks for `/`. Redirects are not followed and no body is read.
pub(crate) async fn probe(target: TestTarget, clock: Arc<dyn Clock>) -> TestResult {
    let start = clock.monotonic();
    let (name, port) = (target.host.as_str().to_owned(), target.address.port());
    let result = match tokio::time::timeout(LIMIT, attempt(&target)).await {
        Ok(result) => result,
        Err(_) => Err(format!("{name} does not answer on port {port} within {} seconds", LIMIT.as_secs())),
    };
    let took = clock.monotonic().saturating_sub(start).as_secs_f64() * 1000.0;
    match result {
        Err(message) => TestResult { reachable: false, message, milliseconds: None, status: None },
        Ok(status) => TestResult {
            reachable: true,
            message: match status {
                Some(status) => format!("{name} answers on port {port} with status {status}"),
                None if target.https => format!("{name} accepts connections on port {port}"),
                None => format!("{name} accepts connections on port {port}, but does not speak HTTP"),
            },
            milliseconds: Some((took * 10.0).round() / 10.0),
            status,
        },
    }
}

async fn attempt(target: &TestTarget) -> Result<Option<u16>, String> {
    let (name, port) = (target.host.as_str(), target.address.port());
    let mut stream = TcpStream::connect(target.address).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("{name} refuses connections on port {port}; is the service running?")
        }
        _ => format!("{name} cannot be reached on port {port}: {error}"),
    })?;
    if target.https {
        return Ok(None);
    }
    let request =
        format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\nUser-Agent: Charon\r\n\r\n");
    let mut line = [0; 12];
    let asked = async {
        stream.write_all(request.as_bytes()).await?;
        stream.read_exact(&mut line).await
    };
    Ok(match asked.await {
        Ok(_) => std::str::from_utf8(&line)
            .ok()
            .and_then(|line| line.strip_prefix("HTTP/1."))
            .and_then(|rest| rest.get(2..5))
            .and_then(|status| status.parse().ok()),
        Err(_) => None,
    })
}
