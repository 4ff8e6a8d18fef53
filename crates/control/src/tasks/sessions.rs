//! Removes sessions whose time is over.

use std::time::Duration;
use store::{Store, sessions};
use tasks::{Outcome, Task};

/// Removes ended sessions.
#[derive(Debug)]
pub struct Sessions {
    /// Where they are stored.
    pub store: Store,
}

impl Task for Sessions {
    fn name(&self) -> &'static str {
        "remove ended sessions"
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn run(&mut self) -> Outcome {
        match sessions::prune(&self.store).await {
            Ok(count) => Outcome::Ok(format!("{count} ended sessions removed")),
            Err(error) => Outcome::Failing(
                format!("ended sessions could not be removed: {error}"),
                "see the problems of the database".to_owned(),
            ),
        }
    }
}
