//! Listening for QUIC: one endpoint per worker and address, and the handshakes of its clients.

use super::conn::{self, Shared};
use super::frames::Code;
use super::handover::{Before, Mark, Shared as SharedSocket};
use super::socket::WorkerIds;
use crate::cuts::Cut;
use crate::listen::{Open, Peer};
use crate::spec::TlsPolicy;
use crate::worker::Worker;
use quinn::crypto::rustls::{HandshakeData, QuicServerConfig};
use quinn::{
    Connecting, Connection, Endpoint, EndpointConfig, Incoming, Runtime, ServerConfig, TokioRuntime,
    TransportConfig, ZeroRttAccepted,
};
use socket2::Socket;
use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// Streams that a client may have open at once: requests, and those in one direction, of which three have a meaning.
const MAX_STREAMS: u32 = 128;
const MAX_ONE_WAY: u32 = 8;
/// What a client may send ahead per stream and per connection.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is held per connection of answers that the client has not acknowledged.
const SEND_WINDOW: u64 = 2 * 1024 * 1024;
/// From so many handshakes on, per worker, clients have to show first that their address is theirs (Retry, RFC 9000,
/// section 8.1.2).
const RETRY_FROM: usize = 64;
/// Handshakes at once, per worker.
const MOST_HANDSHAKES: usize = 2048;
/// A client that says nothing for this long is gone. Before that it is asked.
const SILENCE: Duration = Duration::from_secs(60);
const ASK_AFTER: Duration = Duration::from_secs(25);

/// One socket of one worker, and its place among those of its address.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) address: SocketAddr,
    pub(crate) socket: UdpSocket,
    pub(crate) place: usize,
    pub(crate) count: usize,
    pub(crate) mark: Mark,
    pub(crate) before: Option<Before>,
}

/// The endpoints of a worker. Each ends when its sender is dropped.
#[derive(Debug, Default)]
pub(crate) struct Accepting(Vec<Accepted>);

#[derive(Debug)]
struct Accepted {
    address: SocketAddr,
    place: usize,
    socket: Arc<SharedSocket>,
    _end: oneshot::Sender<()>,
}

impl Accepting {
    /// Starts to accept on a socket.
    pub(crate) fn open(&mut self, share: Share, worker: &Rc<Worker>) {
        let Share { address, socket, place, count, mark, before } = share;
        let (lines, may_read) = before.map(|before| (before.lines, before.may_read)).unzip();
        let socket = match TokioRuntime.wrap_udp_socket(socket) {
            Ok(own) => Arc::new(SharedSocket::new(own, lines.unwrap_or_default())),
            Err(error) => return tracing::error!(%error, "a UDP socket cannot be watched; restart Charon"),
        };
        let (sender, mut end) = oneshot::channel();
        self.0.push(Accepted { address, place, socket: socket.clone(), _end: sender });
        let worker = worker.clone();
        tokio::task::spawn_local(async move {
            if let Some(mut may_read) = may_read {
                tokio::select! {
                    // An error: the process before is gone.
                    _ = may_read.wait_for(|may_read| *may_read) => {}
                    _ = &mut end => return,
                }
            }
            accept_on(address, socket, WorkerIds::new(place, count, mark), worker, end).await;
        });
    }

    /// The next process reads a socket from now on, and says by this line what is for us.
    pub(crate) fn yield_to(&self, address: SocketAddr, place: usize, line: Socket) {
        let mut all = self.0.iter();
        let Some(accepted) = all.find(|known| (known.address, known.place) == (address, place)) else {
            return;
        };
        if let Err(error) = accepted.socket.yield_to(line) {
            tracing::warn!(%error, "HTTP/3 connections are cut by the upgrade: what is for them cannot be heard");
        }
    }

    /// Ends accepting on an address. Connections are asked to go, and finish what runs.
    pub(crate) fn close(&mut self, address: SocketAddr) {
        self.0.retain(|known| known.address != address);
    }
}

