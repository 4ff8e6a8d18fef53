//! Listening sockets: one per address and worker, shared out by the kernel (SO_REUSEPORT). They come and go while
//! the others serve, and can be handed to another process without a moment in which nobody listens.

use crate::StartError;
use crate::config::{Authorities, Shown};
use crate::cuts::Cut;
use crate::networks::Networks;
use crate::spec::TlsPolicy;
use crate::worker::Worker;
use crate::{challenges, h1, h2, io::Io, proxy_protocol};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Connections that wait to be accepted, per socket.
const BACKLOG: i32 = 4096;
/// Bytes that a TLS connection encrypts before it sends: a full buffer of an answer with its head and the frames of
/// its records, so that both leave in one system call. The library's own limit, 64 KiB, makes two of them.
const TLS_BUFFER: usize = 80 * 1024;
/// How long accepting rests when the process has no descriptor left.
const REST: Duration = Duration::from_millis(100);

/// A listening address with its sockets: those of all workers, kept so that they can be handed on.
#[derive(Debug)]
pub struct Listening {
    /// The address, with its real port.
    pub address: SocketAddr,
    /// Whether clients speak TLS there.
    pub tls: bool,
    /// The sockets. As long as one of them is open anywhere, connections to the address are not refused.
    pub sockets: Vec<StdListener>,
}

/// One socket of one worker.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) address: SocketAddr,
    pub(crate) tls: bool,
    pub(crate) socket: StdListener,
}

impl Listening {
    /// Binds an address, with one socket per worker.
    ///
    /// # Errors
    /// A sentence that names the address and what to do.
    pub fn bind(address: SocketAddr, tls: bool, workers: usize) -> Result<Self, StartError> {
        // With SO_REUSEPORT alone, two processes of one user would silently share the port.
        let probe = open(address, false).map_err(|error| StartError::bind(address, error))?;
        drop(probe);
        let mut bound = address;
        let mut sockets = Vec::with_capacity(workers);
        for _ in 0..workers.max(1) {
            let socket = open(bound, true).map_err(|error| StartError::bind(bound, error))?;
            bound = socket.local_addr().map_err(|error| StartError::bind(bound, error))?;
            sockets.push(socket);
        }
        Ok(Self { address: bound, tls, sockets })
    }

    /// Takes over sockets that listen already: of the process before, or of systemd.
    ///
    /// # Errors
    /// When one is not a listening TCP socket, or they have not all one address.
    pub fn inherit(sockets: Vec<StdListener>, tls: bool) -> io::Result<Self> {
        let first = sockets.first().ok_or(io::ErrorKind::InvalidInput)?;
        let address = first.local_addr()?;
        for socket in &sockets {
            let known = SockRef::from(socket);
            if socket.local_addr()? != address || known.r#type()? != Type::STREAM || !known.is_listener()? {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "it is no listening TCP socket of one address",
                ));
            }
            socket.set_nonblocking(true)?;
        }
        Ok(Self { address, tls, sockets })
    }

    /// One more holder of the same sockets.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn try_clone(&self) -> io::Result<Self> {
        let sockets = self.sockets.iter().map(StdListener::try_clone).collect::<io::Result<_>>()?;
        Ok(Self { sockets, ..*self })
    }

    /// Deals the sockets out. Each worker gets at least one, and no socket is left out: connections wait in it.
    pub(crate) fn deal(&self, workers: usize) -> io::Result<Vec<(usize, Share)>> {
        (0..workers.max(self.sockets.len()))
            .map(|turn| {
                let socket = self.sockets[turn % self.sockets.len()].try_clone()?;
                Ok((turn % workers, Share { address: self.address, tls: self.tls, socket }))
            })
            .collect()
    }
}

fn open(address: SocketAddr, share: bool) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(share)?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        // `[::]` takes IPv4 too.
        socket.set_only_v6(false)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The sockets that a worker accepts on. Each ends when its sender is dropped.
#[derive(Debug, Default)]
pub(crate) struct Accepting(Vec<(SocketAddr, oneshot::Sender<()>)>);

impl Accepting {
    /// Starts to accept on a socket.
    pub(crate) fn open(&mut self, share: Share, worker: &Rc<Worker>) {
        let (sender, end) = oneshot::channel();
        self.0.push((share.address, sender));
        tokio::task::spawn_local(accept_on(share, worker.clone(), end));
    }

    /// Ends accepting on an address. Connections that are open, or wait to be accepted, are served.
    pub(crate) fn close(&mut self, address: SocketAddr) {
        self.0.retain(|(known, _)| *known != address);
    }
}

async fn accept_on(share: Share, worker: Rc<Worker>, mut end: oneshot::Receiver<()>) {
    let tls = share.tls;
    let balancers = worker.balancers.clone();
    let listener = match TcpListener::from_std(share.socket) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a listening socket cannot be watched; restart Charon"),
    };
    let mut resting = false;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Nothing is ever sent: the sender is dropped.
            _ = &mut end => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                resting = false;
                welcome(stream, peer, tls, balancers.clone(), &worker);
            }
            Err(error)
                if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM)) =>
            {
                worker.stats.cuts.count(Cut::Descriptors);
                if !std::mem::replace(&mut resting, true) {
                    tracing::warn!(%error, "new connections wait: the process has no descriptor left for them");
                }
                tokio::time::sleep(REST).await;
            }
            // The connection ended before it was accepted.
            Err(_) => {}
        }
    }
    // Closing the socket would reset the connections that wait in it.
    let Ok(listener) = listener.into_std() else { return };
    while let Ok((stream, peer)) = listener.accept() {
        if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
            welcome(stream, peer, tls, balancers.clone(), &worker);
        }
    }
}

