//! Looks names up: `/etc/hosts`, then the name servers of `/etc/resolv.conf` or those that were set. Both files
//! are read again when they change.

use super::names::{Entry, Name};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

/// One question to one name server, and how often it is asked.
const QUESTION: Duration = Duration::from_millis(1500);
const ATTEMPTS: usize = 2;
/// The whole of a look-up.
const LOOK_UP: Duration = Duration::from_secs(5);
/// For answers that say nothing about it: the system's, and `/etc/hosts`.
const NO_TTL: Duration = Duration::from_secs(10);

/// The files that say how names are resolved, and when they changed.
type Stamp = [Option<SystemTime>; 2];

/// Looks names up.
pub(crate) struct Resolver {
    servers: Vec<SocketAddr>,
    current: RefCell<Option<(Stamp, TokioResolver)>>,
}

impl Resolver {
    /// `servers`: name servers to ask; the system's when empty.
    pub(crate) fn new(servers: Vec<SocketAddr>) -> Self {
        Self { servers, current: RefCell::new(None) }
    }

    /// What a name stands for, and for how long.
    ///
    /// # Errors
    /// Why it is not known, as a sentence part.
    pub(crate) async fn look_up(&self, name: &Name) -> Result<(Vec<Entry>, Duration), String> {
        let asked = async {
            // Multicast DNS is the system's business.
            if !name.srv && name.text.ends_with(".local") {
                return system(&name.text).await;
            }
            let resolver = self.resolver()?;
            if name.srv {
                services(&resolver, &name.text).await
            } else {
                addresses(&resolver, &name.text).await
            }
        };
        let timed = tokio::time::timeout(LOOK_UP, asked).await;
        timed.unwrap_or_else(|_| Err("no name server answered in time".to_owned()))
    }

    fn resolver(&self) -> Result<TokioResolver, String> {
        let changed = |path| std::fs::metadata(path).and_then(|file| file.modified()).ok();
        let stamp = [changed("/etc/resolv.conf"), changed("/etc/hosts")];
        let mut current = self.current.borrow_mut();
        if let Some((known, resolver)) = &*current
            && *known == stamp
        {
            return Ok(resolver.clone());
        }
        let builder = if self.servers.is_empty() {
            TokioResolver::builder_tokio()
        } else {
            let servers = self.servers.iter().map(|server| {
                let at = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
                NameServerConfig::new(server.ip(), true, connections)
            });
            let config = ResolverConfig::from_name_servers(servers.collect());
            Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
        };
        let read = |error: NetError| format!("/etc/resolv.conf cannot be used: {error}");
        let mut builder = builder.map_err(read)?;
        let options = builder.options_mut();
        // What is known is kept by `Name`, by the time to live of the records.
        options.cache_size = 0;
        options.timeout = QUESTION;
        options.attempts = ATTEMPTS;
        let resolver = builder.build().map_err(read)?;
        *current = Some((stamp, resolver.clone()));
        Ok(resolver)
    }
}

async fn addresses(resolver: &TokioResolver, name: &str) -> Result<(Vec<Entry>, Duration), String> {
    let found = resolver.lookup_ip(name).await.map_err(|error| say(&error))?;
    let records = found.as_lookup().answers();
    let ttl = records.iter().map(|record| Duration::from_secs(record.ttl.into())).min().unwrap_or(NO_TTL);
    // `/etc/hosts` stands for a day; it may be edited.
    let ttl = if ttl >= Duration::from_secs(86_400) { NO_TTL } else { ttl };
    let entries: Vec<_> = found.iter().map(|ip| plain(ip.to_canonical())).collect();
    if entries.is_empty() { Err("it has no address".to_owned()) } else { Ok((entries, ttl)) }
}

fn plain(ip: IpAddr) -> Entry {
    Entry { priority: 0, weight: 0, address: SocketAddr::new(ip, 0) }
}

async fn services(resolver: &TokioResolver, name: &str) -> Result<(Vec<Entry>, Duration), String> {
    let found = resolver.lookup(name, RecordType::SRV).await.map_err(|error| say(&error))?;
    let mut ttl = Duration::MAX;
    let mut entries = Vec::new();
    let mut missing = None;
    for record in found.answers() {
        let RData::SRV(service) = &record.data else { continue };
        let target = service.target.to_ascii();
        if target == "." {
            return Err("its SRV record says that there is no such service".to_owned());
        }
        ttl = ttl.min(Duration::from_secs(record.ttl.into()));
        match addresses(resolver, &target).await {
            Ok((found, its_ttl)) => {
                ttl = ttl.min(its_ttl);
                entries.extend(found.into_iter().map(|entry| Entry {
                    priority: service.priority,
                    weight: service.weight,
                    address: SocketAddr::new(entry.address.ip(), service.port),
                }));
            }
            Err(why) => missing = Some(format!("{target}: {why}")),
        }
    }
    match (entries.is_empty(), missing) {
        (true, Some(why)) => Err(why),
        (true, None) => Err("it has no SRV record".to_owned()),
        (false, _) => Ok((entries, ttl)),
    }
}

async fn system(name: &str) -> Result<(Vec<Entry>, Duration), String> {
    let found = tokio::net::lookup_host((name, 0)).await.map_err(|error| error.to_string())?;
    Ok((found.map(|address| plain(address.ip())).collect(), NO_TTL))
}

fn say(error: &NetError) -> String {
    if error.is_nx_domain() {
        "there is no such name".to_owned()
    } else if error.is_no_records_found() {
        "the name servers gave no address".to_owned()
    } else if matches!(error, NetError::Timeout) {
        "no name server answered in time".to_owned()
    } else {
        error.to_string()
    }
}
