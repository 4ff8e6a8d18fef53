//! The load of HTTP/3: a process of its own, as wrk and h2load are, since Debian's h2load has no QUIC. It speaks just
//! enough of RFC 9114 to ask, and to see whether all of a 200 came.

use crate::client::{self, Run};
use anyhow::{bail, ensure};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Connection, Endpoint, EndpointConfig, RecvStream, SendStream, TokioRuntime, VarInt};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// `H3_NO_ERROR`
const NO_ERROR: VarInt = VarInt::from_u32(0x100);
/// The control stream's kind, and empty SETTINGS: no dynamic table.
const CONTROL: [u8; 3] = [0x00, 0x04, 0x00];
/// `:status: 200` in the static table of QPACK.
const STATUS_200: u8 = 0xc0 | 25;
/// What is asked of the socket's buffers.
const BUFFER: usize = 4 * 1024 * 1024;

/// What this process is told: `bench http3 PORT PATH LENGTH CONNECTIONS STREAMS SECONDS CERTIFICATE`. Without streams,
/// each request has a connection of its own.
#[derive(Debug)]
struct Plan {
    port: u16,
    length: u64,
    connections: u32,
    streams: u32,
    client: quinn::ClientConfig,
    request: Vec<u8>,
    run: Run,
}

/// Makes the load.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [port, path, length, connections, streams, seconds, certificate] = arguments else {
        bail!("http3 PORT PATH LENGTH CONNECTIONS STREAMS SECONDS CERTIFICATE")
    };
    let plan = Plan {
        port: port.parse()?,
        length: length.parse()?,
        connections: connections.parse()?,
        streams: streams.parse()?,
        client: quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(client::tls(
            certificate,
            b"h3",
        )?)?)),
        request: request(&format!("localhost:{port}"), path)?,
        run: Run::of(seconds.parse()?),
    };
    let plan = Arc::new(plan);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..plan.connections {
            let endpoint = endpoint()?;
            if plan.streams == 0 {
                all.spawn(new_connections(endpoint, plan.clone()));
            } else {
                all.spawn(kept_connection(endpoint, plan.clone()));
            }
        }
        while let Some(ended) = all.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    })?;
    plan.run.tell();
    Ok(())
}

/// A socket for each connection, so that none fills the buffer of another.
fn endpoint() -> anyhow::Result<Endpoint> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.set_send_buffer_size(BUFFER)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let config = EndpointConfig::default();
    Ok(Endpoint::new(config, None, socket.into(), Arc::new(TokioRuntime))?)
}

/// A HEADERS frame by the static table alone (RFC 9204, appendix A).
fn request(authority: &str, path: &str) -> anyhow::Result<Vec<u8>> {
    // No dynamic table; :method GET; :scheme https
    let mut section = vec![0, 0, 0xc0 | 17, 0xc0 | 23];
    for (index, value) in [(0, authority), (1, path)] {
        ensure!(value.len() < 127, "'{value}' is too long");
        section.extend([0x50 | index, u8::try_from(value.len())?]);
        section.extend_from_slice(value.as_bytes());
    }
    let length = u16::try_from(section.len())? | 0x4000;
    Ok([&[0x01][..], &length.to_be_bytes(), &section].concat())
}

/// Connects and does what a client has to before its first request.
async fn connect(endpoint: &Endpoint, plan: &Plan) -> anyhow::Result<(Connection, SendStream)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, plan.port));
    let connecting = endpoint.connect_with(plan.client.clone(), address, "localhost")?;
    let connection = client::in_time(async { Ok(connecting.await?) }, "no handshake in time").await?;
    let mut control = connection.open_uni().await?;
    control.write_all(&CONTROL).await?;
    Ok((connection, control))
}

async fn new_connections(endpoint: Endpoint, plan: Arc<Plan>) -> anyhow::Result<()> {
    while plan.run.goes_on() {
        let result = async {
            let (connection, _control) = connect(&endpoint, &plan).await?;
            ask(&connection, &plan, &mut vec![0; 2048]).await?;
            connection.close(NO_ERROR, b"");
            anyhow::Ok(())
        };
        plan.run.count(&result.await);
    }
    endpoint.wait_idle().await;
    Ok(())
}

