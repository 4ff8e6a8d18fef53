//! Opens connections to origins: all addresses of a name in turn, then TLS where the target wants it.

use super::{Link, pool};
use crate::config::Target;
use crate::io::Io;
use crate::sweep::Deadline;
use crate::worker::Worker;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Connects to a target. The deadline is armed for each step; the caller watches it.
///
/// # Errors
/// The last address's error, with a sentence for the log.
pub(crate) async fn dial(target: &Target, worker: &Worker, deadline: &Deadline) -> io::Result<Link> {
    let port = target.port;
    let limit = worker.limits.connect;
    worker.sweep.arm(deadline, limit);
    let addresses: Vec<SocketAddr> = match target.address {
        Some(address) => vec![SocketAddr::new(address, port)],
        None => {
            let found = tokio::net::lookup_host((target.name.as_str(), port)).await;
            found.map_err(|error| say(&error, "its name cannot be resolved"))?.collect()
        }
    };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for address in &addresses {
        match connect(*address, worker, deadline, addresses.len()).await {
            Ok(stream) => return secure(stream, *address, target, worker, deadline).await,
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// One address, within its share of the time.
async fn connect(
    address: SocketAddr,
    worker: &Worker,
    deadline: &Deadline,
    addresses: usize,
) -> io::Result<TcpStream> {
    let share = worker.limits.connect / u32::try_from(addresses).unwrap_or(1);
    worker.sweep.arm(deadline, share);
    let stream = deadline.within(TcpStream::connect(address)).await.map_err(|error| {
        let what = match error.kind() {
            io::ErrorKind::ConnectionRefused => "it refused the connection",
            io::ErrorKind::TimedOut => "it did not accept the connection in time",
            _ => "it cannot be reached",
        };
        say(&error, what)
    })?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn secure(
    stream: TcpStream,
    address: SocketAddr,
    target: &Target,
    worker: &Worker,
    deadline: &Deadline,
) -> io::Result<Link> {
    let io = match &target.tls {
        None => Io::Plain(stream),
        Some(tls) => {
            worker.sweep.arm(deadline, worker.limits.connect);
            let connector = TlsConnector::from(tls.config.clone());
            let handshake = deadline.within(connector.connect(tls.name.clone(), stream)).await;
            Io::Tls(Box::new(handshake.map_err(|error| say(&error, "the TLS handshake failed"))?.into()))
        }
    };
    Ok(Link { io, address, exchanges: 0, since: Duration::ZERO, lifetime: pool::MAX_AGE })
}

fn say(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what} ({error})"))
}
