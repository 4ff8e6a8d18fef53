//! Listening sockets: one per address and worker, shared out by the kernel (SO_REUSEPORT).

use crate::StartError;
use crate::cuts::Cut;
use crate::worker::Worker;
use crate::{h1, h2, io::Io};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Connections that wait to be accepted, per socket.
const BACKLOG: i32 = 4096;
/// How long accepting rests when the process has no descriptor left.
const REST: Duration = Duration::from_millis(100);

/// The sockets of one worker, each with whether it speaks TLS.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Vec<(StdListener, bool)>);

/// Binds an address for all workers. Returns the address with its real port.
///
/// # Errors
/// A sentence that names the address and what to do.
pub(crate) fn bind(
    address: SocketAddr,
    tls: bool,
    workers: &mut [Listeners],
) -> Result<SocketAddr, StartError> {
    // With SO_REUSEPORT alone, two processes of one user would silently share the port.
    let probe = open(address, false).map_err(|error| StartError::bind(address, error))?;
    drop(probe);
    let mut bound = address;
    for worker in workers {
        let listener = open(bound, true).map_err(|error| StartError::bind(bound, error))?;
        bound = listener.local_addr().map_err(|error| StartError::bind(bound, error))?;
        worker.0.push((listener, tls));
    }
    Ok(bound)
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

/// Ends accepting when dropped.
#[derive(Debug)]
pub(crate) struct Accepting(Vec<JoinHandle<()>>);

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

/// Starts to accept on all sockets of a worker.
pub(crate) fn accept(listeners: Listeners, worker: &Rc<Worker>) -> Accepting {
    let start = |(listener, tls)| tokio::task::spawn_local(accept_on(listener, tls, worker.clone()));
    Accepting(listeners.0.into_iter().map(start).collect())
}

async fn accept_on(listener: StdListener, tls: bool, worker: Rc<Worker>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "a listening socket cannot be watched; restart Charon"),
    };
    let mut resting = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                resting = false;
                // An unusual socket is served all the same.
                let _ = stream.set_nodelay(true);
                tokio::task::spawn_local(serve(stream, peer, tls, worker.clone()));
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
}

/// What is known about a client's connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) ip: std::net::IpAddr,
    /// The same as text, which every request writes.
    pub(crate) ip_text: String,
    /// The port that the client connected to.
    pub(crate) local_port: u16,
    pub(crate) tls: bool,
    /// The name that the client gave in its handshake, in lower case.
    pub(crate) sni: Option<Box<str>>,
}

/// Counts an open connection, and sees when its task panics.
struct Open(Rc<Worker>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.stats.connections.sub(1);
        if std::thread::panicking() {
            self.0.stats.panics.add(1);
            tracing::error!("a panic ended one client connection; the others go on. Please report this");
        }
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, tls: bool, worker: Rc<Worker>) {
    worker.stats.connections.add(1);
    let _open = Open(worker.clone());
    let local_port = stream.local_addr().map_or(0, |address| address.port());
    let ip = peer.ip().to_canonical();
    let _pass = match worker.gate.admit(ip, worker.snapshot().config.trusts(ip)) {
        Ok(pass) => pass,
        Err(cut) => return worker.stats.cuts.count(cut),
    };
    let mut peer = Peer { ip, ip_text: ip.to_string(), local_port, tls, sni: None };
    if !tls {
        return h1::conn::serve(Io::Plain(stream), peer, worker).await;
    }
    let deadline = worker.sweep.register();
    worker.sweep.arm(&deadline, worker.limits.handshake);
    let handshake = deadline.within(async {
        let start =
            tokio_rustls::LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await?;
        peer.sni = start.client_hello().server_name().map(|name| name.to_ascii_lowercase().into());
        let http2 = worker.snapshot().config.presentation(peer.sni.as_deref()).1;
        let config = if http2 { worker.tls.http2.clone() } else { worker.tls.http1.clone() };
        start.into_stream(config).await
    });
    let stream = match handshake.await {
        Ok(stream) => stream,
        Err(error) => {
            worker.stats.handshake_failures.add(1);
            if error.kind() == io::ErrorKind::TimedOut {
                worker.stats.cuts.count(Cut::Handshake);
            }
            return;
        }
    };
    drop(deadline);
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = Io::Tls(Box::new(stream.into()));
    if http2 { h2::conn::serve(io, peer, worker).await } else { h1::conn::serve(io, peer, worker).await }
}