/// What the connections of one endpoint have in common.
#[derive(Debug)]
pub(super) struct Gathering {
    address: SocketAddr,
    ends: Cell<bool>,
    /// Handshakes that have not ended.
    handshakes: Cell<usize>,
}

impl Gathering {
    /// Whether the address is no longer listened on.
    pub(super) fn ends(&self) -> bool {
        self.ends.get()
    }

    /// A client asks from another address than it came from.
    pub(super) fn moved(&self, shared: &Shared) {
        let client = shared.connection().remote_address();
        tracing::debug!(%client, address = %self.address, "an HTTP/3 client has moved; it is asked to connect anew");
    }
}

/// How QUIC is spoken, by all workers: the same keys for what clients bring back.
///
/// # Errors
/// When the cryptographic library refuses what it offers.
pub(crate) fn configuration(tls: Arc<rustls::ServerConfig>) -> Result<ServerConfig, String> {
    let crypto = QuicServerConfig::try_from(tls).map_err(|error| error.to_string())?;
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(MAX_STREAMS.into())
        .max_concurrent_uni_streams(MAX_ONE_WAY.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(CONNECTION_WINDOW.into())
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(ASK_AFTER))
        .max_idle_timeout(Some(SILENCE.try_into().map_err(|_| "the longest silence is too long")?));
    let mut config = ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

async fn accept_on(
    address: SocketAddr,
    socket: Arc<SharedSocket>,
    ids: WorkerIds,
    worker: Rc<Worker>,
    mut end: oneshot::Receiver<()>,
) {
    let mut config = EndpointConfig::default();
    config.cid_generator(move || Box::new(ids));
    let runtime = Arc::new(TokioRuntime);
    let endpoint =
        Endpoint::new_with_abstract_socket(config, Some((*worker.quic[0]).clone()), socket, runtime);
    let endpoint = match endpoint {
        Ok(endpoint) => endpoint,
        Err(error) => return tracing::error!(%error, "a UDP socket cannot be used; restart Charon"),
    };
    let gathering = Rc::new(Gathering { address, ends: Cell::new(false), handshakes: Cell::new(0) });
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            // Nothing is ever sent: the sender is dropped.
            _ = &mut end => break,
        };
        let Some(incoming) = incoming else { return };
        welcome(incoming, &worker, &gathering);
    }
    // New clients are told to go elsewhere, while the others finish.
    endpoint.set_server_config(None);
    gathering.ends.set(true);
    worker.sweep.wake_idle();
    endpoint.wait_idle().await;
}

fn welcome(incoming: Incoming, worker: &Rc<Worker>, gathering: &Rc<Gathering>) {
    let handshakes = gathering.handshakes.get();
    if handshakes >= MOST_HANDSHAKES {
        worker.stats.cuts.count(Cut::Connections);
        return incoming.refuse();
    }
    if handshakes >= RETRY_FROM && !incoming.remote_address_validated() && incoming.may_retry() {
        // It can only fail for one that was asked before.
        return drop(incoming.retry());
    }
    let local = SocketAddr::new(
        incoming.local_ip().unwrap_or(gathering.address.ip()).to_canonical(),
        gathering.address.port(),
    );
    let early = worker.snapshot().config.early_data;
    match incoming.accept_with(worker.quic[usize::from(early)].clone()) {
        Ok(connecting) => {
            gathering.handshakes.set(handshakes + 1);
            let open = Open::new(worker);
            tokio::task::spawn_local(serve(
                open,
                connecting,
                early,
                local,
                worker.clone(),
                gathering.clone(),
            ));
        }
        Err(_) => worker.stats.handshake_failures.add(1),
    }
}

