//! The attendant: one thread beside the workers that looks names up before they are needed and makes the active
//! checks. Requests never wait for it but for a name that nobody has asked for yet.

use super::live::Registry;
use super::names::Name;
use super::probe::{self, Prober};
use super::resolve::Resolver;
use crate::Limits;
use crate::config::{Config, Identity, UpstreamKey};
use crate::spec::HealthCheck;
use ahash::AHashMap;
use base::Clock;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::AbortHandle;

/// How often names are looked at, and so how late a change of an address can be seen.
const ROUND: Duration = Duration::from_millis(250);
/// Look-ups, and checks, at once.
const LOOK_UPS: usize = 64;
const CHECKS: usize = 32;

/// What the attendant works with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) registry: Arc<Registry>,
    pub(crate) name_servers: Vec<SocketAddr>,
    /// The way to the attendant itself, which its checks use as requests do.
    pub(crate) myself: mpsc::UnboundedSender<Arc<Name>>,
    /// Names that somebody waits for.
    pub(crate) wanted: mpsc::UnboundedReceiver<Arc<Name>>,
    /// The configuration that is served. Its end is that of the attendant.
    pub(crate) configs: watch::Receiver<Arc<Config>>,
}

/// Runs until the configurations end.
pub(crate) async fn run(parts: Parts) {
    let Parts { clock, limits, registry, name_servers, myself, mut wanted, mut configs } = parts;
    let resolver = Rc::new(Resolver::new(name_servers));
    let look_ups = Rc::new(Semaphore::new(LOOK_UPS));
    let look_up = |name: Arc<Name>| {
        let (resolver, look_ups, clock) = (resolver.clone(), look_ups.clone(), clock.clone());
        tokio::task::spawn_local(async move {
            let _busy = look_ups.acquire().await;
            let result = resolver.look_up(&name).await;
            name.finish(result, clock.monotonic());
        });
    };
    let mut checks = Checks {
        running: AHashMap::new(),
        prober: Prober {
            clock: clock.clone(),
            attendant: myself,
            limits,
            places: Rc::new(Semaphore::new(CHECKS)),
        },
    };
    let mut names = Vec::new();
    configs.mark_changed();
    loop {
        // Nothing is looked at when there are no names.
        let round = async {
            if names.is_empty() { std::future::pending().await } else { tokio::time::sleep(ROUND).await }
        };
        tokio::select! {
            changed = configs.changed() => {
                if changed.is_err() {
                    return;
                }
                let config = configs.borrow_and_update().clone();
                checks.follow(&config);
                names = registry.names();
            }
            name = wanted.recv() => {
                let Some(name) = name else { return };
                look_up(name);
            }
            () = round => {
                let now = clock.monotonic();
                for name in names.iter().filter(|name| name.is_due(now, ROUND) && name.start()) {
                    look_up(name.clone());
                }
            }
        }
    }
}

/// The active checks that run, one task per server.
struct Checks {
    running: AHashMap<(UpstreamKey, Identity), Running>,
    prober: Prober,
}

struct Running {
    rule: Arc<HealthCheck>,
    task: AbortHandle,
}

impl Checks {
    /// Starts and ends checks so that they are those of the configuration. What did not change goes on.
    fn follow(&mut self, config: &Config) {
        let mut before = std::mem::take(&mut self.running);
        for target in config.hosts.targets() {
            // Most upstreams have no check, and had none.
            if target.health.is_none() && before.is_empty() {
                continue;
            }
            for (index, server) in target.servers.iter().enumerate() {
                let key = (target.key.clone(), server.identity.clone());
                let known = before.remove(&key);
                let Some(rule) = &target.health else {
                    if let (Some(known), Some(live)) = (known, target.live.get()) {
                        known.task.abort();
                        live.servers[index].state.unchecked(target, &*self.prober.clock);
                    }
                    continue;
                };
                let running = match known {
                    Some(known) if *known.rule == **rule => known,
                    other => {
                        if let Some(other) = other {
                            other.task.abort();
                        }
                        let check = probe::run(self.prober.clone(), target.clone(), index);
                        let task = tokio::task::spawn_local(check).abort_handle();
                        Running { rule: rule.clone(), task }
                    }
                };
                self.running.insert(key, running);
            }
        }
        before.into_values().for_each(|gone| gone.task.abort());
    }
}
