//! Idle connections to origins, per thread, last in first out: the warmest is used, the rest may expire.

use super::Link;
use crate::config::Target;
use ahash::AHashMap;
use std::cell::RefCell;
use std::time::Duration;

/// Most idle connections per target and thread.
const MAX_IDLE: usize = 128;
/// How long a connection may idle. Origins commonly close after 60 s or more.
const MAX_AGE: Duration = Duration::from_secs(55);
/// How long it may have idled for a request that must not be sent twice. Few origins close this early.
const CAREFUL_AGE: Duration = Duration::from_secs(1);
/// How long a connection must have stayed open after its first exchange before such a request goes over it.
/// Origins that close after each answer without saying so do it at once.
const PROVED: Duration = Duration::from_millis(10);

/// What connections must have in common: name, port, TLS, and whether certificates are checked.
type Key = (base::UpstreamHost, u16, bool, bool);

fn key(target: &Target) -> Key {
    (target.name.clone(), target.port, target.tls.is_some(), target.verify)
}

#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: RefCell<AHashMap<Key, Vec<(Link, Duration)>>>,
}

impl Pool {
    /// A connection that shows no sign of ending. `careful`: for a request that cannot be repeated, the kernel
    /// is asked too, and the connection must be known to be one that stays open.
    pub(crate) fn take(&self, target: &Target, now: Duration, careful: bool) -> Option<Link> {
        let mut idle = self.idle.borrow_mut();
        let links = idle.get_mut(&key(target))?;
        if !careful {
            while let Some((mut link, _)) = links.pop() {
                if !link.io.is_stale() {
                    return Some(link);
                }
            }
            return None;
        }
        for at in (0..links.len()).rev() {
            let (link, since) = &mut links[at];
            let idled = now.saturating_sub(*since);
            let fit = idled <= CAREFUL_AGE && (link.exchanges > 1 || idled >= PROVED);
            if fit && !link.io.is_stale() && !link.io.has_pending_input() {
                // The order of the others tells their age; it must not change.
                return Some(links.remove(at).0);
            }
        }
        None
    }

    /// Keeps a connection whose exchange has ended cleanly.
    pub(crate) fn put(&self, target: &Target, mut link: Link, now: Duration) {
        link.exchanges = link.exchanges.saturating_add(1);
        let mut idle = self.idle.borrow_mut();
        if let Some(links) = idle.get_mut(&key(target)) {
            if links.len() < MAX_IDLE {
                links.push((link, now));
            }
            return;
        }
        idle.insert(key(target), vec![(link, now)]);
    }

    /// Drops what has ended or idled too long.
    pub(crate) fn sweep(&self, now: Duration) {
        self.idle.borrow_mut().retain(|_, links| {
            links.retain_mut(|(link, since)| now.saturating_sub(*since) < MAX_AGE && !link.io.is_stale());
            !links.is_empty()
        });
    }
}
