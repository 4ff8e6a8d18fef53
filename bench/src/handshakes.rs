//! The load of TLS handshakes over TCP: a new connection and a full handshake for each request. wrk would resume the
//! session of the connection before, of which the certificate's key has no part.

use crate::client::{self, Run};
use anyhow::{Context, bail, ensure};
use rustls_pki_types::ServerName;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// What this process is told.
struct Plan {
    address: SocketAddr,
    name: ServerName<'static>,
    request: String,
    /// Of the answer's body.
    length: usize,
    connector: TlsConnector,
    run: Run,
}

/// Makes the load: `bench handshakes PORT PATH LENGTH CONNECTIONS SECONDS NAME CERTIFICATE`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [port, path, length, connections, seconds, name, certificate] = arguments else {
        bail!("handshakes PORT PATH LENGTH CONNECTIONS SECONDS NAME CERTIFICATE")
    };
    let plan = Plan {
        address: (Ipv4Addr::LOCALHOST, port.parse()?).into(),
        name: name.clone().try_into()?,
        request: format!("GET {path} HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n"),
        length: length.parse()?,
        connector: Arc::new(client::tls(certificate, b"http/1.1")?).into(),
        run: Run::of(seconds.parse()?),
    };
    let connections: u32 = connections.parse()?;
    let plan = Arc::new(plan);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let plan = plan.clone();
            all.spawn(async move {
                let mut answer = Vec::new();
                while plan.run.goes_on() {
                    answer.clear();
                    plan.run.count(&client::in_time(ask(&plan, &mut answer), "no answer in time").await);
                }
            });
        }
        while let Some(ended) = all.join_next().await {
            ended?;
        }
        anyhow::Ok(())
    })?;
    plan.run.tell();
    Ok(())
}

/// One request over a connection of its own; fails unless a 200 with a body of the right length comes back.
async fn ask(plan: &Plan, answer: &mut Vec<u8>) -> anyhow::Result<()> {
    let stream = TcpStream::connect(plan.address).await?;
    stream.set_nodelay(true)?;
    let mut stream = plan.connector.connect(plan.name.clone(), stream).await?;
    let is_full = stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Full);
    ensure!(is_full, "the handshake is no full one");
    stream.write_all(plan.request.as_bytes()).await?;
    while !is_whole(answer, plan.length)? {
        ensure!(stream.read_buf(answer).await? > 0, "the answer ends early");
    }
    stream.shutdown().await?;
    Ok(())
}

/// Whether the whole of a 200 with a body of this length has come.
fn is_whole(answer: &[u8], length: usize) -> anyhow::Result<bool> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(false) };
    let status = answer.get(9..12).context("no status")?;
    ensure!(status == b"200", "the status is {}", status.escape_ascii());
    let body = answer.len() - end - 4;
    ensure!(body <= length, "the body has {body} bytes");
    Ok(body == length)
}

#[cfg(test)]
mod tests {
    use super::is_whole;

    #[test]
    fn an_answer_is_whole_with_the_last_byte_of_its_body() {
        let answer = b"HTTP/1.1 200 OK\r\na: b\r\n\r\n123";
        assert!((0..answer.len()).all(|cut| !is_whole(&answer[..cut], 3).unwrap()));
        assert!(is_whole(answer, 3).unwrap());
        assert!(is_whole(answer, 2).is_err(), "a body that is too long");
        assert!(is_whole(b"HTTP/1.1 502 Bad Gateway\r\n\r\n123", 3).is_err(), "no 200");
    }
}
