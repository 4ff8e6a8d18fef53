//! Whether a certificate is valid at a moment, and when it is due for renewal: pure functions of `now`.

use base::Timestamp;
use std::time::Duration;

/// Days before its end when a certificate that nobody renews counts as expiring.
const WARNING: Duration = Duration::from_secs(30 * 24 * 3600);

/// State of a certificate at a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Validity {
    /// Its time has not come yet.
    NotYet,
    /// It is valid for longer than the warning time.
    Valid,
    /// It is valid, but ends within 30 days, or within a third of its life when that is shorter.
    Expiring,
    /// Its time is over.
    Expired,
}

/// The state at `now` of a certificate that is valid from `not_before` until `expires_at`.
pub fn validity(not_before: Timestamp, expires_at: Timestamp, now: Timestamp) -> Validity {
    let warning = WARNING.min(expires_at.since(not_before) / 3);
    if now < not_before {
        Validity::NotYet
    } else if now >= expires_at {
        Validity::Expired
    } else if now >= expires_at.minus(warning) {
        Validity::Expiring
    } else {
        Validity::Valid
    }
}

/// Whether a certificate should be renewed at `now`: after two thirds of its life, or when it was made by a clock that
/// was ahead, so that its time has not come.
pub fn renewal_due(not_before: Timestamp, expires_at: Timestamp, now: Timestamp) -> bool {
    now < not_before || now >= expires_at.minus(expires_at.since(not_before) / 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3_600_000;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(day * DAY)
    }

    #[test]
    fn the_state_changes_at_its_borders() {
        for (day, state) in [
            (0, Validity::NotYet),
            (1, Validity::Valid),
            (60, Validity::Valid),
            (61, Validity::Expiring),
            (90, Validity::Expiring),
            (91, Validity::Expired),
        ] {
            assert_eq!(validity(at(1), at(91), at(day)), state, "day {day}");
        }
    }

    #[test]
    fn a_short_certificate_is_not_expiring_from_its_first_minute() {
        assert_eq!(validity(at(0), at(6), at(1)), Validity::Valid);
        assert_eq!(validity(at(0), at(6), at(4)), Validity::Expiring);
    }

    #[test]
    fn renewal_is_due_after_two_thirds_and_before_the_time_has_come() {
        assert!(renewal_due(at(10), at(100), at(9)));
        assert!(!renewal_due(at(0), at(90), at(59)));
        assert!(renewal_due(at(0), at(90), at(60)));
    }
}
