//! One worker: a thread with its own runtime, and everything that its connections share. Nothing here is
//! shared with other workers but the compiled configuration.

use crate::Limits;
use crate::appsec::{self, AppSec};
use crate::bans::{Bans, Published, Remedy};
use crate::buffers::Buffers;
use crate::challenges::{self, Challenges};
use crate::config::Config;
use crate::config::tls::ServerTls;
use crate::cuts::Cut;
use crate::gate::Gate;
use crate::h2::stream::Tasks;
use crate::listen::{Accepting, Share};
use crate::log::{Lane, RequestId};
use crate::networks::Networks;
use crate::quic;
use crate::request::Request;
use crate::stats::{HostCounters, WorkerStats};
use crate::sweep::Sweep;
use crate::upstream::balance;
use crate::upstream::h2::Connections;
use crate::upstream::names::Name;
use crate::upstream::pool::Pool;
use arc_swap::{ArcSwap, ArcSwapOption, Cache};
use base::{Clock, Timestamp};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What the workers are told to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Accept on this socket too.
    Listen(Share),
    /// Accept no more on this address.
    Unlisten(SocketAddr),
    /// The same for HTTP/3.
    ListenQuic(quic::listen::Share),
    UnlistenQuic(SocketAddr),
    /// The next process reads a socket of HTTP/3, known by its place, and passes on by this line what is for us. The
    /// sender is dropped when it may.
    YieldQuic(SocketAddr, usize, socket2::Socket, mpsc::Sender<()>),
    /// Accept nothing, finish what runs, end.
    Drain(Drain),
}

/// How a worker is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Drain {
    /// What runs may take this long.
    pub(crate) grace: Duration,
    /// A kept connection may send one more request, whose answer says that it is the last. Else it is closed at
    /// once, which a request may cross on its way.
    pub(crate) patient: bool,
}

/// How long clients may take to answer a goodbye.
const PARTING: Duration = Duration::from_secs(1);

/// The state of one worker.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Which of the workers this is.
    pub(crate) index: usize,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) buffers: Buffers,
    pub(crate) pool: Pool,
    /// HTTP/2 towards origins.
    pub(crate) streams: Connections,
    /// Asks for names to be looked up.
    pub(crate) attendant: mpsc::UnboundedSender<Arc<Name>>,
    pub(crate) sweep: Sweep,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) log: Arc<Lane>,
    pub(crate) tls: ServerTls,
    /// How QUIC is spoken: without early data, and with it.
    pub(crate) quic: [Arc<quinn::ServerConfig>; 2],
    pub(crate) gate: Arc<Gate>,
    /// Who may speak PROXY protocol, by the address that is listened on.
    pub(crate) balancers: Option<Arc<Networks>>,
    /// No further request is taken on kept connections.
    pub(crate) draining: Cell<bool>,
    /// Kept connections may send one more request meanwhile; see [`Drain::patient`].
    pub(crate) patient: Cell<bool>,
    /// The grace time is over: WebSockets say goodbye.
    pub(crate) parting: Cell<bool>,
    current: RefCell<Cache<Arc<ArcSwap<Config>>, Arc<Config>>>,
    snapshot: RefCell<Rc<Snapshot>>,
    bans: RefCell<Cache<Arc<ArcSwapOption<Bans>>, Published>>,
    challenges: RefCell<Cache<challenges::Published, Option<Arc<Challenges>>>>,
    appsec: RefCell<Cache<Arc<ArcSwapOption<AppSec>>, appsec::Published>>,
    /// By which of these open connections were looked through last. Only compared: the cache holds that set, so that
    /// no other one can have its place.
    cut_by: Cell<*const Bans>,
    requests: RefCell<Vec<Request>>,
    /// Tasks for streams of HTTP/2.
    pub(crate) tasks: Tasks,
    id: u32,
    numbered: Cell<u64>,
    random: Cell<u64>,
    /// The wall clock at a moment of the monotonic one; read once per tick.
    epoch: Cell<(Timestamp, Duration)>,
}

/// A configuration as one worker holds it: without touching a counter that other workers touch too.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) config: Arc<Config>,
    counters: RefCell<Vec<Option<Arc<HostCounters>>>>,
}

