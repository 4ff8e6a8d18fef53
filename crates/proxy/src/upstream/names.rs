//! Names of servers and what they stand for: looked up by the attendant, by the record's time to live, and read by
//! all workers without waiting. A look-up that fails keeps the last good addresses.

use super::status::NameStatus;
use arc_swap::ArcSwapOption;
use base::Clock;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Bounds of a record's time to live.
const MIN_TTL: Duration = Duration::from_secs(1);
const MAX_TTL: Duration = Duration::from_secs(60);
/// After a failed look-up.
const RETRY: Duration = Duration::from_secs(2);
/// A name that no request needed for so long is not looked up until one does.
const UNUSED: Duration = Duration::from_secs(300);
/// How long a request waits for a look-up when old addresses would do.
const REFRESH_WAIT: Duration = Duration::from_secs(1);

/// One name, or the name of SRV records.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) text: Arc<str>,
    pub(crate) srv: bool,
    found: ArcSwapOption<Found>,
    /// Grows when the addresses change, so that kept connections are looked at again.
    generation: AtomicU32,
    /// When a request last needed it, in milliseconds.
    used: AtomicU64,
    /// A look-up is on its way.
    busy: AtomicBool,
    changed: Notify,
}

/// The outcome of look-ups.
#[derive(Clone, Debug)]
struct Found {
    entries: Vec<Entry>,
    until: Duration,
    error: Option<String>,
}

/// One address behind a name. Without SRV, priority and weight are 0 and so is the port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Entry {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
    pub(crate) address: SocketAddr,
}

