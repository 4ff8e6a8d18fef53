//! Watches the writing of the access log: a full disk or a slow one costs lines, never requests, and is told.

use base::{Code, Problem, Problems};
use std::sync::Arc;
use std::time::Duration;
use tasks::{Outcome, Task};

/// Reports when lines of the access log are lost.
#[derive(Debug)]
pub struct AccessLog {
    /// Whose log it is.
    pub proxy: Arc<proxy::Proxy>,
    /// The board; problems stand under `access log`.
    pub problems: Problems,
    /// Lines that were lost when it was looked at last.
    pub dropped: u64,
}

impl Task for AccessLog {
    fn name(&self) -> &'static str {
        "watch access log"
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(10)
    }

    async fn run(&mut self) -> Outcome {
        let status = self.proxy.log_status();
        let mut problems = Vec::new();
        if let Some(error) = &status.error {
            let message = format!("the access log cannot be written: {error}");
            problems.push(
                Problem::new(
                    Code::AccessLogUnwritable,
                    message,
                    "check space and permissions of the folder logs in the data folder",
                )
                .link("/system"),
            );
        }
        let lost = status.dropped.saturating_sub(self.dropped);
        self.dropped = status.dropped;
        if lost > 0 {
            let message =
                format!("{lost} lines of the access log were lost in the last ten seconds; no request was");
            problems.push(
                Problem::new(Code::AccessLogDropping, message, "give the data folder a faster disk")
                    .link("/system"),
            );
        }
        self.problems.report("access log", problems);
        Outcome::Ok(format!("{} lines written, {} lost since the start", status.written, status.dropped))
    }
}
