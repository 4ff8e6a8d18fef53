//! Starting, steering and ending the data plane.

use crate::appsec::AppSec;
use crate::bans::Bans;
use crate::challenges::{self, Challenges};
use crate::config::Config;
use crate::config::tls::ServerTls;
use crate::gate::Gate;
use crate::listen::Listening;
use crate::log::{Entry, LogSettings, LogStatus, Writer};
use crate::networks::Networks;
use crate::quic::handover::Held;
use crate::quic::{self, QuicHandover, QuicListening};
use crate::stats::{self, Stats, WorkerStats};
use crate::upstream::attend;
use crate::upstream::live::Registry;
use crate::upstream::status::UpstreamStatus;
use crate::worker::{self, Drain, Order, Parts};
use arc_swap::{ArcSwap, ArcSwapOption};
use base::Clock;
use ipnet::IpNet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};

/// What the data plane is started with. Changing it needs a restart.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Addresses for plain HTTP. Port 0 takes a free one, see [`Proxy::http`].
    pub http: Vec<SocketAddr>,
    /// Addresses for HTTPS.
    pub https: Vec<SocketAddr>,
    /// The networks of load balancers that say by PROXY protocol (versions 1 and 2) whose connection they pass on;
    /// empty: nobody does. Whoever else connects then, or sends no such header, is refused and counted
    /// ([`crate::Cut::ProxyProtocol`]).
    pub proxy_protocol: Vec<IpNet>,
    /// Threads; one per core is right.
    pub workers: usize,
    /// The access log.
    pub access_log: LogSettings,
    /// Limits of time, rate and number.
    pub limits: Limits,
    /// Name servers that are asked for the names of origins; those of `/etc/resolv.conf` when empty.
    pub name_servers: Vec<SocketAddr>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            http: Vec::new(),
            https: Vec::new(),
            proxy_protocol: Vec::new(),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            access_log: LogSettings::default(),
            limits: Limits::default(),
            name_servers: Vec::new(),
        }
    }
}

/// Limits of what clients and origins may do. Times are looked at once per [`Limits::tick`], and end at most one tick early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// A request's head must be complete within this time, however it trickles in; on a new connection from the
    /// moment that it is open.
    pub head: Duration,
    /// A kept connection may wait this long for the next request.
    pub idle: Duration,
    /// A TLS handshake must end within this time.
    pub handshake: Duration,
    /// An origin must accept a connection, over all its addresses.
    pub connect: Duration,
    /// An origin must begin its answer, once it has the request.
    pub response: Duration,
    /// An origin may pause this long within an answer.
    pub pause: Duration,
    /// A client may take nothing, or send nothing of a body, for this long.
    pub stall: Duration,
    /// Bytes per second that a client must send of a body, and take of an answer, on average; time in which
    /// the origin is waited for does not count. Above it, up to [`Limits::stall`] is saved for a pause.
    pub rate: u32,
    /// The time that a client has to come to that rate with a body.
    pub rate_grace: Duration,
    /// Client connections at once. `None`: what the descriptors of the process carry, at most 65,536.
    pub connections: Option<u32>,
    /// Connections at once of one client: an IPv4 address, or an IPv6 /64. Trusted proxies and this machine's
    /// own programs are not limited, since others may stand behind them.
    pub connections_per_client: u32,
    /// A WebSocket may be silent for this long.
    pub tunnel: Duration,
    /// How often limits are looked at.
    pub tick: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            handshake: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            response: Duration::from_secs(60),
            pause: Duration::from_secs(300),
            stall: Duration::from_secs(60),
            rate: 500,
            rate_grace: Duration::from_secs(15),
            connections: None,
            connections_per_client: 4096,
            tunnel: Duration::from_secs(3600),
            tick: Duration::from_secs(1),
        }
    }
}

