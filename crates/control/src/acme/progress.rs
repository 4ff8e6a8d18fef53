//! How an attempt is told while it goes on.

use acme::{Answer, Challenge, Error, Kind};
use base::Timestamp;
use certs::Setback;
use store::acme_orders::{KeptAnswer, Phase, Progress, Step};

/// So many moments of failed validations are remembered: what counts within an hour.
const REMEMBERED: usize = certs::VALIDATIONS_PER_HOUR;

/// Another phase, from now on.
pub(super) fn enter(progress: &mut Progress, phase: Phase, now: Timestamp) {
    if progress.phase != phase {
        progress.phase = phase;
        progress.since = Some(now);
    }
}

/// A step begins; those before it have ended well.
pub(super) fn step(progress: &mut Progress, name: &str, message: impl Into<String>, now: Timestamp) {
    let message = message.into();
    for before in &mut progress.steps {
        before.done |= before.name != name;
    }
    match progress.steps.iter_mut().find(|step| step.name == name) {
        Some(known) => known.message = message,
        None => progress.steps.push(Step { name: name.to_owned(), at: now, message, done: false }),
    }
}

/// A step that has ended already, beside what else there is.
pub(super) fn end(progress: &mut Progress, name: &str, message: &str, now: Timestamp) {
    progress.steps.retain(|step| step.name != name);
    progress.steps.push(Step { name: name.to_owned(), at: now, message: message.to_owned(), done: true });
}

/// Nothing is tried until a person has done something.
pub(super) fn hold(progress: &mut Progress, message: &str, remedy: &str, now: Timestamp) {
    enter(progress, Phase::Held, now);
    message.clone_into(&mut progress.message);
    remedy.clone_into(&mut progress.remedy);
    progress.next_at = None;
}

/// An attempt has failed; says when the next one is.
pub(super) fn fail(progress: &mut Progress, error: &Error, name: &str, now: Timestamp) {
    enter(progress, Phase::Failing, now);
    progress.failures = progress.failures.saturating_add(1);
    progress.message.clone_from(&error.message);
    error.remedy.clone_into(&mut progress.remedy);
    let setback = match error.kind {
        Kind::Unreachable | Kind::NoAccount | Kind::NoOrder => Setback::Unreachable,
        Kind::RateLimited(wait) => Setback::RateLimited(wait),
        Kind::Refused | Kind::Setting => Setback::Refused,
    };
    progress.next_at = Some(certs::retry_time(setback, progress.failures, now, name));
}

/// The authority has looked at a name and not found the proof.
pub(super) fn validation_failed(progress: &mut Progress, now: Timestamp) {
    progress.failed_at.push(now);
    let first = progress.failed_at.len().saturating_sub(REMEMBERED);
    progress.failed_at.drain(..first);
}

/// The answer to a challenge that is given from now on, kept for the next start. Answers by DNS stand in the zone.
pub(super) fn keep(progress: &mut Progress, name: &str, answer: &Answer) {
    let kept = KeptAnswer {
        challenge: answer.challenge.name().to_owned(),
        name: name.to_owned(),
        token: answer.token.clone(),
        key_authorization: answer.key_authorization.clone(),
    };
    if answer.challenge != Challenge::Dns01 && !progress.answers.contains(&kept) {
        progress.answers.push(kept);
    }
}

/// The order that was open is over.
pub(super) fn close(progress: &mut Progress) {
    progress.order_url.clear();
    progress.answers.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_end_when_the_next_begins_and_a_failure_says_when_it_is_tried_again() {
        let now = Timestamp::from_millis(1_764_961_382_000);
        let mut progress = Progress::default();
        step(&mut progress, "account", "opens the account", now);
        step(&mut progress, "order", "asks", now);
        step(&mut progress, "order", "was asked", now);
        let seen: Vec<_> = progress.steps.iter().map(|step| (step.message.as_str(), step.done)).collect();
        assert_eq!(seen, [("opens the account", true), ("was asked", false)]);
        let error = Error { kind: Kind::Refused, message: "no".to_owned(), remedy: "do" };
        fail(&mut progress, &error, "a", now);
        assert_eq!((progress.phase, progress.failures, progress.message.as_str()), (Phase::Failing, 1, "no"));
        assert!(progress.next_at.unwrap() > now);
        for number in 0..20 {
            validation_failed(&mut progress, Timestamp::from_millis(number));
        }
        assert_eq!(progress.failed_at.len(), REMEMBERED);
        assert_eq!(progress.failed_at[0].millis(), 15);
    }
}
