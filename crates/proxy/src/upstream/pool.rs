//! Idle connections to origins, per thread, last in first out: the warmest is used, the rest may expire.
//!
//! Any kept connection may be ending at the moment of its use. A request that may be repeated then simply goes
//! again. One that must not run twice is sent over a kept connection only while that is known to be safe:
//! - the kernel has neither an end nor a byte for us (one `recv` that takes nothing);
//! - it has idled clearly less than another connection to the same target was seen to outlive (the target's
//!   *trust*, at most a second): some origins close after each answer, or soon after, without having said so.
//!
//! What races are left, `exchange` decides by what the kernel knows about the bytes that were sent.

use super::Link;
use super::live::LiveServer;
use ahash::AHashMap;
use std::cell::RefCell;
use std::time::Duration;

/// Most idle connections per target and thread.
const MAX_IDLE: usize = 128;
/// How long a connection may idle unless the origin says less. Origins commonly close after 60 s or more.
pub(super) const MAX_AGE: Duration = Duration::from_secs(55);
/// The most that is trusted. Few origins close this early.
const FULL_TRUST: Duration = Duration::from_secs(1);
/// Less is no proof: an origin that closes after each answer may take a moment to do so.
const LEAST_TRUST: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// By [`LiveServer::pool`].
    idle: RefCell<AHashMap<u64, Idle>>,
}

/// The idle connections of one target, the longest idle first.
#[derive(Debug, Default)]
struct Idle {
    links: Vec<Link>,
    /// How long a connection may have idled for a request that must not run twice.
    trust: Duration,
}

impl Pool {
    /// A connection that shows no sign of ending. `careful`: for a request that must not run twice.
    pub(crate) fn take(&self, server: &LiveServer, now: Duration, careful: bool) -> Option<Link> {
        let mut idle = self.idle.borrow_mut();
        let idle = idle.get_mut(&server.pool)?;
        if let Some(name) = &server.name {
            name.touch(now);
        }
        loop {
            let idled = idle.links.last()?.idled(now);
            // Those below have idled longer still.
            if careful && !idle.trusts(idled) && !idle.learns(idled, now) {
                return None;
            }
            let mut link = idle.links.pop()?;
            if link.io.is_stale() || (careful && link.io.has_pending_input()) {
                idle.trust = idle.trust.min(idled / 2);
            } else if idled < link.lifetime && link.leads_there(server) {
                return Some(link);
            }
        }
    }

    /// Keeps a connection whose exchange has ended cleanly.
    pub(crate) fn put(&self, server: &LiveServer, mut link: Link, now: Duration) {
        link.exchanges = link.exchanges.saturating_add(1);
        link.since = now;
        let mut idle = self.idle.borrow_mut();
        let idle = idle.entry(server.pool).or_default();
        if idle.links.len() >= MAX_IDLE {
            // The one that has idled longest is of least use: too old for a POST, and next to expire.
            idle.links.remove(0);
        }
        idle.links.push(link);
    }

    /// A connection that was taken at `now` ended without a byte of an answer.
    pub(crate) fn ended(&self, server: &LiveServer, link: &Link, now: Duration) {
        if let Some(idle) = self.idle.borrow_mut().get_mut(&server.pool) {
            idle.trust = idle.trust.min(link.idled(now) / 2);
        }
    }

    /// Drops what has ended or idled too long.
    pub(crate) fn sweep(&self, now: Duration) {
        self.idle.borrow_mut().retain(|_, idle| {
            idle.links.retain_mut(|link| {
                let idled = link.idled(now);
                let ended = link.io.is_stale();
                idle.trust = if ended { idle.trust.min(idled / 2) } else { outlived(idle.trust, idled) };
                !ended && idled < link.lifetime
            });
            !idle.links.is_empty()
        });
    }
}

impl Idle {
    /// Whether a connection that has idled so long certainly does not end just now.
    fn trusts(&self, idled: Duration) -> bool {
        idled <= self.trust / 4 * 3
    }

    /// Looks at the connection that has idled longest, when it may prove something. Whether it did.
    fn learns(&mut self, idled: Duration, now: Duration) -> bool {
        let Some(link) = self.links.first_mut() else { return false };
        let longest = link.idled(now);
        if outlived(self.trust, longest) == self.trust || link.io.is_stale() || link.io.has_pending_input() {
            return false;
        }
        self.trust = outlived(self.trust, longest);
        self.trusts(idled)
    }
}

/// The trust in a target one of whose connections was open after it had idled so long.
fn outlived(trust: Duration, idled: Duration) -> Duration {
    if idled < LEAST_TRUST { trust } else { trust.max(idled.min(FULL_TRUST)) }
}

impl Link {
    /// Whether the server's name still stands for the address that this is a connection to.
    fn leads_there(&mut self, server: &LiveServer) -> bool {
        let (Some(name), Some(address)) = (&server.name, self.address) else { return true };
        let generation = name.generation();
        if self.generation != generation {
            if !name.leads_to(address) {
                return false;
            }
            self.generation = generation;
        }
        true
    }

    fn idled(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }
}
