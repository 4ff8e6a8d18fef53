//! Upstreams, compiled: what is wrong with one leaves its host out with a sentence, and the rest is ready to be
//! dialled. What runs (health, counters, turns) is attached when the configuration is published.

use super::tls::{self, Loaded, OriginIdentity};
use crate::io::Io;
use crate::spec::{self, AllDown, Balance, HealthCheck, OriginProtocol, Passive, ProxyProtocol, Scheme};
use crate::upstream::live::Live;
use crate::upstream::sticky::StickyRule;
use ahash::AHashMap;
use base::UpstreamAddress;
use rustls::pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Most servers of one upstream.
pub(crate) const MAX_SERVERS: usize = 64;

/// Which upstream of a configuration: its host's id, and the path when it is a location's.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct UpstreamKey {
    pub(crate) host: Arc<str>,
    pub(crate) location: Option<Arc<str>>,
}

/// Where the requests of a host or of a location go.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) key: UpstreamKey,
    /// The host's name, for logs.
    pub(crate) host_name: Arc<str>,
    pub(crate) servers: Vec<Arc<Server>>,
    /// One server that gets everything: there is nothing to choose, to count or to sign.
    pub(crate) simple: bool,
    pub(crate) balance: Balance,
    pub(crate) sticky: Option<StickyRule>,
    pub(crate) health: Option<Arc<HealthCheck>>,
    pub(crate) passive: Passive,
    pub(crate) all_down: AllDown,
    pub(crate) max_connections: Option<u32>,
    pub(crate) queue: u32,
    pub(crate) queue_timeout: Duration,
    pub(crate) connect: Option<Duration>,
    pub(crate) read: Option<Duration>,
    pub(crate) write: Option<Duration>,
    pub(crate) pause: Option<Duration>,
    pub(crate) proxy_protocol: Option<ProxyProtocol>,
    pub(crate) protocol: OriginProtocol,
    /// `Host` for clients that name none, and for checks.
    pub(crate) default_host: Box<str>,
    pub(crate) live: OnceLock<Live>,
}

impl Target {
    /// Whether requests go by HTTP/2 where the server agrees. WebSockets go by HTTP/1.1, which all servers of them
    /// speak.
    pub(crate) fn offers_http2(&self, websocket: bool) -> bool {
        self.protocol != OriginProtocol::Http1 && !websocket
    }

    /// Whether HTTP/2 is spoken on a connection that was made for it.
    ///
    /// # Errors
    /// When it must be and the server has not agreed.
    pub(crate) fn speaks_http2(&self, io: &Io) -> io::Result<bool> {
        match self.protocol {
            OriginProtocol::Http1 => Ok(false),
            OriginProtocol::Auto => Ok(io.agreed_on_http2()),
            // Without TLS there is nothing to agree on (RFC 9113, section 3.3).
            OriginProtocol::Http2 if io.agreed_on_http2() || !matches!(io, Io::Tls(_)) => Ok(true),
            OriginProtocol::Http2 => Err(io::Error::other("it does not speak HTTP/2")),
        }
    }

    /// For how long a server that is well again gets less than its share.
    pub(crate) fn slow_start(&self) -> Duration {
        self.health.as_ref().map_or(Duration::ZERO, |rule| Duration::from_millis(rule.slow_start_ms.into()))
    }
}

/// One server of an upstream.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) identity: Identity,
    pub(crate) seat: Seat,
    pub(crate) tls: Option<TargetTls>,
    pub(crate) weight: u16,
    pub(crate) backup: bool,
    /// A stable number of the address, for hashing.
    pub(crate) seed: u64,
}

/// What connections must have in common to be shared.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Identity {
    pub(crate) scheme: Scheme,
    pub(crate) address: UpstreamAddress,
    pub(crate) tls: Option<OriginIdentity>,
}

/// Where a server is found.
#[derive(Debug)]
pub(crate) enum Seat {
    Ip(SocketAddr),
    Name { name: Arc<str>, port: u16 },
    Srv(Arc<str>),
    Unix(PathBuf),
}

/// How TLS towards a server is done.
#[derive(Clone, Debug)]
pub(crate) struct TargetTls {
    pub(crate) config: Arc<rustls::ClientConfig>,
    /// The same with HTTP/2 on offer, where the upstream speaks it.
    pub(crate) http2: Option<Arc<rustls::ClientConfig>>,
    pub(crate) name: ServerName<'static>,
    /// The certificate is checked.
    pub(crate) verified: bool,
}

/// A message and a remedy.
type Fault = (String, &'static str);

/// What upstreams have in common within one configuration.
pub(super) struct Shared<'a> {
    pub(super) client_certificates: AHashMap<&'a str, &'a Loaded>,
    pub(super) cookie_key: &'a [u8],
    /// Where HTTP/3 is served.
    pub(super) http3_port: Option<base::Port>,
}