impl Snapshot {
    fn new(config: Arc<Config>) -> Rc<Self> {
        let counters = RefCell::new(vec![None; config.hosts.all().len()]);
        Rc::new(Self { config, counters })
    }

    /// Runs `count` with the counters of the host at this index.
    pub(crate) fn with_counters(&self, stats: &WorkerStats, host: usize, count: impl FnOnce(&HostCounters)) {
        let mut counters = self.counters.borrow_mut();
        if let Some(slot) = counters.get_mut(host) {
            count(slot.get_or_insert_with(|| stats.host(&self.config.hosts.all()[host].id)));
        }
    }
}

/// What a worker is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) index: usize,
    pub(crate) attendant: mpsc::UnboundedSender<Arc<Name>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) log: Arc<Lane>,
    pub(crate) tls: ServerTls,
    /// How QUIC is spoken: without early data, and with it.
    pub(crate) quic: [Arc<quinn::ServerConfig>; 2],
    pub(crate) gate: Arc<Gate>,
    /// Who may speak PROXY protocol, by the address that is listened on.
    pub(crate) balancers: Option<Arc<Networks>>,
    pub(crate) current: Arc<ArcSwap<Config>>,
    pub(crate) bans: Arc<ArcSwapOption<Bans>>,
    pub(crate) challenges: challenges::Published,
    pub(crate) appsec: Arc<ArcSwapOption<AppSec>>,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
}

impl Worker {
    /// The current configuration.
    pub(crate) fn snapshot(&self) -> Rc<Snapshot> {
        let mut current = self.current.borrow_mut();
        let config = current.load();
        let mut snapshot = self.snapshot.borrow_mut();
        if !Arc::ptr_eq(&snapshot.config, config) {
            self.stats.keep_hosts(|id| config.has_host(id));
            *snapshot = Snapshot::new(config.clone());
        }
        snapshot.clone()
    }

    /// Asks the banned networks, when there are any. What `ask` does must not call this again.
    pub(crate) fn with_bans<T>(&self, ask: impl FnOnce(&Bans) -> Option<T>) -> Option<T> {
        self.bans.borrow_mut().load().as_deref().and_then(ask)
    }

    /// Asks the answers for certificate authorities, when an order is open.
    pub(crate) fn with_challenges<T>(&self, ask: impl FnOnce(&Challenges) -> Option<T>) -> Option<T> {
        self.challenges.borrow_mut().load().as_deref().and_then(ask)
    }

    /// Who judges requests of this host; `None` when nobody does, which costs a look at one pointer.
    pub(crate) fn appsec(&self, host: &str) -> Option<Arc<AppSec>> {
        self.appsec.borrow_mut().load().as_ref().filter(|appsec| appsec.judges(host)).cloned()
    }

    pub(crate) fn take_request(&self) -> Request {
        self.requests.borrow_mut().pop().unwrap_or_default()
    }

    pub(crate) fn give_request(&self, mut request: Request) {
        let mut requests = self.requests.borrow_mut();
        if requests.len() < 64 {
            request.clear();
            requests.push(request);
        }
    }

    pub(crate) fn next_id(&self) -> RequestId {
        let number = self.numbered.get() + 1;
        self.numbered.set(number);
        RequestId { worker: self.id, number }
    }

    /// A random number that is quick to have, and no secret.
    pub(crate) fn random(&self) -> u64 {
        let random = balance::mix(self.random.get());
        self.random.set(random);
        random
    }

    /// The wall-clock time of a moment of the monotonic clock.
    pub(crate) fn wall(&self, moment: Duration) -> Timestamp {
        let (wall, monotonic) = self.epoch.get();
        wall.plus(moment.saturating_sub(monotonic))
    }

    fn tick(&self) {
        let now = self.clock.monotonic();
        self.epoch.set((self.clock.now(), now));
        self.sweep.step();
        self.pool.sweep(now);
        self.streams.sweep(now);
        // What no request asks for any more is let go.
        let snapshot = self.snapshot();
        let mut bans = self.bans.borrow_mut();
        let bans = bans.load();
        let set = bans.as_ref().map_or(std::ptr::null(), Arc::as_ptr);
        // What is open belongs to clients that were not banned when it began; looked at once per set.
        if self.cut_by.replace(set) != set
            && let Some(bans) = bans
        {
            let banned = |owner| {
                bans.find(owner).is_some_and(|reason| reason.remedy == Remedy::Ban)
                    && !snapshot.config.trusts(owner)
            };
            for _ in 0..self.sweep.cut(banned) {
                self.stats.cuts.count(Cut::Banned);
            }
        }
    }
}

