//! Tries the servers of an upstream once, step by step, for a person who asks whether they can be reached: name,
//! connection, TLS, first answer. It goes as requests go, over connections of its own, and changes nothing.

use super::Link;
use super::dial::{connect_any, connect_unix, say_tls};
use super::h2::Connection;
use super::names::{self, Name};
use super::pool::MAX_AGE;
use super::probe::{read, write_all};
use super::proxy_header;
use super::resolve::Resolver;
use crate::config::{Config, Seat, Server, Target, TargetTls};
use crate::io::Io;
use crate::pipeline::Trace;
use crate::spec::{Certificate, Host, Scheme, Spec, Upstream};
use base::{Clock, DomainPattern, Secret};
use rustls::CertificateError;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsConnector;

/// The longest that one step may take.
const STEP: Duration = Duration::from_secs(3);
/// Servers are tried at once, and none is begun with after this time.
const AT_ONCE: usize = 32;
const WHOLE: Duration = Duration::from_secs(15);
/// Hosts that are tried at once; each has a thread of its own for as long as it takes.
static PLACES: Semaphore = Semaphore::const_new(2);

/// Why an address is not to be tried; `None` when it may be.
pub type Refuse = Arc<dyn Fn(SocketAddr) -> Option<String> + Send + Sync>;

/// What came of trying one server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerTrial {
    /// As in [`crate::spec::Server::address`].
    pub address: String,
    /// Scheme towards it.
    pub scheme: Scheme,
    /// What was done, in order; the last one failed, or it is the answer.
    pub steps: Vec<TrialStep>,
    /// What the server presented, the leaf first (DER); also when it was not trusted.
    pub certificates: Vec<Vec<u8>>,
    /// The status that it answered with.
    pub status: Option<u16>,
}

/// One step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrialStep {
    /// Which.
    pub kind: TrialKind,
    /// How long it took.
    pub took: Duration,
    /// Whether it went well.
    pub ok: bool,
    /// What was found, as the end of the sentence "the server ...".
    pub message: String,
    /// What mends it, as a sentence; `None` when it went well.
    pub remedy: Option<&'static str>,
}

/// The steps that there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrialKind {
    /// Its name is looked up.
    Name,
    /// A connection is made.
    Connect,
    /// TLS is agreed on.
    Tls,
    /// A page is asked for.
    Answer,
}

/// Tries every server of some upstreams of one host, side by side. `domains` are those of the host, for the `Host`
/// that is sent; an address that `refuse` names is not connected to. What comes back has the order of `upstreams`.
///
/// # Errors
/// The number of an upstream that cannot be used at all, and why, with the remedy.
pub async fn try_upstreams(
    upstreams: Vec<Upstream>,
    client_certificates: Vec<Certificate>,
    domains: Vec<DomainPattern>,
    refuse: Refuse,
    clock: Arc<dyn Clock>,
) -> Result<Vec<Vec<ServerTrial>>, (usize, String)> {
    let host = |(at, upstream): (usize, Upstream)| Host {
        unavailable: None,
        upstream,
        ..Host::unavailable(at.to_string(), "trial", domains.clone(), "")
    };
    let spec = Spec {
        hosts: upstreams.into_iter().enumerate().map(host).collect(),
        client_certificates: client_certificates.into_iter().map(Arc::new).collect(),
        cookie_key: Secret::new("a key that signs nothing".to_owned()),
        ..Spec::default()
    };
    let (config, problems) = Config::build(&spec);
    // That the hosts share their domains is meant.
    if let Some(problem) = problems.iter().find(|problem| problem.left_out) {
        let at = problem.host_id.as_deref().and_then(|id| id.parse().ok()).unwrap_or_default();
        let message = problem.message.trim_start_matches("the host trial is left out: ");
        return Err((at, format!("{message}; {}", problem.remedy)));
    }
    let targets: Vec<Arc<Target>> = config.hosts.targets().cloned().collect();
    let _place = PLACES.acquire().await;
    let (done, tried) = oneshot::channel();
    let run = move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
        let result = match runtime {
            Ok(runtime) => Ok(runtime.block_on(all(targets, refuse, clock))),
            Err(error) => Err((0, format!("no server was tried: {error}"))),
        };
        // Nobody waits any more: that is no failure.
        _ = done.send(result);
    };
    let started = std::thread::Builder::new().name("upstream-trial".into()).spawn(run);
    started.map_err(|error| (0, format!("no server was tried, since no thread can be started: {error}")))?;
    tried.await.unwrap_or_else(|_| Err((0, "no server was tried".to_owned())))
}