/// Compiles one upstream of a host.
pub(super) fn build(
    host: &spec::Host,
    location: Option<&str>,
    upstream: &spec::Upstream,
    shared: &Shared<'_>,
) -> Result<Target, Fault> {
    let count = upstream.servers.len();
    if count == 0 || count > MAX_SERVERS {
        let message = format!("its upstream has {count} servers; it can have from 1 to {MAX_SERVERS}");
        return Err((message, "Give the upstream at least one server."));
    }
    check_rules(upstream)?;
    let mut tls = None;
    let mut servers: Vec<Arc<Server>> = Vec::with_capacity(count);
    for server in &upstream.servers {
        let built = build_server(server, upstream, shared, &mut tls)?;
        if servers.iter().any(|other| other.identity == built.identity) {
            let message = format!("its server {} stands twice", server.address);
            return Err((message, "Remove one of the two, and give the other their common weight."));
        }
        servers.push(Arc::new(built));
    }
    if servers.iter().all(|server| server.backup) {
        let message = "all its servers are backups".to_owned();
        return Err((message, "Let at least one server be no backup."));
    }
    let key = UpstreamKey { host: host.id.as_str().into(), location: location.map(Into::into) };
    let sticky = upstream.sticky.as_ref().map(|sticky| {
        StickyRule::new(sticky, shared.cookie_key, &key, &servers)
            .map_err(|message| (message, "Write a cookie name of letters, digits, - and _."))
    });
    let sticky = sticky.transpose()?;
    let limits = &upstream.limits;
    let simple = count == 1
        && sticky.is_none()
        && limits.max_connections.is_none()
        && upstream.all_down == AllDown::TryAll;
    let millis = |millis: Option<u32>| millis.map(|millis| Duration::from_millis(millis.into()));
    let timeouts = &upstream.timeouts;
    Ok(Target {
        key,
        host_name: host.name.as_str().into(),
        simple,
        balance: upstream.balance,
        sticky,
        health: upstream.health.clone().map(Arc::new),
        passive: upstream.passive.clone(),
        all_down: upstream.all_down,
        max_connections: limits.max_connections,
        queue: limits.queue,
        queue_timeout: Duration::from_millis(limits.queue_timeout_ms.into()),
        connect: millis(timeouts.connect_ms),
        read: millis(timeouts.read_ms),
        write: millis(timeouts.write_ms),
        pause: millis(timeouts.pause_ms),
        proxy_protocol: upstream.send_proxy_protocol,
        protocol: upstream.protocol,
        default_host: default_host(host, &servers),
        servers,
        live: OnceLock::new(),
    })
}

/// Numbers that would make no sense.
fn check_rules(upstream: &spec::Upstream) -> Result<(), Fault> {
    let wrong = |message: &str, remedy| Err((format!("its upstream: {message}"), remedy));
    let timeouts = &upstream.timeouts;
    let all = [timeouts.connect_ms, timeouts.read_ms, timeouts.write_ms, timeouts.pause_ms];
    if all.contains(&Some(0)) {
        return wrong("a time-out is 0", "Write a time-out of at least 1 ms, or none.");
    }
    if upstream.limits.max_connections == Some(0) {
        return wrong("max_connections is 0", "Write at least 1, or none.");
    }
    if upstream.protocol != OriginProtocol::Http1 && upstream.send_proxy_protocol.is_some() {
        let remedy = "Choose the protocol http1, or leave the PROXY protocol out.";
        return wrong("HTTP/2 shares connections among clients, and the PROXY protocol names one", remedy);
    }
    let passive = &upstream.passive;
    if passive.failures > 0 && (passive.window_ms == 0 || passive.back_off_ms == 0) {
        return wrong("window_ms or back_off_ms is 0", "Write at least 1, or 0 failures to switch it off.");
    }
    if let Some(health) = &upstream.health {
        if health.interval_ms < 500 || health.timeout_ms == 0 {
            return wrong("its check runs too often", "Write an interval of at least 500 ms and a time-out.");
        }
        let path = health.path.as_deref().unwrap_or("/");
        if !path.starts_with('/') || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return wrong("the path of its check is no path", "Write it like /health.");
        }
        if health.path.is_some() && health.statuses.is_empty() {
            return wrong("its check accepts no status", "Write the statuses like 200-299.");
        }
        if health.path.is_none() && health.body.is_some() {
            return wrong("its check wants a text and asks for no path", "Give the check a path.");
        }
    }
    Ok(())
}

