//! Removes what has had its time, so that nothing grows for ever: ended sessions, and old entries of the audit.

use base::Clock;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, security_audits, sessions};
use tasks::{Outcome, Task};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Anybody can cause these, so they go first.
const REFUSED_LOGINS: Duration = Duration::from_secs(30 * DAY.as_secs());
/// Everything that people did.
const AUDIT: Duration = Duration::from_secs(2 * 365 * DAY.as_secs());
/// The most refused logins that are kept: a flood of them must not fill the disk before its time is over.
const MOST_REFUSED_LOGINS: u64 = 10_000;

/// Removes old records.
#[derive(Debug)]
pub struct Retention {
    /// Where they are stored.
    pub store: Store,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Retention {
    async fn remove(&self) -> Result<(u64, u64), store::Error> {
        let now = self.clock.now();
        let sessions = sessions::prune(&self.store).await?;
        let keep = security_audits::Keep {
            refused_logins_since: now.minus(REFUSED_LOGINS),
            most_refused_logins: MOST_REFUSED_LOGINS,
            since: now.minus(AUDIT),
        };
        Ok((sessions, security_audits::prune(&self.store, &keep).await?))
    }
}

impl Task for Retention {
    fn name(&self) -> &'static str {
        "remove old records"
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn run(&mut self) -> Outcome {
        match self.remove().await {
            Ok((sessions, entries)) => {
                Outcome::Ok(format!("{sessions} ended sessions and {entries} old audit entries removed"))
            }
            Err(error) => Outcome::Failing(
                format!("old records could not be removed: {error}"),
                "see the problems of the database".to_owned(),
            ),
        }
    }
}
