//! Keeps the data plane listening where the settings, or else the environment, say. A port that cannot be had is a
//! problem that names it, and is tried again; the other listeners serve meanwhile, and so does the port before.

use crate::compile::Ports;
use base::{Clock, Code, Problem, Problems, Timestamp};
use proxy::{Listening, Proxy, QuicListening, StartError};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, settings};
use tasks::{Outcome, Task, Wake};
use tokio::sync::watch;

/// Component name on the problem board.
const COMPONENT: &str = "listeners";
/// Longest wait between two tries.
const MAX_BACK_OFF: Duration = Duration::from_secs(60);
/// How often it is looked without a reason.
const INTERVAL: Duration = Duration::from_secs(600);

/// What clients speak on an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Serves {
    /// HTTP by TCP.
    Http,
    /// The same within TLS.
    Https,
    /// HTTP/3, by UDP.
    Http3,
}

impl Serves {
    fn tcp(tls: bool) -> Self {
        if tls { Self::Https } else { Self::Http }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "plain HTTP",
            Self::Https => "HTTPS",
            Self::Http3 => "HTTP/3",
        }
    }
}

/// How one listener stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenerState {
    /// What is spoken there.
    pub serves: Serves,
    /// Where it listens, or would.
    pub address: SocketAddr,
    /// Why it does not.
    pub fault: Option<String>,
    /// Since when it is in this state.
    pub since: Timestamp,
}

/// Where the data plane is to listen when no setting says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Plain HTTP. Port 0 takes any free one.
    pub http: SocketAddr,
    /// HTTPS.
    pub https: SocketAddr,
}

/// What stands for one of the two purposes.
#[derive(Debug, Default)]
struct Place {
    /// The address that was asked for; its port may be 0.
    wanted: Option<SocketAddr>,
    /// The addresses that were got.
    bound: Vec<SocketAddr>,
    /// The sockets come from the service manager, which alone says where they listen.
    fixed: bool,
}

/// Sockets that listen already: of the process before, or of the service manager. They are used where they are what is
/// wanted, or in any case when they are `fixed`.
#[derive(Debug, Default)]
pub struct Inherited {
    /// By TCP.
    pub tcp: Vec<Listening>,
    /// For HTTP/3.
    pub quic: Vec<QuicListening>,
    /// The service manager alone says where those by TCP listen.
    pub fixed: bool,
}

/// The reconciler of listening addresses.
#[derive(Debug)]
pub struct Listeners {
    /// Where settings come from.
    pub store: Store,
    shared: Shared,
    /// Told when addresses have changed: redirects name the port.
    pub changed: Wake,
}

/// What outlives the database: the sockets do.
#[derive(Clone, Debug)]
pub struct Shared(Arc<tokio::sync::Mutex<Inner>>, watch::Receiver<Vec<ListenerState>>);

#[derive(Debug)]
struct Inner {
    proxy: Arc<Proxy>,
    problems: Problems,
    clock: Arc<dyn Clock>,
    default: Wanted,
    places: [Place; 2],
    /// Where HTTP/3 is served, and where it was until connections have ended.
    quic: Vec<SocketAddr>,
    quic_before: Vec<SocketAddr>,
    /// Sockets will be inherited: nothing is bound before.
    expects: bool,
    failures: u32,
    states: watch::Sender<Vec<ListenerState>>,
}

impl Shared {
    /// Nothing is listened on yet.
    pub fn new(proxy: Arc<Proxy>, problems: Problems, clock: Arc<dyn Clock>, default: Wanted) -> Self {
        let (states, receiver) = watch::channel(Vec::new());
        let places = Default::default();
        let (quic, quic_before, expects, failures) = Default::default();
        let inner =
            Inner { proxy, problems, clock, default, places, quic, quic_before, expects, failures, states };
        Self(Arc::new(tokio::sync::Mutex::new(inner)), receiver)
    }

    /// How each listener stands.
    pub fn states(&self) -> watch::Receiver<Vec<ListenerState>> {
        self.1.clone()
    }

    /// Says where will be listened on, before it is: redirects name the port. Nothing else is until [`Shared::begin`].
    pub async fn expect(&self, inherited: &Inherited) {
        let mut inner = self.0.lock().await;
        inner.expects = true;
        let since = inner.clock.now();
        let tcp = inherited.tcp.iter().map(|socket| (Serves::tcp(socket.tls), socket.address));
        let quic = inherited.quic.iter().map(|socket| (Serves::Http3, socket.address()));
        let states =
            tcp.chain(quic).map(|(serves, address)| ListenerState { serves, address, fault: None, since });
        inner.states.send_replace(states.collect());
    }

