//! Looks at the database every half minute: a table that was dropped, a disk that is full, a file that is gone.

use base::Problems;
use std::time::Duration;
use store::Store;
use tasks::{Outcome, Task};

/// Reports what is wrong with the database.
#[derive(Debug)]
pub struct Database {
    /// What is looked at.
    pub store: Store,
    /// The board; problems stand under `database`.
    pub problems: Problems,
}

impl Task for Database {
    fn name(&self) -> &'static str {
        "watch database"
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn run(&mut self) -> Outcome {
        let health = self.store.health().await;
        let (tables, missing) =
            (health.migrations.len(), health.migrations.values().filter(|there| !**there).count());
        let found = health.problems.len();
        self.problems.report("database", health.problems);
        Outcome::Ok(match (missing, found) {
            (0, 0) => format!("all {tables} tables are in place"),
            (missing, found) => format!("{found} problems; {missing} of {tables} tables are missing"),
        })
    }
}
