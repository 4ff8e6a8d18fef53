//! Watches the data plane itself: what should never happen there is told.

use base::{Code, Problem, Problems};
use std::sync::Arc;
use std::time::Duration;
use tasks::{Outcome, Task};

/// Reports requests that ended by a fault of Charon.
#[derive(Debug)]
pub struct DataPlane {
    /// What is watched.
    pub proxy: Arc<proxy::Proxy>,
    /// The board; problems stand under `data plane`.
    pub problems: Problems,
}

impl Task for DataPlane {
    fn name(&self) -> &'static str {
        "watch data plane"
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(5)
    }

    async fn run(&mut self) -> Outcome {
        let panics = self.proxy.stats().panics;
        let mut problems = Vec::new();
        if panics > 0 {
            let message = format!(
                "{panics} requests since the start ended by a fault of Charon; the others were not touched"
            );
            let remedy =
                "please report it with the lines of the log that say 'panicked'; a restart clears this note";
            problems.push(Problem::new(Code::RequestPanicked, message, remedy).link("/logs"));
        }
        self.problems.report("data plane", problems);
        Outcome::Ok(format!("{panics} panics since the start"))
    }
}