/// Why the data plane did not start. Its text names the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Somebody else listens there.
    #[error(
        "cannot listen on {address}: another program has the port; ask who with  ss -ltnp 'sport = :{port}'",
        port = .address.port()
    )]
    InUse {
        /// The address.
        address: SocketAddr,
    },
    /// Somebody else has the UDP port.
    #[error(
        "cannot listen on UDP {address}: another program has the port; ask who with  ss -lunp 'sport = :{port}'",
        port = .address.port()
    )]
    UdpInUse {
        /// The address.
        address: SocketAddr,
    },
    /// Our own connections of before have not ended.
    #[error(
        "cannot listen on UDP {address}: what ran there before HTTP/3 was switched off has not finished; wait until it has"
    )]
    UdpFinishing {
        /// The address.
        address: SocketAddr,
    },
    /// Load balancers say by PROXY protocol whose connection they pass on, which there is not for UDP.
    #[error(
        "HTTP/3 cannot be served behind PROXY protocol, which is for TCP only: its clients would be taken for others; \
         leave CHARON_PROXY_PROTOCOL_FROM empty, or switch HTTP/3 off"
    )]
    QuicBehindBalancers,
    /// The process may not.
    #[error(
        "cannot listen on {address}: this user may not take port {port}; use a port from 1024 up, or allow it with  \
         setcap cap_net_bind_service=+ep",
        port = .address.port()
    )]
    Forbidden {
        /// The address.
        address: SocketAddr,
    },
    /// The machine has no such address.
    #[error(
        "cannot listen on {address}: this machine has no such address; see which it has with  ip address"
    )]
    NoSuchAddress {
        /// The address.
        address: SocketAddr,
    },
    /// Anything else about an address.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The cryptographic library does not start.
    #[error("TLS cannot be started")]
    Tls(#[source] rustls::Error),
    /// The system starts no further thread or runtime.
    #[error("a worker thread cannot be started")]
    Thread(#[source] io::Error),
}

impl StartError {
    pub(crate) fn bind(address: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address },
            io::ErrorKind::PermissionDenied => Self::Forbidden { address },
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress { address },
            _ => Self::Bind { address, error },
        }
    }
}

/// The running data plane. Dropping it ends it at once; [`Proxy::drain`] ends it politely.
#[derive(Debug)]
pub struct Proxy {
    current: Arc<ArcSwap<Config>>,
    /// Beside the configuration, since it changes by itself.
    bans: Arc<ArcSwapOption<Bans>>,
    /// For certificate authorities, while orders are open.
    challenges: challenges::Published,
    challenge_parts: Mutex<challenges::Parts>,
    appsec: Arc<ArcSwapOption<AppSec>>,
    /// Configurations that somebody may still hold.
    former: Mutex<Vec<Arc<Config>>>,
    /// What is known about upstreams.
    registry: Arc<Registry>,
    /// Tells the attendant.
    published: watch::Sender<Arc<Config>>,
    stats: Vec<Arc<WorkerStats>>,
    log: Writer,
    workers: Vec<mpsc::UnboundedSender<Order>>,
    listening: Mutex<Vec<Listening>>,
    listening_quic: Mutex<Vec<Held>>,
    /// Load balancers speak PROXY protocol.
    has_balancers: bool,
    /// Closes when the last worker has ended.
    ended: tokio::sync::Mutex<mpsc::Receiver<()>>,
}

