//! How many connections clients may have open: all together, and each by itself. Shared by the workers, and
//! touched twice in the life of a connection.

use crate::cuts::Cut;
use ahash::AHashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Descriptors that are kept for everything that is not a proxied connection: the administration, the
/// database, logs, listening sockets.
const RESERVE: u64 = 256;
/// The most connections when nothing else is said.
const MOST: u32 = 65_536;

/// Counts open connections.
#[derive(Debug)]
pub(crate) struct Gate {
    open: AtomicU32,
    limit: u32,
    limit_per_client: u32,
    clients: [Mutex<AHashMap<IpAddr, u32>>; 16],
}

impl Gate {
    /// `limit`: connections at once; `None` follows from the descriptors that the process may have.
    pub(crate) fn new(limit: Option<u32>, limit_per_client: u32) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicU32::new(0),
            limit: limit.unwrap_or_else(|| affordable(descriptors())),
            limit_per_client,
            clients: Default::default(),
        })
    }

    /// Lets a connection in, until the pass is dropped. `exempt`: other clients may stand behind this address.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr, exempt: bool) -> Result<Pass, Cut> {
        if self.open.fetch_add(1, Relaxed) >= self.limit {
            self.open.fetch_sub(1, Relaxed);
            return Err(Cut::Connections);
        }
        let mut pass = Pass { gate: self.clone(), client: None };
        if !exempt && !ip.is_loopback() {
            let client = client(ip);
            let mut clients = self.clients(client);
            let open = clients.entry(client).or_default();
            if *open >= self.limit_per_client {
                return Err(Cut::ConnectionsPerClient);
            }
            *open += 1;
            pass.client = Some(client);
        }
        Ok(pass)
    }

    fn clients(&self, client: IpAddr) -> MutexGuard<'_, AHashMap<IpAddr, u32>> {
        let last = match client {
            IpAddr::V4(ip) => ip.octets()[3],
            IpAddr::V6(ip) => ip.octets()[7],
        };
        self.clients[usize::from(last) % 16].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The permission of one open connection.
#[derive(Debug)]
pub(crate) struct Pass {
    gate: Arc<Gate>,
    client: Option<IpAddr>,
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.gate.open.fetch_sub(1, Relaxed);
        if let Some(client) = self.client {
            let mut clients = self.gate.clients(client);
            if let Some(open) = clients.get_mut(&client) {
                *open -= 1;
                if *open == 0 {
                    clients.remove(&client);
                }
            }
        }
    }
}

/// Who counts as one client: an IPv4 address, or the /64 that an IPv6 subscriber has to itself.
fn client(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => IpAddr::from((u128::from(ip) >> 64 << 64).to_be_bytes()),
    }
}

/// Connections that so many descriptors carry: each may need a second one, towards its origin.
fn affordable(descriptors: u64) -> u32 {
    u32::try_from(descriptors.saturating_sub(RESERVE) / 2).unwrap_or(MOST).clamp(16, MOST)
}

/// How many descriptors the process may have, once it has asked for all that it can get.
fn descriptors() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum {
        let soft = limit.current;
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files cannot be raised; raise it with  ulimit -n");
            limit.current = soft;
        }
    }
    limit.current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_cannot_take_the_place_of_others_and_places_come_back() {
        let gate = Gate::new(Some(4), 2);
        let admit = |ip: &str, exempt| gate.admit(ip.parse().unwrap(), exempt);
        let first = admit("192.0.2.1", false).unwrap();
        let _second = admit("192.0.2.1", false).unwrap();
        assert_eq!(admit("192.0.2.1", false).unwrap_err(), Cut::ConnectionsPerClient);
        let _third = admit("192.0.2.2", false).unwrap();
        drop(first);
        let _again = admit("192.0.2.1", false).unwrap();
        let _fourth = admit("192.0.2.1", true).unwrap();
        assert_eq!(admit("192.0.2.3", false).unwrap_err(), Cut::Connections);
    }

    #[test]
    fn an_ipv6_subscriber_is_one_client_and_nothing_of_those_that_left_is_kept() {
        let gate = Gate::new(Some(100), 1);
        let pass = gate.admit("2001:db8::1".parse().unwrap(), false).unwrap();
        assert!(gate.admit("2001:db8::2".parse().unwrap(), false).is_err());
        assert!(gate.admit("2001:db8:0:1::2".parse().unwrap(), false).is_ok());
        drop(pass);
        assert!(gate.clients.iter().all(|clients| clients.lock().unwrap().is_empty()));
        assert_eq!(gate.open.load(Relaxed), 0);
    }

    #[test]
    fn the_limit_leaves_descriptors_for_origins_and_the_administration() {
        for (descriptors, expected) in [(64, 16), (1024, 384), (20_000, 9872), (u64::MAX, MOST)] {
            assert_eq!(affordable(descriptors), expected);
        }
    }
}