/// Tries the servers of these, many at once.
async fn all(targets: Vec<Arc<Target>>, refuse: Refuse, clock: Arc<dyn Clock>) -> Vec<Vec<ServerTrial>> {
    let resolver = Rc::new(Resolver::new(Vec::new()));
    let at_once = Rc::new(Semaphore::new(AT_ONCE));
    let end = clock.monotonic() + WHOLE;
    let running: Vec<Vec<_>> = targets
        .into_iter()
        .map(|target| {
            let trial = Rc::new(Trial { target, refuse: refuse.clone(), clock: clock.clone() });
            let servers = trial.target.servers.clone();
            let try_one = |server: Arc<Server>| {
                let (trial, resolver, at_once) = (trial.clone(), resolver.clone(), at_once.clone());
                tokio::task::spawn_local(async move {
                    let _busy = at_once.acquire().await;
                    trial.one(&server, &resolver, end).await
                })
            };
            servers.into_iter().map(try_one).collect()
        })
        .collect();
    let mut found = Vec::with_capacity(running.len());
    for servers in running {
        let mut of_upstream = Vec::with_capacity(servers.len());
        for server in servers {
            of_upstream.extend(server.await);
        }
        found.push(of_upstream);
    }
    found
}

struct Trial {
    target: Arc<Target>,
    refuse: Refuse,
    clock: Arc<dyn Clock>,
}