/// Starts the data plane. It serves when this returns.
///
/// # Errors
/// When an address cannot be listened on, or the system gives no thread. Nothing runs then.
pub fn start(settings: Settings, config: Arc<Config>, clock: Arc<dyn Clock>) -> Result<Proxy, StartError> {
    let workers = settings.workers.max(1);
    let mut listening = Vec::new();
    let balancers =
        (!settings.proxy_protocol.is_empty()).then(|| Arc::new(Networks::new(&settings.proxy_protocol)));
    for (addresses, tls) in [(&settings.http, false), (&settings.https, true)] {
        for address in addresses {
            listening.push(Listening::bind(*address, tls, workers)?);
        }
    }
    let registry = Arc::new(Registry::new(workers, clock.clone()));
    registry.attach(&config);
    let (published, configs) = watch::channel(config.clone());
    let (attendant, wanted) = mpsc::unbounded_channel();
    let current = Arc::new(ArcSwap::new(config));
    let bans = Arc::new(ArcSwapOption::empty());
    let challenges = Arc::new(ArcSwapOption::empty());
    let appsec = Arc::new(ArcSwapOption::empty());
    let tls = ServerTls::new(&current, &challenges).map_err(StartError::Tls)?;
    let [usual, early] = tls.quic().map(quic::listen::configuration);
    let fault = |message| StartError::Tls(rustls::Error::General(message));
    let quic = [Arc::new(usual.map_err(fault)?), Arc::new(early.map_err(fault)?)];
    let (log, senders) =
        Writer::start(settings.access_log, workers, clock.clone()).map_err(StartError::Thread)?;
    let stats: Vec<_> = (0..workers).map(|_| Arc::new(WorkerStats::default())).collect();
    let gate = Gate::new(settings.limits.connections, settings.limits.connections_per_client);
    let (alive, ended) = mpsc::channel(1);
    let (ready, started) = std::sync::mpsc::channel();
    let mut told = Vec::with_capacity(workers);
    for (index, (log, stats)) in senders.into_iter().zip(&stats).enumerate() {
        let (sender, orders) = mpsc::unbounded_channel();
        told.push(sender);
        let parts = Parts {
            index,
            attendant: attendant.clone(),
            clock: clock.clone(),
            limits: settings.limits,
            stats: stats.clone(),
            log,
            tls: tls.clone(),
            quic: quic.clone(),
            gate: gate.clone(),
            balancers: balancers.clone(),
            current: current.clone(),
            bans: bans.clone(),
            challenges: challenges.clone(),
            appsec: appsec.clone(),
            orders,
        };
        let (alive, ready) = (alive.clone(), ready.clone());
        let run = move || {
            let _alive = alive;
            on_runtime(ready, worker::run(parts));
        };
        std::thread::Builder::new().name(format!("proxy-{index}")).spawn(run).map_err(StartError::Thread)?;
    }
    let attending = attend::Parts {
        clock,
        limits: settings.limits,
        registry: registry.clone(),
        name_servers: settings.name_servers,
        myself: attendant,
        wanted,
        configs,
    };
    let to_start = ready.clone();
    let run = move || on_runtime(to_start, attend::run(attending));
    std::thread::Builder::new().name("proxy-attendant".into()).spawn(run).map_err(StartError::Thread)?;
    drop(ready);
    for result in started {
        result.map_err(StartError::Thread)?;
    }
    let ended = tokio::sync::Mutex::new(ended);
    let proxy = Proxy {
        current,
        bans,
        challenges,
        challenge_parts: Mutex::default(),
        appsec,
        former: Mutex::default(),
        registry,
        published,
        stats,
        log,
        workers: told,
        listening: Mutex::default(),
        listening_quic: Mutex::default(),
        has_balancers: balancers.is_some(),
        ended,
    };
    for listening in listening {
        proxy.listen(listening)?;
    }
    Ok(proxy)
}

/// Runs a future of one thread to its end, on a runtime of its own; `ready` is told how that started.
fn on_runtime(ready: std::sync::mpsc::Sender<io::Result<()>>, future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
    // `start` waits for this, so that there is somebody to tell.
    let _ = ready.send(runtime.as_ref().map(drop).map_err(|error| io::Error::from(error.kind())));
    drop(ready);
    if let Ok(runtime) = runtime {
        runtime.block_on(future);
    }
}