async fn kept_connection(endpoint: Endpoint, plan: Arc<Plan>) -> anyhow::Result<()> {
    let (connection, _control) = connect(&endpoint, &plan).await?;
    let mut all = tokio::task::JoinSet::new();
    let theirs = connection.clone();
    let reading = all.spawn(async move {
        let mut streams = Vec::new();
        // What the server says on its own is of no interest, but its streams have to stay open.
        while let Ok(stream) = theirs.accept_uni().await {
            streams.push(stream);
        }
    });
    for _ in 0..plan.streams {
        let (connection, plan) = (connection.clone(), plan.clone());
        all.spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            while plan.run.goes_on() && connection.close_reason().is_none() {
                plan.run.count(&ask(&connection, &plan, &mut buffer).await);
            }
        });
    }
    for _ in 0..plan.streams {
        all.join_next().await;
    }
    let ended = connection.close_reason();
    reading.abort();
    connection.close(NO_ERROR, b"");
    endpoint.wait_idle().await;
    match ended {
        None => Ok(()),
        Some(reason) => bail!("the server ended a connection: {reason}"),
    }
}

/// One request; fails unless a 200 with a body of the right length comes back.
async fn ask(connection: &Connection, plan: &Plan, buffer: &mut [u8]) -> anyhow::Result<()> {
    let exchange = async {
        let (mut send, receive) = connection.open_bi().await?;
        send.write_all(&plan.request).await?;
        send.finish()?;
        read_answer(receive, buffer).await
    };
    let length = client::in_time(exchange, "no answer in time").await?;
    ensure!(length == plan.length, "the body has {length} bytes");
    Ok(())
}

/// The length of the body.
async fn read_answer(mut receive: RecvStream, buffer: &mut [u8]) -> anyhow::Result<u64> {
    let mut answer = Answer::default();
    while let Some(count) = receive.read(buffer).await? {
        answer.take(&buffer[..count])?;
    }
    ensure!(answer.seen && answer.left == 0 && answer.head.is_empty(), "the answer ends within a frame");
    Ok(answer.body)
}

/// An answer as far as it has come.
#[derive(Debug, Default)]
struct Answer {
    /// The bytes of a frame's type and length, and the first three of the field section, that have come.
    head: Vec<u8>,
    /// Of the frame, how much is missing.
    left: u64,
    seen: bool,
    body: u64,
}

impl Answer {
    fn take(&mut self, mut data: &[u8]) -> anyhow::Result<()> {
        while !data.is_empty() {
            if self.left > 0 {
                let count = self.left.min(data.len() as u64);
                self.left -= count;
                data = &data[usize::try_from(count)?..];
                continue;
            }
            self.head.push(data[0]);
            data = &data[1..];
            let Some((kind, rest)) = integer(&self.head) else { continue };
            let Some((length, rest)) = integer(rest) else { continue };
            self.left = length;
            if kind == 0x01 && !self.seen {
                // The status comes first, behind the two bytes on the dynamic table.
                if rest.len() < 3 {
                    self.left = 0;
                    continue;
                }
                ensure!(rest == [0, 0, STATUS_200], "the answer is no 200, or told otherwise: {rest:x?}");
                self.seen = true;
                self.left = length.saturating_sub(3);
            } else if kind == 0x00 {
                ensure!(self.seen, "a body without a head");
                self.body += length;
            }
            self.head.clear();
        }
        Ok(())
    }
}

/// An integer of RFC 9000, section 16, and what follows it.
fn integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let first = *bytes.first()?;
    let (taken, rest) = bytes.split_at_checked(1 << (first >> 6))?;
    let value = taken[1..].iter().fold(u64::from(first & 0x3f), |value, byte| value << 8 | u64::from(*byte));
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn an_answer_is_understood_however_it_is_cut() {
        let bytes = [&[0x01, 4, 0, 0, 0xd9, 7, 0x00, 0x40, 3, 1, 2, 3, 0x00, 1, 9, 0x21, 0][..]].concat();
        for piece in 1..=bytes.len() {
            let mut answer = Answer::default();
            bytes.chunks(piece).for_each(|piece| answer.take(piece).unwrap());
            assert_eq!(
                (answer.seen, answer.body, answer.left, answer.head.len()),
                (true, 4, 0, 0),
                "{piece}"
            );
        }
        assert!(Answer::default().take(&[0x01, 3, 0, 0, 0xdb]).is_err(), "a 404");
        assert!(Answer::default().take(&[0x00, 1, 9]).is_err(), "a body without a head");
    }
}