/// A step that failed: what was found, and what mends it.
type Failure = (String, &'static str);

impl Trial {
    async fn one(&self, server: &Server, resolver: &Resolver, end: Duration) -> ServerTrial {
        let mut trial = ServerTrial {
            address: server.identity.address.to_string(),
            scheme: server.identity.scheme,
            steps: Vec::new(),
            certificates: Vec::new(),
            status: None,
        };
        if self.clock.monotonic() < end {
            // Each step notes how it went; one that failed is the last.
            _ = self.steps(server, resolver, &mut trial).await;
        } else {
            let message = "is not tried: the others took too long".to_owned();
            let remedy = Some("Try again when the others answer.");
            trial.steps.push(TrialStep {
                kind: TrialKind::Connect,
                took: Duration::ZERO,
                ok: false,
                message,
                remedy,
            });
        }
        trial
    }

    async fn steps(&self, server: &Server, resolver: &Resolver, trial: &mut ServerTrial) -> Option<()> {
        let addresses = match &server.seat {
            Seat::Unix(_) => Vec::new(),
            Seat::Ip(address) => vec![*address],
            Seat::Name { name, port } => {
                let mut found = self.name(Name::new(name.clone(), false), resolver, trial).await?;
                found.iter_mut().for_each(|address| address.set_port(*port));
                found
            }
            Seat::Srv(name) => self.name(Name::new(name.clone(), true), resolver, trial).await?,
        };
        let connect = self.step(trial, TrialKind::Connect, self.connect(server, &addresses));
        let (io, address) = connect.await?;
        let io = match (&server.tls, io) {
            (Some(tls), Io::Plain(stream)) => {
                let (io, certificates) = self.tls(tls, stream, trial).await;
                trial.certificates = certificates;
                io?
            }
            (_, io) => io,
        };
        let status = self.step(trial, TrialKind::Answer, self.answer(io, address)).await?;
        trial.status = Some(status);
        Some(())
    }

    /// Makes a step and notes how it went. `None`: it failed.
    async fn step<T>(
        &self,
        trial: &mut ServerTrial,
        kind: TrialKind,
        step: impl Future<Output = Result<(T, String), Failure>>,
    ) -> Option<T> {
        let began = self.clock.monotonic();
        let result = tokio::time::timeout(STEP, step).await;
        let took = self.clock.monotonic().saturating_sub(began);
        let result = result.unwrap_or_else(|_| Err(silence(kind)));
        let (value, message, remedy) = match result {
            Ok((value, message)) => (Some(value), message, None),
            Err((message, remedy)) => (None, message, Some(remedy)),
        };
        trial.steps.push(TrialStep { kind, took, ok: value.is_some(), message, remedy });
        value
    }

    async fn name(
        &self,
        name: Name,
        resolver: &Resolver,
        trial: &mut ServerTrial,
    ) -> Option<Vec<SocketAddr>> {
        let look_up = async {
            match resolver.look_up(&name).await {
                Ok((entries, _)) => {
                    let found = names::order(entries, u64::from_ne_bytes(base::random::bytes()));
                    let show = |address: &SocketAddr| match name.srv {
                        true => address.to_string(),
                        false => address.ip().to_string(),
                    };
                    let list: Vec<String> = found.iter().take(8).map(show).collect();
                    Ok((found, format!("is found at {}", list.join(", "))))
                }
                Err(why) => Err((
                    format!("is not found by the name {}: {why}", name.text),
                    "Check the spelling of the name, and whether the DNS of this machine knows it.",
                )),
            }
        };
        self.step(trial, TrialKind::Name, look_up).await
    }

    async fn connect(
        &self,
        server: &Server,
        addresses: &[SocketAddr],
    ) -> Result<((Io, Option<SocketAddr>), String), Failure> {
        // A server's protocol may want to know the client; this one is no client's request.
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let hello = self.target.proxy_protocol.map(|version| proxy_header::header(version, here, here));
        let hello = hello.unwrap_or_default();
        let broken = |error: io::Error| (error.to_string(), "Look at the application's own log.");
        if let Seat::Unix(path) = &server.seat {
            let mut stream = connect_unix(path).await.map_err(|error| unix_failure(&error))?;
            stream.write_all(&hello).await.map_err(broken)?;
            return Ok(((Io::Unix(stream), None), "accepts connections on its socket".to_owned()));
        }
        if let Some(why) = addresses.iter().find_map(|address| (self.refuse)(*address)) {
            return Err((format!("is not tried: {why}"), "Use the address of the server itself."));
        }
        let trace = Trace::default();
        let mut stream =
            connect_any(addresses, &trace).await.map_err(|error| connect_failure(&error, addresses))?;
        let address = stream.peer_addr().map_err(broken)?;
        stream.write_all(&hello).await.map_err(broken)?;
        Ok(((Io::Plain(stream), Some(address)), format!("accepts connections at {address}")))
    }

    /// TLS, and what the server presented.
    async fn tls(
        &self,
        tls: &TargetTls,
        stream: TcpStream,
        trial: &mut ServerTrial,
    ) -> (Option<Io>, Vec<Vec<u8>>) {
        let address = stream.peer_addr().ok();
        let config = tls.http2.as_ref().filter(|_| self.target.offers_http2(false)).unwrap_or(&tls.config);
        let connector = TlsConnector::from(config.clone());
        let handshake = async {
            let stream = connector.connect(tls.name.clone(), stream).await.map_err(|error| {
                let remedy = tls_remedy(&error);
                (format!("does not agree on TLS: {}", say_tls(&error)), remedy)
            })?;
            let (_, session) = stream.get_ref();
            let version = session.protocol_version().and_then(|version| version.as_str());
            let how =
                if tls.verified { "its certificate is trusted" } else { "its certificate is not checked" };
            let message = format!("agrees on {}, and {how}", version.unwrap_or("TLS"));
            let certificates = chain(session.peer_certificates());
            Ok(((Io::Tls(Box::new(stream.into())), certificates), message))
        };
        match self.step(trial, TrialKind::Tls, handshake).await {
            Some((io, certificates)) => (Some(io), certificates),
            // A second look, so that what was not trusted can be shown. Nothing is sent over it.
            None => (None, self.untrusted(tls, address).await.unwrap_or_default()),
        }
    }

    async fn untrusted(&self, tls: &TargetTls, address: Option<SocketAddr>) -> Option<Vec<Vec<u8>>> {
        let looking = async {
            let stream = TcpStream::connect(address?).await.ok()?;
            let connector = TlsConnector::from(crate::config::tls::unverified()?);
            let stream = connector.connect(tls.name.clone(), stream).await.ok()?;
            Some(chain(stream.get_ref().1.peer_certificates()))
        };
        tokio::time::timeout(STEP, looking).await.ok().flatten()
    }

    async fn answer(&self, io: Io, address: Option<SocketAddr>) -> Result<(u16, String), Failure> {
        const LOOK: &str = "Look at the application's own log, and check that it speaks HTTP on this port.";
        let target = &self.target;
        let http2 = target.offers_http2(false);
        let failure = |error: io::Error| (format!("does not answer: {error}"), LOOK);
        let http2 = http2
            && target.speaks_http2(&io).map_err(|error| {
                (format!("does not answer: {error}"), "Choose the protocol HTTP/1.1 for the servers.")
            })?;
        let link =
            Link { io, address, generation: 0, exchanges: 0, since: Duration::ZERO, lifetime: MAX_AGE };
        let mut io =
            if http2 { Connection::start(link).await.map_err(failure)?.stream().io } else { link.io };
        let rule = target.health.as_ref();
        let path = rule.and_then(|rule| rule.path.as_deref()).unwrap_or("/");
        let host = rule.and_then(|rule| rule.host.as_ref());
        let host = host.map_or(&*target.default_host, |host| host.as_str());
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Charon\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        write_all(&mut io, request.as_bytes()).await.map_err(failure)?;
        let (status, _) = read(&mut io, false).await.map_err(|what| (what, LOOK))?;
        let version = if http2 { "HTTP/2" } else { "HTTP/1.1" };
        Ok((status, format!("answers GET {path} with the status {status} over {version}")))
    }
}

fn chain(certificates: Option<&[rustls::pki_types::CertificateDer<'_>]>) -> Vec<Vec<u8>> {
    certificates.unwrap_or_default().iter().map(|certificate| certificate.to_vec()).collect()
}

fn silence(kind: TrialKind) -> Failure {
    let limit = STEP.as_secs();
    match kind {
        TrialKind::Name => (
            format!("is not found: no name server answered within {limit} s"),
            "Check the DNS of this machine.",
        ),
        TrialKind::Connect => (
            format!("does not accept the connection within {limit} s"),
            "Check the address, and that no firewall stands between this machine and the server.",
        ),
        TrialKind::Tls => (
            format!("does not agree on TLS within {limit} s"),
            "Check that this port speaks TLS; for plain HTTP choose http.",
        ),
        TrialKind::Answer => (
            format!("accepts the request and does not answer within {limit} s"),
            "Look at the application's own log; the port may belong to something else than HTTP.",
        ),
    }
}

fn connect_failure(error: &io::Error, addresses: &[SocketAddr]) -> Failure {
    let at = addresses.first().map_or_else(String::new, |address| format!(" at {address}"));
    let remedy = match error.kind() {
        io::ErrorKind::ConnectionRefused => "Start the service there, or correct the port.",
        _ => "Check the address, and that no firewall stands between this machine and the server.",
    };
    (format!("cannot be connected to{at}: {error}"), remedy)
}

fn unix_failure(error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "Start the application that makes the socket, or correct the path.",
        io::ErrorKind::PermissionDenied => "Let the user that Charon runs as read and write the socket.",
        _ => "Start the application that listens on the socket.",
    };
    (format!("cannot be connected to: {error}"), remedy)
}

fn tls_remedy(error: &io::Error) -> &'static str {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(fault)) => match fault {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "Renew the certificate of the server."
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "Check the clocks of this machine and of the server."
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "Set the server name (SNI) under Servers, Connection to a name of the certificate."
            }
            CertificateError::UnknownIssuer => {
                "Paste its issuer under Servers, Connection, or switch the check of the certificate off under TLS."
            }
            _ => "Give the server another certificate, or switch the check of the certificate off under TLS.",
        },
        Some(rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)) => {
            "Choose the protocol HTTP/1.1 for the servers."
        }
        Some(rustls::Error::AlertReceived(
            rustls::AlertDescription::CertificateRequired | rustls::AlertDescription::HandshakeFailure,
        )) => "The server may ask for a certificate: choose one under Servers, Connection.",
        Some(rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. }) => {
            "Choose http for this server, or the port on which it speaks TLS."
        }
        _ => "Check that this port speaks TLS; for plain HTTP choose http.",
    }
}
