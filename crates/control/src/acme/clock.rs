//! Whether this machine's clock agrees with the authority's: without that, certificates seem to have ended, or not to
//! have begun, and nobody would know why.

use acme::{Directory, Elsewhere};
use base::{Clock, Code, Problem, Timestamp};
use std::time::Duration;
use store::acme_settings::Authority;

/// A clock that differs by less is right enough.
pub(super) const TOLERANCE: Duration = Duration::from_secs(3600);
/// How often the authority is asked what time it is: usually, and while the two disagree.
const REST: (Duration, Duration) = (Duration::from_secs(6 * 3600), Duration::from_secs(60));

const REMEDY: &str = "set the clock of this machine (timedatectl set-ntp true); a machine without a battery for it is wrong \
                      after each start until it has asked a time server";

/// What is known of the two clocks.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    /// When the authority was asked last, by the clock that nobody sets, and by how much the other one was ahead of it.
    asked: Option<(Duration, i64)>,
    problem: Option<Problem>,
}

impl Clocks {
    /// Asks the authority when it is time to, at once after a step of the clock, and says what is wrong.
    pub(super) async fn compare(&mut self, authority: &Authority, clock: &dyn Clock) -> Option<Problem> {
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let ahead = now.millis().saturating_sub(i64::try_from(monotonic.as_millis()).unwrap_or(i64::MAX));
        let rest = if self.problem.is_some() { REST.1 } else { REST.0 };
        let is_due = self.asked.is_none_or(|(at, before)| {
            monotonic.saturating_sub(at) >= rest
                || u128::from(ahead.abs_diff(before)) > (TOLERANCE / 2).as_millis()
        });
        if !is_due {
            return self.problem.clone();
        }
        self.asked = Some((monotonic, ahead));
        let roots_pem = Some(authority.roots_pem.clone()).filter(|pem| !pem.trim().is_empty());
        let there = acme::clock(&Directory { url: authority.directory.clone(), roots_pem }).await;
        // Asked now: the answer may have taken a while.
        self.problem = wrong(there.as_ref(), clock.now());
        self.problem.clone()
    }
}

/// What is wrong when the authority says this. One that cannot be asked says nothing.
fn wrong(there: Option<&Elsewhere>, now: Timestamp) -> Option<Problem> {
    let message = match there? {
        Elsewhere::Says(there) if differs(*there, now) => {
            format!("the clock of this machine is wrong: it says {now}, and the authority's {there}")
        }
        Elsewhere::Says(_) => return None,
        Elsewhere::NotNow(reason) => {
            format!("the clock of this machine may be wrong, it says {now}: of the authority, {reason}")
        }
    };
    Some(Problem::new(Code::ClockWrong, message, REMEDY).about("clock").link("/certificates"))
}

/// Whether these two moments are too far apart to be the same.
pub(super) fn differs(there: Timestamp, here: Timestamp) -> bool {
    there.since(here).max(here.since(there)) > TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_when_it_differs_by_more_than_an_hour_either_way_and_not_when_nobody_can_say() {
        let now = Timestamp::from_millis(1_764_961_382_000);
        let day = Duration::from_secs(86_400);
        for (there, is_wrong) in [
            (None, false),
            (Some(Elsewhere::Says(now.plus(TOLERANCE))), false),
            (Some(Elsewhere::Says(now.minus(TOLERANCE))), false),
            (Some(Elsewhere::Says(now.plus(day))), true),
            (Some(Elsewhere::Says(now.minus(day))), true),
            (Some(Elsewhere::NotNow("its certificate has expired".to_owned())), true),
        ] {
            assert_eq!(wrong(there.as_ref(), now).is_some(), is_wrong, "{there:?}");
        }
    }
}