/// Runs a worker until it is told to drain and has done so.
pub(crate) async fn run(parts: Parts) {
    let Parts {
        index,
        attendant,
        clock,
        limits,
        stats,
        log,
        tls,
        quic,
        gate,
        balancers,
        current,
        bans,
        challenges,
        appsec,
        mut orders,
    } = parts;
    let snapshot = Snapshot::new(current.load_full());
    let epoch = Cell::new((clock.now(), clock.monotonic()));
    let worker = Rc::new(Worker {
        index,
        attendant,
        random: Cell::new(u64::from_ne_bytes(base::random::bytes())),
        sweep: Sweep::new(limits.tick),
        clock,
        limits,
        buffers: Buffers::default(),
        pool: Pool::default(),
        streams: Connections::default(),
        stats,
        log,
        tls,
        quic,
        gate,
        balancers,
        draining: Cell::new(false),
        patient: Cell::new(false),
        parting: Cell::new(false),
        current: RefCell::new(Cache::new(current)),
        snapshot: RefCell::new(snapshot),
        bans: RefCell::new(Cache::new(bans)),
        challenges: RefCell::new(Cache::new(challenges)),
        appsec: RefCell::new(Cache::new(appsec)),
        cut_by: Cell::new(std::ptr::null()),
        requests: RefCell::default(),
        tasks: Tasks::default(),
        id: u32::from_ne_bytes(base::random::bytes()),
        numbered: Cell::new(0),
        epoch,
    });
    let ticking = worker.clone();
    tokio::task::spawn_local(async move {
        loop {
            tokio::time::sleep(ticking.sweep.tick()).await;
            ticking.tick();
        }
    });
    let mut accepting = Accepting::default();
    let mut accepting_quic = quic::listen::Accepting::default();
    let drain = loop {
        match orders.recv().await {
            Some(Order::Listen(share)) => accepting.open(share, &worker),
            Some(Order::Unlisten(address)) => accepting.close(address),
            Some(Order::ListenQuic(share)) => accepting_quic.open(share, &worker),
            Some(Order::UnlistenQuic(address)) => accepting_quic.close(address),
            Some(Order::YieldQuic(address, place, line, _done)) => {
                accepting_quic.yield_to(address, place, line);
            }
            Some(Order::Drain(drain)) => break drain,
            // The proxy was dropped: end at once.
            None => return,
        }
    };
    drop((accepting, accepting_quic));
    worker.draining.set(true);
    worker.patient.set(drain.patient);
    // What waits in the sockets is accepted first.
    tokio::task::yield_now().await;
    worker.sweep.wake_idle();
    finish(&worker, drain.grace, &mut orders).await;
    if worker.stats.connections.get() > 0 {
        worker.parting.set(true);
        worker.sweep.wake_all();
        finish(&worker, PARTING, &mut orders).await;
    }
    // What has not ended by now is cut when the runtime is dropped.
}

/// Waits until no connection is left, at most `grace`, or less when a later order says so.
async fn finish(worker: &Worker, grace: Duration, orders: &mut mpsc::UnboundedReceiver<Order>) {
    let mut end = worker.clock.monotonic().saturating_add(grace);
    let mut pause = tokio::time::interval(Duration::from_millis(20));
    while worker.stats.connections.get() > 0 && worker.clock.monotonic() < end {
        tokio::select! {
            _ = pause.tick() => {}
            order = orders.recv() => match order {
                Some(Order::Drain(drain)) => {
                    end = end.min(worker.clock.monotonic().saturating_add(drain.grace));
                    worker.patient.set(drain.patient);
                    worker.sweep.wake_idle();
                }
                // Nothing is accepted any more, so listening has no meaning.
                Some(
                    Order::Listen(_)
                    | Order::Unlisten(_)
                    | Order::ListenQuic(_)
                    | Order::UnlistenQuic(_)
                    | Order::YieldQuic(..),
                ) => {}
                None => return,
            },
        }
    }
}
