//! Rehearsals of automatic certificates: whether the next one will be issued, found out before it is needed. Gathers
//! what an authority would see, and has the crate `rehearsal` judge it.

mod doors;
mod gather;
mod own;
mod task;

pub use doors::Ports;
pub use task::{Checks, Rehearse};

use self::own::Own;
use crate::dns::Dns;
use base::Clock;
use futures_util::StreamExt;
use rehearsal::Report;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Store;
use store::certificate_checks::{self, CertificateCheck};
use tasks::Wake;

/// Names that are looked at side by side.
const AT_ONCE: usize = 8;
/// So long somebody waits: a little less than the API does.
const PATIENCE: Duration = Duration::from_secs(25);

/// Held while a DNS provider is tried.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// What rehearsals are made with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    store: Store,
    own: Own,
    dns: Dns,
    clock: Arc<dyn Clock>,
    ports: Ports,
    /// Who tries a DNS provider, by the public id of its credentials.
    turns: Arc<Mutex<HashMap<String, Turn>>>,
    /// Calls the task, which tells of what was found.
    wake: Wake,
}

impl Rehearsal {
    /// Nothing is looked at yet.
    pub fn new(
        store: Store,
        proxy: Arc<proxy::Proxy>,
        dns: Dns,
        clock: Arc<dyn Clock>,
        ports: Ports,
        wake: Wake,
    ) -> Self {
        Self { store, own: Own::new(proxy), dns, clock, ports, turns: Arc::default(), wake }
    }

    /// Looks at these names now. What is found about names that hosts want a certificate for is kept, also when it
    /// takes longer than somebody waits.
    ///
    /// # Errors
    /// When it takes longer than 25 seconds, or the database cannot be read or written.
    pub async fn run(&self, names: Vec<String>) -> anyhow::Result<Vec<Report>> {
        let (this, (end, ended)) = (self.clone(), tokio::sync::oneshot::channel());
        tasks::spawn("rehearsal of a certificate", async move {
            let reports = this.look(names).await;
            this.wake.call();
            // Nobody waits: that is no failure.
            _ = end.send(reports);
        });
        match tokio::time::timeout(PATIENCE, ended).await {
            Ok(reports) => reports?,
            Err(_) => anyhow::bail!(
                "it takes longer than {} seconds; what is found about names of hosts is listed when it has ended",
                PATIENCE.as_secs()
            ),
        }
    }

    fn turn(&self, credential: &str) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(credential.to_owned()).or_default().clone()
    }

    async fn look(&self, names: Vec<String>) -> anyhow::Result<Vec<Report>> {
        let scene = gather::Scene::set(self).await?;
        let looks = names.into_iter().map(|name| scene.facts(name));
        let facts: Vec<_> = futures_util::stream::iter(looks).buffered(AT_ONCE).collect().await;
        let reports: Vec<Report> = facts.iter().map(Report::of).collect();
        let wanted = task::wanted(&self.store).await?;
        let rows: Vec<(CertificateCheck, String)> = reports
            .iter()
            .filter_map(|report| Some(row(report, wanted.get(&report.name)?)))
            .collect::<Result<_, _>>()?;
        certificate_checks::put(&self.store, &rows).await?;
        Ok(reports)
    }
}

fn row(report: &Report, basis: &str) -> Result<(CertificateCheck, String), serde_json::Error> {
    let count = |severity| {
        let found = report.findings.iter().filter(|finding| finding.severity == severity).count();
        u32::try_from(found).unwrap_or(u32::MAX)
    };
    let check = CertificateCheck {
        name: report.name.clone(),
        checked_at: report.at,
        basis: basis.to_owned(),
        failures: count(rehearsal::Severity::Failure),
        warnings: count(rehearsal::Severity::Warning),
    };
    Ok((check, serde_json::to_string(report)?))
}