async fn serve(
    _open: Open,
    connecting: Connecting,
    early: bool,
    local: SocketAddr,
    worker: Rc<Worker>,
    gathering: Rc<Gathering>,
) {
    let deadline = worker.sweep.register();
    worker.sweep.arm(&deadline, worker.limits.handshake);
    let handshake = Rc::new(Handshake::default());
    let begun = async {
        if early { begin(connecting).await } else { Ok((connecting.await.map_err(io::Error::other)?, None)) }
    };
    let (connection, rest) = match deadline.within(begun).await {
        Ok(begun) => begun,
        Err(error) => return gathering.failed(&worker, &error),
    };
    let Some(rest) = rest else {
        drop(deadline);
        gathering.ended(&handshake);
        return meet(connection, local, worker, gathering, handshake).await;
    };
    // What safe requests ask for is answered meanwhile.
    let ending = async {
        // Whether the early data was taken: the library has seen to that.
        let ended = deadline.within(async { Ok(rest.await) }).await;
        match (ended, connection.close_reason()) {
            (Ok(_), None) => gathering.ended(&handshake),
            (Ok(_), Some(error)) => gathering.failed(&worker, &io::Error::other(error)),
            (Err(error), _) => {
                gathering.failed(&worker, &error);
                connection.close(Code::NO_ERROR.into(), b"");
            }
        }
    };
    tokio::join!(
        ending,
        meet(connection.clone(), local, worker.clone(), gathering.clone(), handshake.clone())
    );
}

/// Begins to serve a connection before its handshake has ended, once the client has said which name it wants.
async fn begin(mut connecting: Connecting) -> io::Result<(Connection, Option<ZeroRttAccepted>)> {
    connecting.handshake_data().await.map_err(io::Error::other)?;
    match connecting.into_0rtt() {
        Ok((connection, rest)) => Ok((connection, Some(rest))),
        Err(connecting) => Ok((connecting.await.map_err(io::Error::other)?, None)),
    }
}

/// Whether a connection's handshake has ended: until then its requests may be those of an eavesdropper that sends again
/// what it has heard.
#[derive(Debug, Default)]
pub(super) struct Handshake {
    ended: Cell<bool>,
    told: Notify,
}

impl Handshake {
    pub(super) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    /// Waits for it. A connection that ends before wakes nobody here; its streams see that themselves.
    pub(super) async fn end(&self) {
        while !self.ended.get() {
            self.told.notified().await;
        }
    }
}

impl Gathering {
    fn ended(&self, handshake: &Handshake) {
        self.handshakes.set(self.handshakes.get() - 1);
        handshake.ended.set(true);
        handshake.told.notify_waiters();
    }

    fn failed(&self, worker: &Worker, error: &io::Error) {
        self.handshakes.set(self.handshakes.get() - 1);
        worker.stats.handshake_failures.add(1);
        if error.kind() == io::ErrorKind::TimedOut {
            worker.stats.cuts.count(Cut::Handshake);
        }
    }
}

/// Lets a client in, and serves it.
async fn meet(
    connection: Connection,
    local: SocketAddr,
    worker: Rc<Worker>,
    gathering: Rc<Gathering>,
    handshake: Rc<Handshake>,
) {
    let (ip, port) = (connection.remote_address().ip().to_canonical(), connection.remote_address().port());
    let _pass = match worker.gate.admit(ip, worker.snapshot().config.trusts(ip)) {
        Ok(pass) => pass,
        Err(cut) => {
            worker.stats.cuts.count(cut);
            return connection.close(Code::EXCESSIVE_LOAD.into(), b"too many connections");
        }
    };
    let data = connection.handshake_data().and_then(|data| data.downcast::<HandshakeData>().ok());
    let sni = data.and_then(|data| data.server_name).map(|name| name.to_ascii_lowercase().into());
    let peer = Peer {
        ip,
        ip_text: ip.to_string(),
        port,
        local,
        tls: true,
        sni,
        // QUIC has TLS 1.3 and nothing below it.
        policy: TlsPolicy::Modern,
        asked_by: None,
        client_certificate: None,
    };
    conn::serve(connection, peer, worker, gathering, handshake).await;
}
