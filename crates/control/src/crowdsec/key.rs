//! Charon's key at LAPI, when somebody revoked it there (`cscli bouncers delete`): a new one is made after a while,
//! and later and later when that does not help.

use super::fault::{Fault, blocking};
use super::state::CrowdSec;
use base::{Code, Problem};
use crowdsec::{Access, Lapi};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// From the first refusal to a new key: long enough to be seen, and for LAPI to come to itself.
const FIRST: Duration = Duration::from_secs(10);
/// The longest wait between two new keys.
const LONGEST: Duration = Duration::from_secs(3600);

/// What was done about refusals.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    /// Since when the key has been refused, monotonic; `None` while it is taken.
    refused: Option<Duration>,
    /// When a new one was made last, monotonic.
    made: Option<Duration>,
    /// How many were made, each refused within [`LONGEST`].
    count: u32,
}

impl Renewal {
    /// How long to wait from `now` on until a new key is to be made; zero when it is time. `None` while the key is
    /// taken.
    fn wait(&mut self, refused: bool, now: Duration) -> Option<Duration> {
        if !refused {
            self.refused = None;
            return None;
        }
        // The last new key was taken for long: what has happened now is another thing.
        if self.refused.is_none() && self.made.is_some_and(|made| now.saturating_sub(made) > LONGEST) {
            self.count = 0;
        }
        let since = *self.refused.get_or_insert(now);
        let pause = |made: Duration| {
            let pause = FIRST * (1_u32 << self.count.min(9));
            made + pause.min(LONGEST)
        };
        let due =
            self.made.filter(|_| self.count > 0).map_or(since + FIRST, |made| pause(made).max(since + FIRST));
        Some(due.saturating_sub(now))
    }

    fn was_made(&mut self, now: Duration) {
        (self.made, self.refused) = (Some(now), None);
        self.count = self.count.saturating_add(1);
    }

    /// Looks whether the key is refused, says so, and makes another one when it is time. Returns how long to wait
    /// until it is, the problem, and the key when one was made.
    pub(super) async fn look(&mut self, shared: &CrowdSec) -> (Option<Duration>, Vec<Problem>) {
        let refused = shared.refused.load(Ordering::Relaxed);
        let Some(wait) = self.wait(refused, shared.clock.monotonic()) else { return (None, Vec::new()) };
        let error = shared.state().pulled.error.unwrap_or_else(|| "its key is not known".to_owned());
        let now = shared.clock.now();
        shared.tell(|state| {
            state.proof.broken = Some(("pull", format!("{error}: Charon's key was revoked there")));
            state.proof.broken_since = state.proof.broken_since.or(Some(now));
        });
        let problem = |what: String| {
            let message = format!("CrowdSec does not let Charon pull decisions: {error}; {what}");
            let remedy = "nothing is to be done unless it stays: then see who runs  cscli bouncers delete , and switch \
                          CrowdSec off and on";
            vec![Problem::new(Code::CrowdSecUnproven, message, remedy).link("/security")]
        };
        if !wait.is_zero() {
            let again = if self.count > 0 { "another" } else { "a" };
            return (Some(wait), problem(format!("{again} new key is made in {} s", wait.as_secs() + 1)));
        }
        let made = renew(shared).await;
        self.was_made(shared.clock.monotonic());
        match made {
            Ok(()) => {
                tracing::warn!(
                    "LAPI has refused Charon's key, which somebody revoked there: a new one was made ({error})"
                );
                shared.refused.store(false, Ordering::Relaxed);
                shared.enforce.call();
                shared.prove.call();
                (None, Vec::new())
            }
            Err(Fault { message, .. }) => {
                tracing::warn!("LAPI refuses Charon's key, and a new one cannot be made: {message}");
                (Some(FIRST), problem(format!("a new key cannot be made: {message}")))
            }
        }
    }
}

async fn renew(shared: &CrowdSec) -> Result<(), Fault> {
    let (place, program) = (shared.place.clone(), shared.program.clone());
    let work = move || {
        let installed =
            crowdsec::find(program.as_deref()).map_err(|lacks| Fault::new(lacks.what, lacks.remedy))?;
        crowdsec::renew_key(&place, &installed).map_err(Fault::from)
    };
    let key = blocking(work).await??;
    if let Some(lapi) = shared.lapi() {
        let access = Access { key: Some(key), ..lapi.access().clone() };
        shared.set_lapi(Some(Lapi::new(access)?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_is_renewed_after_a_while_and_ever_more_seldom() {
        let at = Duration::from_secs;
        let mut renewal = Renewal::default();
        assert_eq!(renewal.wait(false, at(0)), None);
        assert_eq!(renewal.wait(true, at(100)), Some(FIRST));
        assert_eq!(renewal.wait(false, at(105)), None, "LAPI took it again");
        assert_eq!(renewal.wait(true, at(200)), Some(FIRST));
        assert_eq!(renewal.wait(true, at(210)), Some(Duration::ZERO));
        let (mut now, mut made) = (at(210), 0);
        // Whoever revokes each new key at once gets ten in the first hour or so, and one an hour after it.
        let end = now + at(24 * 3600);
        while now < end {
            match renewal.wait(true, now) {
                Some(Duration::ZERO) => {
                    renewal.was_made(now);
                    made += 1;
                }
                Some(wait) => now += wait,
                None => unreachable!(),
            }
        }
        assert!((24..40).contains(&made), "{made} in a day");
        assert_eq!(renewal.wait(false, now), None);
        // Much later it begins with short waits again.
        let now = now + 2 * LONGEST;
        assert_eq!(renewal.wait(true, now), Some(FIRST));
    }
}