fn build_server(
    server: &spec::Server,
    upstream: &spec::Upstream,
    shared: &Shared<'_>,
    tls: &mut Option<MadeTls>,
) -> Result<Server, Fault> {
    if !(1..=1000).contains(&server.weight) {
        let message = format!("its server {} has the weight {}", server.address, server.weight);
        return Err((message, "Write a weight from 1 to 1000."));
    }
    let seat = match &server.address {
        UpstreamAddress::Tcp { host, port } => match host.as_str().parse::<IpAddr>() {
            Ok(ip) => Seat::Ip(SocketAddr::new(ip, port.get())),
            Err(_) => Seat::Name { name: host.as_str().into(), port: port.get() },
        },
        UpstreamAddress::Srv(name) => Seat::Srv(name.as_str().into()),
        UpstreamAddress::Unix(path) => Seat::Unix(path.into()),
    };
    let target_tls = match (server.scheme, &seat) {
        (Scheme::Http, _) => None,
        (Scheme::Https, Seat::Unix(_)) => {
            let message = format!("its server {} is a Unix socket with https", server.address);
            return Err((message, "Choose http for Unix sockets."));
        }
        (Scheme::Https, _) => {
            if tls.is_none() {
                *tls = Some(origin_tls(upstream, shared)?);
            }
            tls.as_ref().map(|made| {
                let name = tls_name(server, upstream)?;
                let verified = upstream.tls.verify;
                Ok(TargetTls { config: made.http1.clone(), http2: made.http2.clone(), name, verified })
            })
        }
    };
    let target_tls = target_tls.transpose()?;
    let identity = Identity {
        scheme: server.scheme,
        address: server.address.clone(),
        tls: target_tls.as_ref().and(tls.as_ref()).map(|made| made.identity.clone()),
    };
    let mut seed = 0;
    for byte in server.address.to_string().bytes() {
        seed = crate::upstream::balance::mix(seed ^ u64::from(byte));
    }
    Ok(Server { identity, seat, tls: target_tls, weight: server.weight, backup: server.backup, seed })
}

/// The name that TLS asks for and checks.
fn tls_name(server: &spec::Server, upstream: &spec::Upstream) -> Result<ServerName<'static>, Fault> {
    let name = match (&upstream.tls.server_name, &server.address) {
        (Some(name), _) => name.as_str(),
        (None, UpstreamAddress::Tcp { host, .. }) => host.as_str(),
        // `_https._tcp.app.lan` is about app.lan.
        (None, UpstreamAddress::Srv(name)) => {
            let mut rest = name.as_str();
            while let Some((_, after)) = rest.split_once('.').filter(|(label, _)| label.starts_with('_')) {
                rest = after;
            }
            rest
        }
        (None, UpstreamAddress::Unix(_)) => "",
    };
    ServerName::try_from(name.to_owned()).map_err(|_| {
        let message = format!("its server {name} has no name that TLS can check");
        (message, "Give the server a DNS name, set the TLS name, or use http.")
    })
}

/// TLS towards the servers of one upstream.
struct MadeTls {
    identity: OriginIdentity,
    http1: Arc<rustls::ClientConfig>,
    http2: Option<Arc<rustls::ClientConfig>>,
}

fn origin_tls(upstream: &spec::Upstream, shared: &Shared<'_>) -> Result<MadeTls, Fault> {
    let rule = &upstream.tls;
    let client = match &rule.client_certificate {
        None => None,
        Some(id) => match shared.client_certificates.get(id.as_str()) {
            Some(loaded) => Some(loaded.key.clone()?),
            None => {
                let message = format!("its client certificate {id} does not exist");
                return Err((message, "Choose another client certificate for the upstream."));
            }
        },
    };
    let make = |protocols| tls::client(rule.verify, rule.ca_pem.as_deref(), client.as_ref(), protocols);
    let http1 = make(tls::HTTP1)?;
    let http2 = match upstream.protocol {
        OriginProtocol::Http1 => None,
        OriginProtocol::Http2 => Some(make(tls::HTTP2)?),
        OriginProtocol::Auto => Some(make(tls::BOTH)?),
    };
    let identity = OriginIdentity {
        verify: rule.verify,
        ca_pem: rule.ca_pem.clone(),
        client: client.and_then(|key| key.cert.first().map(|leaf| leaf.to_vec())),
        server_name: rule.server_name.as_ref().map(|name| name.as_str().to_owned()),
    };
    Ok(MadeTls { identity, http1, http2 })
}

fn default_host(host: &spec::Host, servers: &[Arc<Server>]) -> Box<str> {
    let domain = host.domains.iter().find(|domain| domain.wildcard_parent().is_none());
    if let Some(domain) = domain {
        let name = domain.as_str();
        return if name.contains(':') { format!("[{name}]").into() } else { name.into() };
    }
    match servers.first().map(|server| &server.seat) {
        Some(Seat::Ip(address)) => address.to_string().into(),
        Some(Seat::Name { name, .. } | Seat::Srv(name)) => (**name).into(),
        Some(Seat::Unix(_)) | None => "localhost".into(),
    }
}
