//! Opens connections to servers: all addresses of a name, one after the other and soon side by side, then the
//! PROXY header and TLS where they are wanted.

use super::live::LiveServer;
use super::names::{self, Name};
use super::pool::MAX_AGE;
use super::{Link, say};
use crate::config::{Seat, Server};
use crate::io::Io;
use crate::pipeline::Trace;
use base::Clock;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

/// After this time without a connection, the next address is tried as well (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// What dialling needs beside the server.
#[derive(Debug)]
pub(crate) struct Dialler<'a> {
    pub(crate) clock: &'a dyn Clock,
    pub(crate) attendant: &'a mpsc::UnboundedSender<Arc<Name>>,
    /// Everything must be done within this time.
    pub(crate) limit: Duration,
    /// A fresh random number, to choose among equal addresses.
    pub(crate) random: u64,
    /// Told what was done and how long it took.
    pub(crate) trace: &'a Trace,
}

impl Dialler<'_> {
    /// Connects to a server. `hello` goes ahead of everything else; `http2`: it is on offer.
    ///
    /// # Errors
    /// With a sentence part for the log and the client.
    pub(crate) async fn dial(
        &self,
        server: &Server,
        live: &LiveServer,
        hello: &[u8],
        http2: bool,
    ) -> io::Result<Link> {
        let link = tokio::time::timeout(self.limit, self.open(server, live, hello, http2)).await;
        link.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "it did not accept the connection in time"))
        })
    }

    async fn open(&self, server: &Server, live: &LiveServer, hello: &[u8], http2: bool) -> io::Result<Link> {
        let generation = live.name.as_ref().map_or(0, |name| name.generation());
        let mut stream = match &server.seat {
            Seat::Unix(path) => {
                let mut stream = connect_unix(path).await?;
                stream.write_all(hello).await?;
                return Ok(self.link(Io::Unix(stream), None, 0));
            }
            Seat::Ip(address) => self.reach(&[*address]).await?,
            Seat::Name { port, .. } => {
                let mut addresses = self.addresses(live).await?;
                addresses.iter_mut().for_each(|address| address.set_port(*port));
                self.reach(&addresses).await?
            }
            Seat::Srv(_) => self.reach(&self.addresses(live).await?).await?,
        };
        let address = stream.peer_addr()?;
        stream.set_nodelay(true)?;
        if !hello.is_empty() {
            stream.write_all(hello).await?;
        }
        let io = match &server.tls {
            None => Io::Plain(stream),
            Some(tls) => {
                let config = tls.http2.as_ref().filter(|_| http2).unwrap_or(&tls.config);
                let connector = TlsConnector::from(config.clone());
                let began = self.clock.monotonic();
                let handshake = connector.connect(tls.name.clone(), stream).await;
                self.trace.tls.set(Some(self.since(began)));
                Io::Tls(Box::new(handshake.map_err(|error| say_tls(&error))?.into()))
            }
        };
        Ok(self.link(io, Some(address), generation))
    }

    async fn addresses(&self, live: &LiveServer) -> io::Result<Vec<SocketAddr>> {
        let name = live.name.as_ref().ok_or(io::ErrorKind::NotFound)?;
        // Less than the limit, so that what is missing is named.
        let patience = self.limit.mul_f64(0.9);
        // A name that is known costs no look-up.
        let (asked, began) = (name.generation() == 0, self.clock.monotonic());
        let entries = name.entries(self.clock, self.attendant, patience).await;
        if asked {
            self.trace.dns.set(Some(self.since(began)));
        }
        let entries = entries?;
        Ok(names::order(entries, self.random))
    }

    async fn reach(&self, addresses: &[SocketAddr]) -> io::Result<TcpStream> {
        let began = self.clock.monotonic();
        let stream = connect_any(addresses, self.trace).await;
        self.trace.connect.set(Some(self.since(began)));
        stream
    }

    fn since(&self, began: Duration) -> Duration {
        self.clock.monotonic().saturating_sub(began)
    }

    fn link(&self, io: Io, address: Option<SocketAddr>, generation: u32) -> Link {
        Link { io, address, generation, exchanges: 0, since: Duration::ZERO, lifetime: MAX_AGE }
    }
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(address).await.map_err(|error| say_connect(&error))
}

pub(super) async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(path).await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => say(&error, "its socket does not exist"),
        io::ErrorKind::PermissionDenied => say(&error, "Charon's user may not open its socket"),
        _ => say_connect(&error),
    })
}

fn say_connect(error: &io::Error) -> io::Error {
    let what = match error.kind() {
        io::ErrorKind::ConnectionRefused => "it refused the connection",
        io::ErrorKind::TimedOut => "it did not accept the connection in time",
        _ => "it cannot be reached",
    };
    say(error, what)
}

/// The first of these addresses that accepts. One that refuses is followed by the next at once, one that is silent
/// after a moment, and goes on beside it.
pub(super) async fn connect_any(addresses: &[SocketAddr], trace: &Trace) -> io::Result<TcpStream> {
    if let [address] = addresses {
        trace.tried.set(Some(*address));
        return connect(*address).await;
    }
    type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>;
    let mut waiting = addresses.iter();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    let mut pause = Box::pin(tokio::time::sleep(Duration::ZERO));
    poll_fn(|cx| {
        loop {
            let mut at = 0;
            while let Some(attempt) = attempts.get_mut(at) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(error)) => {
                        last = error;
                        drop(attempts.remove(at));
                    }
                    Poll::Pending => at += 1,
                }
            }
            if !attempts.is_empty() && pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            match waiting.next() {
                Some(address) => {
                    trace.tried.set(Some(*address));
                    attempts.push(Box::pin(connect(*address)));
                    pause.set(tokio::time::sleep(STAGGER));
                }
                None if attempts.is_empty() => {
                    return Poll::Ready(Err(std::mem::replace(&mut last, io::ErrorKind::Other.into())));
                }
                // The last ones have as long as the limit allows; the pause is over for good.
                None => return Poll::Pending,
            }
        }
    })
    .await
}

/// What went wrong in a handshake, in words.
pub(super) fn say_tls(error: &io::Error) -> io::Error {
    use rustls::CertificateError as Certificate;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let what = match inner {
        Some(rustls::Error::InvalidCertificate(fault)) => match fault {
            Certificate::Expired | Certificate::ExpiredContext { .. } => "its certificate has expired",
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                "its certificate is not valid yet"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                "its certificate is for another name"
            }
            Certificate::Revoked => "its certificate has been revoked",
            Certificate::UnknownIssuer => "its certificate comes from an issuer that is not trusted",
            Certificate::BadSignature => "its certificate has a wrong signature",
            _ => "its certificate cannot be trusted",
        },
        Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)) => {
            "it does not speak HTTP/2"
        }
        Some(rustls::Error::AlertReceived(alert)) => {
            return say(error, &format!("it refused the TLS handshake: {alert:?}"));
        }
        Some(rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. }) => {
            "it does not speak TLS on this port"
        }
        _ => "the TLS handshake failed",
    };
    say(error, what)
}
