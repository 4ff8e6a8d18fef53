//! Slows down guessing: after ten wrong tries of one kind the next must wait, twice as long each time.
//!
//! Counts live in memory and are bounded. Accounts have a count of their own in the database, which survives a
//! restart; names without an account are counted here, so that they look the same from outside.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Wrong tries that are free.
pub(crate) const FREE: i64 = 10;
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// After so long without a try, a count starts anew.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);
const MOST_KEYS: usize = 20_000;

/// How long to wait after `failures` wrong tries in a row; zero while they are free.
pub(crate) fn wait_after(failures: i64) -> Duration {
    match failures - FREE {
        ..0 => Duration::ZERO,
        over => FIRST_WAIT.saturating_mul(1 << over.min(10)).min(LONGEST_WAIT),
    }
}

#[derive(Clone, Copy)]
struct Count {
    tries: i64,
    last: Duration,
    until: Duration,
}

/// The counts of all keys.
pub(crate) struct Throttle(Mutex<HashMap<String, Count>>);

impl Throttle {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Notes a try at the monotonic moment `now`, before its outcome is known: many at once count as many.
    /// `Err` says how long to wait; such a try does not count.
    pub(crate) fn enter(&self, key: &str, now: Duration) -> Result<(), Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !counts.contains_key(key) && counts.len() >= MOST_KEYS {
            make_room(&mut counts, now);
        }
        let count =
            counts.entry(key.to_owned()).or_insert(Count { tries: 0, last: now, until: Duration::ZERO });
        if now.saturating_sub(count.last) >= FORGOTTEN {
            *count = Count { tries: 0, last: now, until: Duration::ZERO };
        }
        if now < count.until {
            return Err(count.until.saturating_sub(now));
        }
        count.tries += 1;
        count.last = now;
        count.until = match wait_after(count.tries) {
            Duration::ZERO => Duration::ZERO,
            wait => now.saturating_add(wait),
        };
        Ok(())
    }

    /// The try went well: the count starts anew.
    pub(crate) fn forget(&self, key: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Removes what is forgotten, and when that is not enough the older half.
fn make_room(counts: &mut HashMap<String, Count>, now: Duration) {
    counts.retain(|_, count| now.saturating_sub(count.last) < FORGOTTEN);
    if counts.len() >= MOST_KEYS {
        let mut moments: Vec<Duration> = counts.values().map(|count| count.last).collect();
        let (_, middle, _) = moments.select_nth_unstable(MOST_KEYS / 2);
        let middle = *middle;
        counts.retain(|_, count| count.last > middle);
    }
}

/// The key of a client: its address, or the /64 network of an IPv6 address, which one customer owns as a whole.
pub(crate) fn client(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("ip:{address}"),
        IpAddr::V6(address) => format!("ip:{:x}", address.to_bits() >> 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    #[test]
    fn ten_tries_are_free_and_then_each_wait_is_twice_as_long() {
        let throttle = Throttle::new();
        for _ in 0..10 {
            assert_eq!(throttle.enter("a", START), Ok(()));
        }
        assert_eq!(throttle.enter("a", START), Err(Duration::from_secs(30)));
        assert_eq!(throttle.enter("b", START), Ok(()));
        let later = START + Duration::from_secs(30);
        assert_eq!(throttle.enter("a", later), Ok(()));
        assert_eq!(throttle.enter("a", later), Err(Duration::from_secs(60)));
        assert_eq!(wait_after(1_000), LONGEST_WAIT);
        throttle.forget("a");
        assert_eq!(throttle.enter("a", later), Ok(()));
    }

    #[test]
    fn the_table_stays_bounded_when_every_try_has_another_key() {
        let throttle = Throttle::new();
        for number in 0..3 * MOST_KEYS as u64 {
            _ = throttle.enter(&number.to_string(), START + Duration::from_millis(number));
        }
        assert!(throttle.0.lock().unwrap().len() <= MOST_KEYS);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let key = |text: &str| client(text.parse().unwrap());
        assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:1"));
        assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
        assert_eq!(key("::ffff:10.0.0.1"), key("10.0.0.1"));
    }
}