impl Name {
    pub(crate) fn new(text: Arc<str>, srv: bool) -> Self {
        Self {
            text,
            srv,
            found: ArcSwapOption::empty(),
            generation: AtomicU32::new(0),
            used: AtomicU64::new(0),
            busy: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation.load(Relaxed)
    }

    /// A request needs the name now.
    pub(crate) fn touch(&self, now: Duration) {
        let now = millis(now);
        // Workers that write the same word all the time would slow each other down.
        if now.saturating_sub(self.used.load(Relaxed)) > 1000 {
            self.used.store(now, Relaxed);
        }
    }

    /// Whether a connection to this address still goes where the name leads. Nothing known is no reason to part.
    pub(crate) fn leads_to(&self, address: SocketAddr) -> bool {
        let matches = |entry: &Entry| {
            entry.address.ip() == address.ip() && (!self.srv || entry.address.port() == address.port())
        };
        self.found.load().as_ref().is_none_or(|found| found.entries.iter().any(matches))
    }

    /// The addresses, in no order. Asks for a look-up when they are not fresh, and waits for it: for `patience`
    /// when there are none, for a moment otherwise.
    ///
    /// # Errors
    /// Why there are none.
    pub(crate) async fn entries(
        self: &Arc<Self>,
        clock: &dyn Clock,
        attendant: &mpsc::UnboundedSender<Arc<Name>>,
        patience: Duration,
    ) -> io::Result<Vec<Entry>> {
        let now = clock.monotonic();
        self.touch(now);
        let mut found = self.found.load_full();
        if found.as_ref().is_none_or(|found| found.until <= now) {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.start() {
                // It ends with the proxy only.
                _ = attendant.send(self.clone());
            }
            let has_old = found.as_ref().is_some_and(|found| !found.entries.is_empty());
            let wait = if has_old { patience.min(REFRESH_WAIT) } else { patience };
            // Whether in time or not: what is known by then counts.
            _ = tokio::time::timeout(wait, changed).await;
            found = self.found.load_full();
        }
        match found {
            Some(found) if !found.entries.is_empty() => Ok(found.entries.clone()),
            Some(found) => {
                let why = found.error.as_deref().unwrap_or("it has no address");
                Err(io::Error::new(io::ErrorKind::NotFound, format!("its name cannot be resolved ({why})")))
            }
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "its name cannot be resolved (no name server answered in time)",
            )),
        }
    }

    /// Whether the caller is to look it up: nobody else does.
    pub(crate) fn start(&self) -> bool {
        !self.busy.swap(true, SeqCst)
    }

    /// Whether it is time to look it up, for requests that may come.
    pub(crate) fn is_due(&self, now: Duration, ahead: Duration) -> bool {
        let unused = now.saturating_sub(Duration::from_millis(self.used.load(Relaxed)));
        let used = self.used.load(Relaxed) > 0 && unused < UNUSED;
        used && self.found.load().as_ref().is_none_or(|found| found.until <= now + ahead)
    }

    /// A look-up that was [started](Name::start) has ended, with a time to live.
    pub(crate) fn finish(&self, result: Result<(Vec<Entry>, Duration), String>, now: Duration) {
        let before = self.found.load_full();
        let old = before.as_ref().map_or(&[][..], |found| &found.entries);
        let found = match result {
            Ok((mut entries, ttl)) => {
                entries.sort_unstable();
                entries.dedup();
                if entries != old {
                    self.generation.fetch_add(1, SeqCst);
                    tracing::debug!("{} stands for {entries:?}", self.text);
                }
                if before.as_ref().is_some_and(|found| found.error.is_some()) {
                    tracing::info!("the name {} can be resolved again", self.text);
                }
                Found { entries, until: now + ttl.clamp(MIN_TTL, MAX_TTL), error: None }
            }
            Err(error) => {
                if before.as_ref().is_none_or(|found| found.error.is_none()) {
                    let kept = if old.is_empty() { "" } else { "; its last good addresses are used" };
                    tracing::warn!("the name {} cannot be resolved: {error}{kept}", self.text);
                }
                Found { entries: old.to_vec(), until: now + RETRY, error: Some(error) }
            }
        };
        self.found.store(Some(Arc::new(found)));
        self.busy.store(false, SeqCst);
        self.changed.notify_waiters();
    }

    pub(crate) fn status(&self, clock: &dyn Clock) -> NameStatus {
        let found = self.found.load();
        let show = |entry: &Entry| match self.srv {
            true => entry.address.to_string(),
            false => entry.address.ip().to_string(),
        };
        NameStatus {
            addresses: found.iter().flat_map(|found| found.entries.iter().map(show)).collect(),
            fresh_s: found
                .as_ref()
                .map_or(0, |found| found.until.saturating_sub(clock.monotonic()).as_secs()),
            error: found.as_ref().and_then(|found| found.error.clone()),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// The order in which addresses are tried: by priority, then drawn by weight (RFC 2782), and the two address
/// families in turn, so that one that does not work costs one attempt (RFC 8305).
pub(crate) fn order(mut entries: Vec<Entry>, random: u64) -> Vec<SocketAddr> {
    let key = |entry: &Entry| {
        let bits = super::balance::mix(random ^ u64::from(entry.address.port()) ^ hash(entry.address));
        let unit = ((bits >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        // A weight of 0 is a very small one.
        -unit.ln() / (f64::from(entry.weight) + 1e-3)
    };
    entries.sort_by(|one, other| {
        one.priority.cmp(&other.priority).then_with(|| key(one).total_cmp(&key(other)))
    });
    let mut ordered = Vec::with_capacity(entries.len());
    for group in entries.chunk_by(|one, other| one.priority == other.priority) {
        let mut six = group.iter().filter(|entry| entry.address.is_ipv6());
        let mut four = group.iter().filter(|entry| entry.address.is_ipv4());
        loop {
            let before = ordered.len();
            ordered.extend(six.next().into_iter().chain(four.next()).map(|entry| entry.address));
            if ordered.len() == before {
                break;
            }
        }
    }
    ordered
}

fn hash(address: SocketAddr) -> u64 {
    match address.ip() {
        std::net::IpAddr::V4(ip) => u64::from(u32::from(ip)),
        std::net::IpAddr::V6(ip) => {
            let bits = u128::from(ip);
            super::balance::mix((bits >> 64) as u64) ^ bits as u64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(priority: u16, weight: u16, address: &str) -> Entry {
        Entry { priority, weight, address: address.parse().unwrap() }
    }

    #[test]
    fn addresses_are_ordered_by_priority_then_weight_with_the_families_in_turn() {
        let entries = vec![entry(2, 0, "10.0.0.3:1"), entry(1, 1, "10.0.0.1:1"), entry(1, 99, "10.0.0.2:1")];
        let first = (0..1000).filter(|random| {
            let ordered = order(entries.clone(), *random);
            assert_eq!(ordered[2], "10.0.0.3:1".parse().unwrap());
            ordered[0] == "10.0.0.2:1".parse().unwrap()
        });
        assert!((960..1000).contains(&first.count()));
        let mixed = vec![entry(0, 0, "10.0.0.1:0"), entry(0, 0, "10.0.0.2:0"), entry(0, 0, "[::1]:0")];
        let families: Vec<_> = order(mixed, 7).iter().map(SocketAddr::is_ipv6).collect();
        assert_eq!(families, [true, false, false]);
    }

    #[test]
    fn a_failed_look_up_keeps_the_last_good_addresses_and_times_to_live_are_bounded() {
        let name = Name::new("app.lan".into(), false);
        let second = Duration::from_secs;
        name.touch(second(100));
        assert!(name.is_due(second(100), Duration::ZERO) && name.start() && !name.start());
        name.finish(Ok((vec![entry(0, 0, "10.0.0.1:0")], second(0))), second(100));
        assert_eq!(name.generation(), 1);
        assert!(!name.is_due(second(100), Duration::ZERO) && name.is_due(second(101), Duration::ZERO));
        name.finish(Err("SERVFAIL".to_owned()), second(101));
        assert_eq!(name.generation(), 1);
        assert!(name.leads_to("10.0.0.1:80".parse().unwrap()));
        assert!(name.is_due(second(103), Duration::ZERO));
        name.finish(Ok((vec![entry(0, 0, "10.0.0.2:0")], second(3600))), second(103));
        assert!(!name.leads_to("10.0.0.1:80".parse().unwrap()));
        assert_eq!(name.generation(), 2);
        assert!(!name.is_due(second(162), Duration::ZERO) && name.is_due(second(163), Duration::ZERO));
        assert!(!name.is_due(second(100 + 300), Duration::ZERO), "nobody needs it");
    }
}
