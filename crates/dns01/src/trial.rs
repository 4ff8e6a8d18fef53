//! Trying credentials: a harmless value is written where a proof would stand, looked for, and removed.

use crate::provider::{Provider, challenge_name};
use crate::{DnsError, Resolvers};
use base::Clock;
use std::time::Duration;

/// What came of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It worked.
    Done,
    /// It did not work.
    Failed,
    /// It cannot be told from here.
    Unclear,
    /// It was not tried, since one before it failed.
    Skipped,
}

/// One step of a trial.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrialStep {
    /// `find`, `write`, `look` or `remove`.
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// A sentence without a full stop.
    pub message: String,
    /// Why it did not work, as the provider's error.
    pub error: Option<DnsError>,
}

impl TrialStep {
    fn new(name: &'static str, outcome: Outcome, message: impl Into<String>) -> Self {
        Self { name, outcome, message: message.into(), error: None }
    }

    fn failed(name: &'static str, message: String, error: DnsError) -> Self {
        Self { error: Some(error), ..Self::new(name, Outcome::Failed, message) }
    }
}

/// Tries credentials for a zone: writes a harmless value beside others at `_acme-challenge.ZONE`, or where a CNAME
/// leads from there, looks for at most `limit` whether the servers of the zone show it, and removes it.
pub async fn test(
    provider: &dyn Provider,
    resolvers: &Resolvers,
    zone: &str,
    limit: Duration,
    clock: &dyn Clock,
) -> Vec<TrialStep> {
    let challenge = challenge_name(zone);
    // As long as a proof (43 characters of base64url): some providers take no other.
    let value = format!("charon-test{}", base::random::hex_token::<16>());
    let (record, find) = match resolvers.target(&challenge).await {
        Ok(target) if target == challenge => {
            let message = format!("the record is {challenge}; no CNAME leads elsewhere");
            (challenge, TrialStep::new("find", Outcome::Done, message))
        }
        Ok(target) => {
            let message = format!("the record is {target}: a CNAME leads there from {challenge}");
            (target, TrialStep::new("find", Outcome::Done, message))
        }
        Err(error) => {
            let message = format!("whether a CNAME leads elsewhere from {challenge} is not known: {error}");
            (challenge, TrialStep::new("find", Outcome::Unclear, message))
        }
    };
    let mut steps = vec![find];
    let handle = match provider.present(&record, &value).await {
        Ok(handle) => handle,
        Err(error) => {
            steps.push(TrialStep::failed("write", error.to_string(), error));
            let skipped = |name| TrialStep::new(name, Outcome::Skipped, "nothing was written");
            steps.extend([skipped("look"), skipped("remove")]);
            return steps;
        }
    };
    steps.push(TrialStep::new("write", Outcome::Done, "the provider has written a test value"));
    steps.push(look(resolvers, &record, &value, limit, clock).await);
    steps.push(match provider.remove(&handle).await {
        Ok(()) => TrialStep::new("remove", Outcome::Done, "the test value is removed"),
        Err(error) => {
            let message = format!("{error}; remove the value that begins with charon-test by hand");
            TrialStep::failed("remove", message, error)
        }
    });
    steps
}

async fn look(
    resolvers: &Resolvers,
    record: &str,
    value: &str,
    limit: Duration,
    clock: &dyn Clock,
) -> TrialStep {
    match resolvers.wait_for(record, value, limit, clock).await {
        Ok(seen) if seen.is_shown() => {
            let shown = seen.servers - seen.lacking.len();
            let message = format!("{shown} of {} servers of the zone show it", seen.servers);
            TrialStep::new("look", Outcome::Done, message)
        }
        Ok(seen) => {
            let lacking: Vec<String> = seen.lacking.iter().map(ToString::to_string).collect();
            let message = format!("not seen within {} s: {}", limit.as_secs(), lacking.join("; "));
            TrialStep::new("look", Outcome::Unclear, message)
        }
        Err(error) => {
            let error = match error {
                DnsError::ZoneNotFound { name, .. } => format!("nobody says which servers hold {name}"),
                error => error.to_string(),
            };
            let message = format!("the servers of the zone are not found: {error}");
            TrialStep::new("look", Outcome::Unclear, message)
        }
    }
}
