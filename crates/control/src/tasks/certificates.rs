//! Watches the time of certificates that nobody renews by itself.

use base::{Clock, Code, Problem, Problems};
use certs::Validity;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, ssl_certificates};
use tasks::{Outcome, Task};

/// Reports certificates that end soon, have ended, or have not begun.
#[derive(Debug)]
pub struct Certificates {
    /// Where rows come from.
    pub store: Store,
    /// The board; they stand under `certificates`.
    pub problems: Problems,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Task for Certificates {
    fn name(&self) -> &'static str {
        "watch certificates"
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(3600)
    }

    async fn run(&mut self) -> Outcome {
        let rows = match ssl_certificates::unattended(&self.store).await {
            Ok(rows) => rows,
            Err(error) => {
                let message = format!("the certificates could not be looked at: {error}");
                return Outcome::Failing(message, "see the problems of the database".to_owned());
            }
        };
        let now = self.clock.now();
        let mut problems = Vec::new();
        for (name, start, end) in &rows {
            let (Some(start), Some(end)) = (*start, *end) else { continue };
            let (code, what) = match certs::validity(start, end, now) {
                Validity::Expired => (Code::CertificateExpired, format!("ended on {end}")),
                Validity::Expiring => (Code::CertificateExpiring, format!("ends on {end}")),
                Validity::NotYet => (Code::CertificateUnusable, format!("is good only from {start} on")),
                Validity::Valid => continue,
            };
            let remedy = match code {
                Code::CertificateUnusable => "upload one that is good now, or set the clock of this machine",
                _ => "upload its successor",
            };
            problems.push(
                Problem::new(code, format!("the certificate {name} {what}"), remedy)
                    .about(format!("certificate {name}"))
                    .link("/certificates"),
            );
        }
        let (all, due) = (rows.len(), problems.len());
        self.problems.report("certificates", problems);
        let noun = if all == 1 { "certificate" } else { "certificates" };
        Outcome::Ok(format!("{all} {noun} watched, {due} end soon, have ended or have not begun"))
    }
}