    /// Looks for the first time, with what is inherited. `settings` are the stored ones.
    pub async fn begin(&self, settings: &[settings::Setting], inherited: Inherited) -> Vec<ListenerState> {
        let mut inner = self.0.lock().await;
        inner.expects = false;
        inner.adopt(settings, inherited.tcp, inherited.fixed);
        inner.reconcile(settings, inherited.quic);
        inner.states.borrow().clone()
    }

    /// Looks once.
    async fn reconcile(&self, settings: &[settings::Setting]) -> Vec<ListenerState> {
        let mut inner = self.0.lock().await;
        if !inner.expects {
            inner.reconcile(settings, Vec::new());
        }
        inner.states.borrow().clone()
    }

    /// Whether the sockets come from the service manager.
    pub async fn is_fixed(&self) -> bool {
        self.0.lock().await.places.iter().any(|place| place.fixed)
    }
}

impl Listeners {
    /// A reconciler over the same sockets as others before it.
    pub fn new(store: Store, shared: Shared, changed: Wake) -> Self {
        Self { store, shared, changed }
    }
}

impl Task for Listeners {
    fn name(&self) -> &'static str {
        "listen"
    }

    fn interval(&self) -> Duration {
        let failures = self.shared.0.try_lock().map_or(1, |inner| inner.failures);
        match failures {
            0 => INTERVAL,
            count => MAX_BACK_OFF.min(Duration::from_secs(1 << (count - 1).min(6))),
        }
    }

    async fn run(&mut self) -> Outcome {
        let settings = match settings::all(&self.store).await {
            Ok(settings) => settings,
            Err(error) => {
                let message = format!("the settings cannot be read: {error}");
                return Outcome::Failing(message, "what is listened on stays as it is".to_owned());
            }
        };
        let before = self.shared.1.borrow().clone();
        let states = self.shared.reconcile(&settings).await;
        if states != before {
            self.changed.call();
        }
        let down = states.iter().filter(|state| state.fault.is_some()).count();
        Outcome::Ok(format!("{} addresses are listened on, {down} cannot be", states.len() - down))
    }
}

impl Inner {
    fn wanted(&self, settings: &[settings::Setting], tls: bool) -> SocketAddr {
        let (key, default) = if tls {
            ("proxy.https_port", self.default.https)
        } else {
            ("proxy.http_port", self.default.http)
        };
        let set =
            settings.iter().find(|setting| setting.key == key).and_then(|setting| setting.value.parse().ok());
        let mut wanted = default;
        if let Some(port) = set.filter(|port| *port != 0) {
            wanted.set_port(port);
        }
        wanted
    }

    fn adopt(&mut self, settings: &[settings::Setting], inherited: Vec<Listening>, fixed: bool) {
        for listening in inherited {
            let (address, tls) = (listening.address, listening.tls);
            let wanted = self.wanted(settings, tls);
            let free = SocketAddr::new(wanted.ip(), 0);
            let fits = address == wanted || (wanted == free && address.ip() == wanted.ip());
            if !fits && !fixed {
                tracing::info!("{address} is no longer listened on: {wanted} is wanted");
                continue;
            }
            match self.proxy.listen(listening) {
                Ok(address) => {
                    let place = &mut self.places[usize::from(tls)];
                    place.wanted = Some(wanted);
                    place.bound.push(address);
                    place.fixed = fixed;
                }
                Err(error) => tracing::warn!("{error}"),
            }
        }
    }

    fn reconcile(&mut self, settings: &[settings::Setting], inherited: Vec<QuicListening>) {
        let now = self.clock.now();
        let wanted = [false, true].map(|tls| self.wanted(settings, tls));
        // Two ports that change places must both be let go first.
        for tls in [0, 1] {
            let (place, other) = (&mut self.places[tls], wanted[1 - tls]);
            if !place.fixed && place.wanted != Some(wanted[tls]) && place.bound.contains(&other) {
                place.bound.drain(..).for_each(|address| self.proxy.unlisten(address));
                place.wanted = None;
            }
        }
        let before = self.states.borrow().clone();
        let (mut problems, mut states) = (Vec::new(), Vec::new());
        for tls in [false, true] {
            let wanted = wanted[usize::from(tls)];
            let place = &mut self.places[usize::from(tls)];
            let mut fault = None;
            if place.fixed {
                if place.wanted != Some(wanted) {
                    problems.push(fixed(wanted, tls));
                }
            } else if place.wanted != Some(wanted) {
                let bound = Listening::bind(wanted, tls, self.proxy.workers());
                match bound.and_then(|listening| self.proxy.listen(listening)) {
                    Ok(address) => {
                        for old in std::mem::replace(&mut place.bound, vec![address]) {
                            self.proxy.unlisten(old);
                        }
                        place.wanted = Some(wanted);
                        tracing::info!("listening on {address} for {}", Serves::tcp(tls).name());
                    }
                    Err(error) => {
                        problems.push(down(wanted, Serves::tcp(tls), &error));
                        fault = Some(error.to_string());
                    }
                }
            }
            let serves = Serves::tcp(tls);
            states.extend(place.bound.iter().map(|address| (serves, *address, None)));
            states.extend(fault.map(|fault| (serves, wanted, Some(fault))));
        }
        self.reconcile_quic(settings, inherited, &mut problems, &mut states);
        let state = |(serves, address, fault)| {
            let new = ListenerState { serves, address, fault, since: now };
            let same = |old: &&ListenerState| {
                (old.serves, old.address, &old.fault) == (new.serves, new.address, &new.fault)
            };
            before.iter().find(same).cloned().unwrap_or(new)
        };
        let states: Vec<_> = states.into_iter().map(state).collect();
        self.failures = if problems.is_empty() { 0 } else { self.failures.saturating_add(1) };
        self.problems.report(COMPONENT, problems);
        self.states.send_if_modified(|known| {
            let differs = *known != states;
            *known = states;
            differs
        });
    }

