//! Watches the time of certificates that nobody renews by itself.

use base::{Clock, Code, Problem, Problems, Timestamp};
use certs::Validity;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::ssl_certificates::Unattended;
use store::{Error, Store, Touched, ssl_certificates};
use tasks::{Outcome, Task};

/// How often they are looked at without a reason, and then all of them are read.
const REST: Duration = Duration::from_secs(3600);

/// Reports certificates that end soon, have ended, or have not begun.
#[derive(Debug)]
pub struct Certificates {
    store: Store,
    problems: Problems,
    clock: Arc<dyn Clock>,
    held: BTreeMap<String, Unattended>,
    /// Up to which change they are known, and when all were read, by the clock that nobody sets.
    seen: Option<(u64, Duration)>,
}

impl Certificates {
    /// Nothing is known yet. The problems stand under `certificates`.
    pub fn new(store: Store, problems: Problems, clock: Arc<dyn Clock>) -> Self {
        Self { store, problems, clock, held: BTreeMap::new(), seen: None }
    }

    /// Reads what may have changed: there may be ten thousand others.
    async fn refresh(&mut self) -> Result<(), Error> {
        let now = self.clock.monotonic();
        let seen = self.seen.take().filter(|(_, all)| now.saturating_sub(*all) < REST);
        // Read before the rows: they may be newer, never older.
        let change = self.store.change_number().await?;
        let touched = seen.map_or(Touched::Everything, |(seen, _)| self.store.touched(seen, change));
        let all = match (seen, touched) {
            (Some((_, all)), Touched::Rows { certificates, .. }) => {
                if !certificates.is_empty() {
                    let found = ssl_certificates::unattended(&self.store, Some(&certificates)).await?;
                    self.held.retain(|uuid, _| !certificates.contains(uuid));
                    self.held.extend(found.into_iter().map(|row| (row.uuid.clone(), row)));
                }
                all
            }
            _ => {
                let found = ssl_certificates::unattended(&self.store, None).await?;
                self.held = found.into_iter().map(|row| (row.uuid.clone(), row)).collect();
                now
            }
        };
        self.seen = Some((change, all));
        Ok(())
    }
}

impl Task for Certificates {
    fn name(&self) -> &'static str {
        "watch certificates"
    }

    fn interval(&self) -> Duration {
        REST
    }

    async fn run(&mut self) -> Outcome {
        if let Err(error) = self.refresh().await {
            let message = format!("the certificates could not be looked at: {error}");
            return Outcome::Failing(message, "see the problems of the database".to_owned());
        }
        let now = self.clock.now();
        let mut problems: Vec<Problem> = self.held.values().filter_map(|row| problem(row, now)).collect();
        problems.sort_by(|one, other| one.subject.cmp(&other.subject));
        let (all, due) = (self.held.len(), problems.len());
        self.problems.report("certificates", problems);
        let noun = if all == 1 { "certificate" } else { "certificates" };
        Outcome::Ok(format!("{all} {noun} watched, {due} end soon, have ended or have not begun"))
    }
}

fn problem(row: &Unattended, now: Timestamp) -> Option<Problem> {
    let (start, end) = row.not_before.zip(row.expires_at)?;
    let (code, what) = match certs::validity(start, end, now) {
        Validity::Expired => (Code::CertificateExpired, format!("ended on {end}")),
        Validity::Expiring => (Code::CertificateExpiring, format!("ends on {end}")),
        Validity::NotYet => (Code::CertificateUnusable, format!("is good only from {start} on")),
        Validity::Valid => return None,
    };
    let remedy = match code {
        Code::CertificateUnusable => "upload one that is good now, or set the clock of this machine",
        _ => "upload its successor",
    };
    let problem = Problem::new(code, format!("the certificate {} {what}", row.name), remedy);
    Some(problem.about(format!("certificate {}", row.name)).link("/certificates"))
}