impl Proxy {
    /// Accepts connections on one more address from now on, which is given back.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn listen(&self, listening: Listening) -> Result<SocketAddr, StartError> {
        let address = listening.address;
        let fault = |error| StartError::Bind { address, error };
        for (worker, share) in listening.deal(self.workers.len()).map_err(fault)? {
            // A worker that has ended needs no socket.
            let _ = self.workers[worker].send(Order::Listen(share));
        }
        self.listening().push(listening);
        Ok(address)
    }

    /// Accepts no further connections on an address. Those that are open go on.
    pub fn unlisten(&self, address: SocketAddr) {
        // The workers close last, since they serve what waits in the sockets before they do.
        self.listening().retain(|listening| listening.address != address);
        for worker in &self.workers {
            let _ = worker.send(Order::Unlisten(address));
        }
    }

    /// Serves HTTP/3 on one more address from now on, which is given back.
    ///
    /// # Errors
    /// Behind PROXY protocol, or when the process has no descriptor left.
    pub fn listen_quic(&self, listening: QuicListening) -> Result<SocketAddr, StartError> {
        if self.has_balancers {
            return Err(StartError::QuicBehindBalancers);
        }
        let held = Held::of(&listening).map_err(|error| StartError::bind(listening.address, error))?;
        self.listening_quic().push(held);
        let QuicListening { address, sockets, mark, before } = listening;
        let count = sockets.len();
        let mut before = before.into_iter();
        for (place, socket) in sockets.into_iter().enumerate() {
            let share = quic::listen::Share { address, socket, place, count, mark, before: before.next() };
            // A worker that has ended needs no socket.
            let _ = self.workers[place % self.workers.len()].send(Order::ListenQuic(share));
        }
        Ok(address)
    }

    /// Takes no further HTTP/3 connections on an address, and asks those that are open to go when they have finished.
    pub fn unlisten_quic(&self, address: SocketAddr) {
        self.listening_quic().retain(|held| held.address != address);
        for worker in &self.workers {
            let _ = worker.send(Order::UnlistenQuic(address));
        }
    }

    /// Everything that is listened on, as one more holder of the sockets: to be handed to another process.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn sockets(&self) -> io::Result<Vec<Listening>> {
        self.listening().iter().map(Listening::try_clone).collect()
    }

    /// The same for HTTP/3. It goes on here until [`Proxy::yield_quic`].
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn sockets_of_quic(&self) -> io::Result<Vec<QuicHandover>> {
        self.listening_quic().iter_mut().map(Held::offer).collect()
    }

    /// Reads the sockets of HTTP/3 no more, when this returns: the process that got them from
    /// [`Proxy::sockets_of_quic`] does, and passes on what is for connections of this one.
    pub async fn yield_quic(&self) {
        let (done, mut is_done) = mpsc::channel(1);
        for held in self.listening_quic().iter_mut() {
            for (place, line) in held.lines().into_iter().enumerate() {
                let order = Order::YieldQuic(held.address, place, line, done.clone());
                // A worker that has ended reads nothing.
                let _ = self.workers[place % self.workers.len()].send(order);
            }
        }
        drop(done);
        // Nothing is ever sent; the channel closes with the last order.
        let _ = is_done.recv().await;
    }

    /// How many threads serve; the sockets per address to bind for [`Proxy::listen`].
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    fn listening(&self) -> std::sync::MutexGuard<'_, Vec<Listening>> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn listening_quic(&self) -> std::sync::MutexGuard<'_, Vec<Held>> {
        self.listening_quic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn addresses(&self, tls: bool) -> Vec<SocketAddr> {
        let all = self.listening();
        all.iter().filter(|listening| listening.tls == tls).map(|listening| listening.address).collect()
    }

    /// Serves another configuration from now on: new requests get it, also on connections that are open.
    /// What is known about servers that did not change stays.
    pub fn publish(&self, config: Arc<Config>) {
        self.registry.attach(&config);
        let before = self.current.swap(config.clone());
        self.published.send_replace(config);
        // Workers hold one until they meet the next. Here it is freed, which no request has to wait for.
        let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        former.retain(|former| Arc::strong_count(former) > 1);
        former.push(before);
    }

    /// Refuses the clients in this set from now on, also on connections that are open; `None`: nobody.
    pub fn ban(&self, bans: Option<Arc<Bans>>) {
        self.bans.store(bans);
    }

    /// Answers certificate authorities so from now on; `None`: no order is open.
    pub fn answer_challenges(&self, challenges: Option<Arc<Challenges>>) {
        let mut parts = self.challenge_parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.orders = challenges;
        self.challenges.store(parts.all());
    }

    /// Answers what Charon asks itself so from now on, beside what authorities are answered; `None`: it asks nothing.
    pub fn answer_rehearsal(&self, challenges: Option<Arc<Challenges>>) {
        let mut parts = self.challenge_parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.rehearsal = challenges;
        self.challenges.store(parts.all());
    }

    /// Who is banned.
    pub fn bans(&self) -> Option<Arc<Bans>> {
        self.bans.load_full()
    }

    /// Lets this component judge requests from now on; `None`: nobody.
    pub fn judge_by(&self, appsec: Option<Arc<AppSec>>) {
        self.appsec.store(appsec);
    }

    /// Who judges requests.
    pub fn appsec(&self) -> Option<Arc<AppSec>> {
        self.appsec.load_full()
    }

    /// What is known about the servers of all upstreams. Reading costs requests nothing.
    pub fn upstreams(&self) -> Vec<UpstreamStatus> {
        self.registry.status(self.current.load().hosts.targets())
    }

    /// The same for the upstreams of one host.
    pub fn upstreams_of(&self, host_id: &str) -> Vec<UpstreamStatus> {
        let config = self.current.load();
        self.registry.status(config.hosts.get(host_id).into_iter().flat_map(|host| host.targets()))
    }

    /// The configuration that is served.
    pub fn config(&self) -> Arc<Config> {
        self.current.load_full()
    }

    /// The addresses for plain HTTP, with their real ports.
    pub fn http(&self) -> Vec<SocketAddr> {
        self.addresses(false)
    }

    /// The addresses for HTTPS, with their real ports.
    pub fn https(&self) -> Vec<SocketAddr> {
        self.addresses(true)
    }

    /// All counters. Reading costs requests nothing.
    pub fn stats(&self) -> Stats {
        stats::sum(self.stats.iter().map(|stats| &**stats))
    }

    /// How the access log fares.
    pub fn log_status(&self) -> LogStatus {
        let mut status = self.log.status();
        status.dropped += self.stats.iter().map(|stats| stats.log_dropped.get()).sum::<u64>();
        status
    }

    /// Writes the access log as these settings say from now on.
    pub fn set_log(&self, settings: LogSettings) {
        self.log.set(settings);
    }

    /// Opens the access log's file anew: somebody has put it aside.
    pub fn reopen_log(&self) {
        self.log.reopen();
    }

    /// Entries of the access log as they come. A viewer that is too slow loses the oldest and is told how many.
    pub fn watch_log(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.log.subscribe()
    }

    /// Requests that are refused for the sake of security as they end, from now on; in a flood not each of them, see
    /// [`crate::LogStatus::refused_untold`].
    pub fn watch_refused(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.log.refused()
    }

    /// Ends the data plane: accepts nothing more, tells clients to go, lets running requests finish within
    /// `grace`, then closes WebSockets with 1001 and cuts the rest. Returns when all has ended and the access log
    /// is written. Called again meanwhile, the shorter grace holds.
    pub async fn drain(&self, grace: Duration) {
        self.end(Drain { grace, patient: false }).await;
    }

    /// As [`Proxy::drain`], when another process listens on the same sockets: nobody may notice. Kept connections
    /// stay until their next answer, which says that it is the last.
    pub async fn retire(&self, grace: Duration) {
        self.end(Drain { grace, patient: true }).await;
    }

    async fn end(&self, drain: Drain) {
        self.listening().clear();
        self.listening_quic().clear();
        for worker in &self.workers {
            // One that has ended has drained.
            let _ = worker.send(Order::Drain(drain));
        }
        // Nothing is ever sent; the channel closes with the last worker.
        let _ = self.ended.lock().await.recv().await;
        self.log.stop();
    }
}