    /// HTTP/3 is served by UDP where HTTPS is served by TCP.
    fn reconcile_quic(
        &mut self,
        settings: &[settings::Setting],
        mut inherited: Vec<QuicListening>,
        problems: &mut Vec<Problem>,
        states: &mut Vec<Found>,
    ) {
        let is_on = settings.iter().any(|setting| setting.key == "proxy.http3" && setting.value == "true");
        let wanted = if is_on { self.places[1].bound.clone() } else { Vec::new() };
        let proxy = self.proxy.clone();
        for gone in self.quic.extract_if(.., |address| !wanted.contains(address)) {
            proxy.unlisten_quic(gone);
            self.quic_before.push(gone);
            tracing::info!("HTTP/3 is no longer served on UDP {gone}; what runs there is finished");
        }
        for address in wanted {
            if self.quic.contains(&address) {
                states.push((Serves::Http3, address, None));
                continue;
            }
            let known = inherited.extract_if(.., |listening| listening.address() == address).next();
            let bound = known.map_or_else(|| QuicListening::bind(address, proxy.workers()), Ok);
            let fault = match bound.and_then(|listening| proxy.listen_quic(listening)) {
                Ok(address) => {
                    self.quic.push(address);
                    self.quic_before.retain(|before| *before != address);
                    tracing::info!("listening on UDP {address} for HTTP/3");
                    None
                }
                Err(StartError::UdpInUse { .. }) if self.quic_before.contains(&address) => {
                    let why = StartError::UdpFinishing { address };
                    problems.push(down(address, Serves::Http3, &why));
                    Some(why.to_string())
                }
                Err(error) => {
                    problems.push(down(address, Serves::Http3, &error));
                    Some(error.to_string())
                }
            };
            states.push((Serves::Http3, address, fault));
        }
    }
}

/// What is spoken on an address, and why it is not.
type Found = (Serves, SocketAddr, Option<String>);

fn down(address: SocketAddr, serves: Serves, error: &StartError) -> Problem {
    let text = error.to_string();
    // The sentence of each error ends with its remedy.
    let (what, remedy) = text.split_once("; ").unwrap_or((&text, "see why in the log"));
    let message = format!("{} is not served on port {}: {what}", serves.name(), address.port());
    let port = if serves == Serves::Http3 { "UDP port" } else { "port" };
    Problem::new(Code::ListenerDown, message, format!("{remedy} . Charon tries again by itself"))
        .about(format!("{port} {}", address.port()))
        .link("/settings")
}

fn fixed(wanted: SocketAddr, tls: bool) -> Problem {
    let message = format!(
        "the port {} for {} is not used: the service manager passes the listening sockets",
        wanted.port(),
        Serves::tcp(tls).name()
    );
    Problem::new(Code::HostSettingIgnored, message, "change ListenStream= in Charon's socket unit")
        .about(format!("port {}", wanted.port()))
        .link("/settings")
}

/// The ports that redirects to HTTPS name, and that answers tell of.
pub fn ports(states: &[ListenerState]) -> Ports {
    let port = |serves: Serves| {
        let up = states.iter().filter(move |state| state.serves == serves && state.fault.is_none());
        let mut ports = up.map(|state| state.address.port());
        let first = ports.next();
        // Of several, the usual one.
        if ports.any(|port| port == 443) { Some(443) } else { first }
    };
    let known = |port: Option<u16>| port.and_then(|port| base::Port::new(port.into()).ok());
    Ports { https: known(port(Serves::Https).filter(|port| *port != 443)), http3: known(port(Serves::Http3)) }
}
