//! When a certificate of a public authority is renewed, and when an attempt that failed is repeated: pure functions
//! of the moment, so that a restart or a jump of the clock changes nothing.

use base::Timestamp;
use sha2::{Digest, Sha256};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// Failed validations of one name within an hour; Let's Encrypt refuses further ones.
pub const VALIDATIONS_PER_HOUR: usize = 5;
/// Orders that one account begins within three hours; Let's Encrypt takes 300.
pub const ORDERS_PER_THREE_HOURS: usize = 250;

/// Why an attempt failed, as far as it matters for the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setback {
    /// The authority did not answer, or did not work: nothing counts there.
    Unreachable,
    /// The authority looked and refused: it counts there, and repeating it soon helps nobody.
    Refused,
    /// The authority wants to be left alone, for this long when it says so.
    RateLimited(Option<Duration>),
}

/// When the certificate of `name` is renewed: at two thirds of its life, less up to a twelfth of it that depends on
/// the name, so that those that were issued together are not renewed together.
pub fn renewal_time(not_before: Timestamp, expires_at: Timestamp, name: &str) -> Timestamp {
    let life = expires_at.since(not_before);
    expires_at.minus(life / 3).minus(share(life / 12, name))
}

/// When the certificate of `name` is renewed where its authority has named a window (RFC 9773, section 4.2): at a
/// moment in it that depends on the name.
pub fn renewal_within(start: Timestamp, end: Timestamp, name: &str) -> Timestamp {
    start.plus(share(end.since(start), name))
}

/// No attempt is planned further ahead than this: the longest wait of an authority that is kept to, and its spread.
pub const LONGEST_WAIT: Duration = Duration::from_secs(9 * 24 * 3600);

/// When the next attempt for `name` may be made, after so many `failures` in a row of which the last was `at`.
pub fn retry_time(setback: Setback, failures: u32, at: Timestamp, name: &str) -> Timestamp {
    let times = failures.saturating_sub(1).min(16);
    let wait = match setback {
        Setback::Unreachable => HOUR.min(10 * Duration::from_secs(1) * 2_u32.saturating_pow(times)),
        Setback::Refused => (12 * HOUR).min(5 * MINUTE * 3_u32.saturating_pow(times)),
        Setback::RateLimited(Some(wait)) => wait.clamp(MINUTE, 7 * 24 * HOUR),
        Setback::RateLimited(None) => (24 * HOUR).min(HOUR * 2_u32.saturating_pow(times)),
    };
    at.plus(wait).plus(share(wait / 4, &format!("{failures} {name}")))
}

/// The first moment from `now` on at which a further validation may fail without more than
/// [`VALIDATIONS_PER_HOUR`], after those that `failed` for a name.
pub fn validation_time(failed: &[Timestamp], now: Timestamp) -> Timestamp {
    // Moments of the future are of a clock that was ahead.
    let mut recent: Vec<Timestamp> =
        failed.iter().copied().filter(|at| *at <= now && now.since(*at) < HOUR).collect();
    recent.sort_unstable();
    match recent.len().checked_sub(VALIDATIONS_PER_HOUR) {
        Some(first) => recent[first].plus(HOUR),
        None => now,
    }
}

/// How many orders may begin at `now`, after those that were `begun`.
pub fn order_room(begun: &[Timestamp], now: Timestamp) -> usize {
    let recent = begun.iter().filter(|at| **at <= now && now.since(**at) < 3 * HOUR).count();
    ORDERS_PER_THREE_HOURS.saturating_sub(recent)
}

/// A part of `whole` that depends on `name` alone.
fn share(whole: Duration, name: &str) -> Duration {
    let digest = Sha256::digest(name.as_bytes());
    let part = u32::from(digest[0]) << 8 | u32::from(digest[1]);
    whole / 0x1_0000 * part
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_764_961_382_000);

    #[test]
    fn renewal_falls_between_seven_twelfths_and_two_thirds_of_any_life() {
        for life in [5 * MINUTE, 6 * 24 * HOUR, 64 * 24 * HOUR, 90 * 24 * HOUR] {
            let mut moments = std::collections::BTreeSet::new();
            for number in 0..200 {
                let at = renewal_time(START, START.plus(life), &format!("host-{number}.example.com"));
                assert!(at >= START.plus(life / 12 * 7), "{life:?}");
                assert!(at <= START.plus(life / 3 * 2), "{life:?}");
                moments.insert(at);
            }
            assert!(moments.len() > 150, "they are spread: {}", moments.len());
        }
        let (one, again) =
            (renewal_time(START, START.plus(HOUR), "a"), renewal_time(START, START.plus(HOUR), "a"));
        assert_eq!(one, again, "a restart does not move it");
    }

    #[test]
    fn a_window_of_the_authority_is_kept_to() {
        let end = START.plus(48 * HOUR);
        for name in ["a.example.com", "b.example.com", "c.example.com"] {
            let at = renewal_within(START, end, name);
            assert!(START <= at && at <= end);
        }
        assert_eq!(
            renewal_within(START, START.minus(HOUR), "a"),
            START,
            "a window that ends before it begins"
        );
    }

    #[test]
    fn waits_grow_to_their_limit_and_have_a_spread_of_a_quarter() {
        for (setback, failures, least) in [
            (Setback::Unreachable, 1, Duration::from_secs(10)),
            (Setback::Unreachable, 3, Duration::from_secs(40)),
            (Setback::Unreachable, u32::MAX, HOUR),
            (Setback::Refused, 1, 5 * MINUTE),
            (Setback::Refused, 2, 15 * MINUTE),
            (Setback::Refused, 40, 12 * HOUR),
            (Setback::RateLimited(None), 1, HOUR),
            (Setback::RateLimited(Some(Duration::ZERO)), 9, MINUTE),
            (Setback::RateLimited(Some(2 * HOUR)), 9, 2 * HOUR),
        ] {
            let wait = retry_time(setback, failures, START, "a.example.com").since(START);
            assert!(least <= wait && wait <= least + least / 4, "{setback:?} {failures}: {wait:?}");
        }
    }

    #[test]
    fn a_name_fails_at_most_five_times_an_hour() {
        let mut failed = Vec::new();
        let mut now = START;
        for _ in 0..50 {
            now = validation_time(&failed, now);
            failed.push(now);
            now = now.plus(Duration::from_secs(1));
        }
        for window in failed.windows(VALIDATIONS_PER_HOUR + 1) {
            assert!(window[VALIDATIONS_PER_HOUR].since(window[0]) >= HOUR);
        }
        // A clock that was set back forgets what has not happened yet, and nothing overflows.
        assert_eq!(validation_time(&failed, START.minus(HOUR)), START.minus(HOUR));
    }

    #[test]
    fn orders_of_three_hours_are_counted() {
        let begun = vec![START; ORDERS_PER_THREE_HOURS - 1];
        assert_eq!(order_room(&begun, START.plus(MINUTE)), 1);
        assert_eq!(order_room(&begun, START.plus(3 * HOUR)), ORDERS_PER_THREE_HOURS);
    }
}