fn welcome(
    stream: TcpStream,
    peer: SocketAddr,
    tls: bool,
    balancers: Option<Arc<Networks>>,
    worker: &Rc<Worker>,
) {
    // An unusual socket is served all the same.
    let _ = stream.set_nodelay(true);
    tokio::task::spawn_local(serve(Open::new(worker), stream, peer, tls, balancers));
}

/// What is known about a client's connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) ip: std::net::IpAddr,
    /// The same as text, which every request writes.
    pub(crate) ip_text: String,
    /// Its port.
    pub(crate) port: u16,
    /// The address that the client connected to.
    pub(crate) local: SocketAddr,
    pub(crate) tls: bool,
    /// The name that the client gave in its handshake, in lower case.
    pub(crate) sni: Option<Box<str>>,
    /// The policy by which TLS is spoken.
    pub(crate) policy: TlsPolicy,
    /// Whose certificates it was asked for.
    pub(crate) asked_by: Option<Authorities>,
    /// The one that it has shown.
    pub(crate) client_certificate: Option<Box<Shown>>,
}

/// The fatal alert for a name that nothing is served under (RFC 8446, section 6; RFC 6066, section 3), in the record
/// of its own that it is before keys are agreed on.
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// Counts an open connection, and sees when its task panics.
pub(crate) struct Open(Rc<Worker>);

impl Open {
    /// To be made before the connection's task runs, so that a drain waits for it.
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        worker.stats.connections.add(1);
        Self(worker.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.stats.connections.sub(1);
        if std::thread::panicking() {
            self.0.stats.panics.add(1);
            tracing::error!("a panic ended one client connection; the others go on. Please report this");
        }
    }
}

/// Whose connection a load balancer passes on; `None`: the peer is none, or says nothing that can be read within
/// the time that a head may take.
async fn passed_on(
    stream: &mut TcpStream,
    peer: SocketAddr,
    balancers: &Networks,
    worker: &Worker,
) -> Option<proxy_protocol::Origin> {
    if !balancers.contain(peer.ip()) {
        return None;
    }
    let deadline = worker.sweep.register();
    worker.sweep.arm(&deadline, worker.limits.head);
    deadline.within(proxy_protocol::read(stream)).await.ok()
}

async fn serve(
    open: Open,
    mut stream: TcpStream,
    mut peer: SocketAddr,
    tls: bool,
    balancers: Option<Arc<Networks>>,
) {
    let worker = open.0.clone();
    let mut local = stream.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
    if let Some(balancers) = balancers {
        // Before all else, TLS too; and before the client is counted, since only now it is known who that is.
        match Box::pin(passed_on(&mut stream, peer, &balancers, &worker)).await {
            Some(proxy_protocol::Origin::Client { from, to }) => (peer, local) = (from, to),
            Some(proxy_protocol::Origin::Own) => {}
            None => return worker.stats.cuts.count(Cut::ProxyProtocol),
        }
    }
    let (port, ip) = (peer.port(), peer.ip().to_canonical());
    let _pass = match worker.gate.admit(ip, worker.snapshot().config.trusts(ip)) {
        Ok(pass) => pass,
        Err(cut) => return worker.stats.cuts.count(cut),
    };
    let mut peer = Peer {
        ip,
        ip_text: ip.to_string(),
        port,
        local,
        tls,
        sni: None,
        policy: TlsPolicy::default(),
        asked_by: None,
        client_certificate: None,
    };
    if !tls {
        return h1::conn::serve(Io::Plain(stream), peer, worker).await;
    }
    let deadline = worker.sweep.register();
    worker.sweep.arm(&deadline, worker.limits.handshake);
    let handshake = deadline.within(async {
        let mut start =
            tokio_rustls::LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        peer.sni = start.client_hello().server_name().map(|name| name.to_ascii_lowercase().into());
        let is_challenge = worker.with_challenges(|_| {
            start.client_hello().alpn()?.any(|protocol| protocol == challenges::ALPN).then_some(())
        });
        if is_challenge.is_some() {
            let mut stream = start.into_stream(worker.tls.challenge.clone()).await?;
            // The handshake was all of it (RFC 8737, section 3).
            stream.shutdown().await?;
            return Ok(None);
        }
        let config = {
            let snapshot = worker.snapshot();
            let met = snapshot.config.presentation(peer.sni.as_deref());
            peer.policy = met.policy;
            peer.asked_by = met.client_auth.map(|auth| auth.authorities);
            met.certificate.map(|_| worker.tls.with(&met))
        };
        match config {
            Some(config) => start.into_stream(config.map_err(io::Error::other)?).await.map(Some),
            None => {
                start.io.write_all(&UNRECOGNIZED_NAME).await?;
                Err(io::ErrorKind::NotFound.into())
            }
        }
    });
    let mut stream = match handshake.await {
        Ok(Some(stream)) => stream,
        Ok(None) => return,
        Err(error) => {
            worker.stats.handshake_failures.add(1);
            if error.kind() == io::ErrorKind::TimedOut {
                worker.stats.cuts.count(Cut::Handshake);
            }
            return;
        }
    };
    drop(deadline);
    stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
    let session = stream.get_ref().1;
    if peer.asked_by.is_some() {
        let leaf = session.peer_certificates().and_then(|chain| chain.first());
        peer.client_certificate = leaf.map(|leaf| Box::new(Shown::new(leaf)));
    }
    let http2 = session.alpn_protocol() == Some(b"h2");
    let io = Io::Tls(Box::new(stream.into()));
    if http2 { h2::conn::serve(io, peer, worker).await } else { h1::conn::serve(io, peer, worker).await }
}
