//! The task that looks at every name when its host is saved and once a day, and tells of what it finds.

use super::Rehearsal;
use base::{Code, Problem, Problems, Timestamp};
use rehearsal::{Fault, Finding, Report, Severity};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use store::acme_orders::{self, Phase};
use store::certificate_checks::{self, CertificateCheck};
use store::proxy_hosts::{self, Wish};
use store::{Store, acme_settings, dns_credentials};
use tasks::{Outcome, Task};
use tokio::sync::watch;

/// Component name on the problem board.
const COMPONENT: &str = "rehearsal of certificates";
/// How often a name is looked at, and how often while something stands in its way.
const DAY: Duration = Duration::from_secs(24 * 3600);
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// Names that are looked at within one run.
const MOST: usize = 16;
/// The longest time without a look at the clock.
const REST: Duration = Duration::from_secs(3600);
/// Names that are told of beside the first one that has the same fault.
const TOLD: usize = 3;

/// Looks at names when it is time.
#[derive(Debug)]
pub struct Rehearse {
    rehearsal: Rehearsal,
    problems: Problems,
    checks: watch::Sender<Checks>,
    pause: Duration,
}

/// How many names there are, for the metrics.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checks {
    /// Nothing stands in the way.
    pub ready: usize,
    /// Something may stand in the way.
    pub warned: usize,
    /// The next certificate would not be issued.
    pub failing: usize,
    /// Not looked at yet.
    pub unknown: usize,
    /// When the name was looked at that was looked at longest ago.
    pub oldest: Option<Timestamp>,
}

impl Rehearse {
    /// Nothing is looked at yet.
    pub fn new(rehearsal: Rehearsal, problems: Problems) -> Self {
        Self { rehearsal, problems, checks: watch::Sender::default(), pause: REST }
    }

    /// How many there are, now and from now on.
    pub fn checks(&self) -> watch::Receiver<Checks> {
        self.checks.subscribe()
    }

    async fn look(&mut self) -> anyhow::Result<String> {
        let (store, clock) = (self.rehearsal.store.clone(), self.rehearsal.clock.clone());
        let wanted = wanted(&store).await?;
        let mut known = certificate_checks::list(&store).await?;
        let gone: Vec<String> =
            known.iter().filter(|row| !wanted.contains_key(&row.name)).map(|row| row.name.clone()).collect();
        if !gone.is_empty() {
            certificate_checks::forget(&store, &gone).await?;
        }
        let now = clock.now();
        let mut due = due(&wanted, &known, now);
        let is_all = due.len() <= MOST;
        due.truncate(MOST);
        if !due.is_empty() {
            self.rehearsal.look(due).await?;
            known = certificate_checks::list(&store).await?;
        }
        known.retain(|row| wanted.contains_key(&row.name));
        self.pause = if is_all { pause(&known, clock.now()) } else { Duration::from_millis(1) };
        let checks = count(&known, wanted.len());
        let summary = summary(&checks);
        self.checks.send_replace(checks);
        let orders = acme_orders::list(&store).await?;
        // Whoever waits for an order that fails is told of it already, with the authority's own words.
        let told: BTreeSet<&String> = orders
            .iter()
            .filter(|order| matches!(order.progress.phase, Phase::Failing | Phase::Held))
            .flat_map(|order| &order.domains)
            .collect();
        let reports: Vec<Report> = certificate_checks::reports(&store, true)
            .await?
            .iter()
            .filter_map(|report| serde_json::from_str(report).ok())
            .filter(|report: &Report| wanted.contains_key(&report.name) && !told.contains(&report.name))
            .collect();
        self.problems.report(COMPONENT, problems(&reports));
        Ok(summary)
    }
}

impl Task for Rehearse {
    fn name(&self) -> &'static str {
        "rehearse certificates"
    }

    fn interval(&self) -> Duration {
        self.pause
    }

    async fn run(&mut self) -> Outcome {
        match self.look().await {
            Ok(message) => Outcome::Ok(message),
            Err(error) => {
                let message = format!("certificates could not be rehearsed: {error:#}");
                Outcome::Failing(
                    message,
                    "certificates are renewed all the same; see the problems of the database".to_owned(),
                )
            }
        }
    }
}

/// The names that hosts want certificates for, each with a text that changes when what it is judged by is saved.
pub(super) async fn wanted(store: &Store) -> Result<BTreeMap<String, String>, store::Error> {
    let settings = acme_settings::get(store).await?;
    let credentials = dns_credentials::list(store).await?;
    let mut common = Sha256::new();
    let first = &settings.first;
    for text in [&first.directory, &first.roots_pem, &first.eab_key_id, &settings.challenge] {
        common.update(text);
        common.update([0]);
    }
    common.update([u8::from(settings.terms_agreed), u8::from(first.eab_key.is_some())]);
    for one in &credentials {
        common.update(format!("{} {}\0", one.uuid, one.updated_at));
    }
    let mut names: BTreeMap<String, Timestamp> = BTreeMap::new();
    for Wish { domains, updated_at, .. } in
        proxy_hosts::wishes(store).await?.into_iter().filter(|one| one.enabled)
    {
        for name in domains {
            let saved = names.entry(name).or_insert(updated_at);
            *saved = updated_at.max(*saved);
        }
    }
    let basis = |saved: Timestamp| {
        let digest = common.clone().chain_update(saved.to_string()).finalize();
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    };
    Ok(names.into_iter().map(|(name, saved)| (name, basis(saved))).collect())
}

/// The names whose time has come, those first that were never looked at.
fn due(wanted: &BTreeMap<String, String>, known: &[CertificateCheck], now: Timestamp) -> Vec<String> {
    let known: HashMap<&String, &CertificateCheck> = known.iter().map(|row| (&row.name, row)).collect();
    let mut due: Vec<(Option<Timestamp>, &String)> = Vec::new();
    for (name, basis) in wanted {
        match known.get(name) {
            None => due.push((None, name)),
            Some(row) if row.basis != *basis || wait(row, now).is_zero() => {
                due.push((Some(row.checked_at), name));
            }
            Some(_) => {}
        }
    }
    due.sort();
    due.into_iter().map(|(_, name)| name.clone()).collect()
}

/// How long a name is not looked at.
fn wait(row: &CertificateCheck, now: Timestamp) -> Duration {
    if row.checked_at > now {
        // The clock was ahead then.
        return Duration::ZERO;
    }
    let rest = if row.failures > 0 { AGAIN } else { DAY };
    rest.saturating_sub(now.since(row.checked_at))
}

fn pause(known: &[CertificateCheck], now: Timestamp) -> Duration {
    let next = known.iter().map(|row| wait(row, now)).min().unwrap_or(REST);
    next.clamp(Duration::from_secs(1), REST)
}

fn count(known: &[CertificateCheck], wanted: usize) -> Checks {
    let failing = known.iter().filter(|row| row.failures > 0).count();
    let warned = known.iter().filter(|row| row.failures == 0 && row.warnings > 0).count();
    Checks {
        ready: known.len() - failing - warned,
        warned,
        failing,
        unknown: wanted.saturating_sub(known.len()),
        oldest: known.iter().map(|row| row.checked_at).min(),
    }
}

fn summary(checks: &Checks) -> String {
    let Checks { ready, warned, failing, unknown, .. } = checks;
    match ready + warned + failing + unknown {
        0 => "no host wants an automatic certificate".to_owned(),
        all => format!(
            "of {all} names the next certificate is ready to be issued for {ready}, may not be for {warned}, would not \
             be for {failing}; {unknown} are still to be looked at"
        ),
    }
}

/// One problem for each kind of fault, however many names have it: a resolver that is down is one matter.
fn problems(reports: &[Report]) -> Vec<Problem> {
    let mut by_fault: BTreeMap<Fault, Vec<(&str, &Finding)>> = BTreeMap::new();
    for report in reports {
        for finding in report.findings.iter().filter(|one| one.severity == Severity::Failure) {
            by_fault.entry(finding.fault).or_default().push((&report.name, finding));
        }
    }
    let told = |(fault, names): (Fault, Vec<(&str, &Finding)>)| {
        // The reconciler of certificates tells of those itself.
        let (_, finding) = names
            .first()
            .filter(|_| !matches!(fault, Fault::Ended | Fault::TermsNotAgreed | Fault::ClockWrong))?;
        let others: Vec<&str> = names.iter().skip(1).map(|(name, _)| *name).collect();
        let others = match others.len() {
            0 => String::new(),
            count if count <= TOLD => format!(" (so for {})", others.join(", ")),
            count => format!(" (so for {} and {} more)", others[..TOLD].join(", "), count - TOLD),
        };
        let message = format!("the next certificate would not be issued: {}{others}", finding.message);
        let about = names.first().map_or("", |(name, _)| *name);
        let problem = Problem::new(Code::CertificateWouldFail, message, finding.remedy.clone());
        Some(problem.about(format!("{about}: {}", fault.as_str())).link("/certificates"))
    };
    by_fault.into_iter().filter_map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, checked_at: Timestamp, failures: u32) -> CertificateCheck {
        let basis = "1".to_owned();
        CertificateCheck { name: name.to_owned(), checked_at, basis, failures, warnings: 0 }
    }

    #[test]
    fn names_are_looked_at_daily_sooner_while_something_is_wrong_and_at_once_when_something_was_saved() {
        let now = Timestamp::from_millis(1_795_000_000_000);
        let wanted: BTreeMap<String, String> =
            ["a", "b", "c", "d", "e", "f"].map(|name| (name.to_owned(), "1".to_owned())).into();
        let ago = |minutes: u64| now.minus(Duration::from_secs(60 * minutes));
        let mut known = vec![
            row("a", ago(30), 0),
            row("b", ago(30), 1),
            row("c", ago(60 * 24), 0),
            row("d", now.plus(DAY), 0),
            CertificateCheck { basis: "0".to_owned(), ..row("e", ago(1), 0) },
        ];
        assert_eq!(due(&wanted, &known, now), ["f", "c", "b", "e", "d"]);
        known.retain(|row| row.name == "a");
        assert_eq!(pause(&known, now), REST);
        known.push(row("b", ago(14), 1));
        assert_eq!(pause(&known, now), Duration::from_secs(60));
    }

    #[test]
    fn a_fault_of_many_names_is_one_problem_that_names_some() {
        let finding = Finding {
            fault: Fault::PortClosed,
            severity: Severity::Failure,
            message: "a: port 80 is closed".to_owned(),
            remedy: "open it".to_owned(),
        };
        let report = |name: &str| Report {
            name: name.to_owned(),
            at: Timestamp::from_millis(0),
            proof: "http-01".to_owned(),
            findings: vec![finding.clone()],
            in_order: Vec::new(),
        };
        let reports: Vec<Report> = ["a", "b", "c", "d", "e"].map(report).into();
        let told = problems(&reports);
        assert_eq!(told.len(), 1);
        assert!(
            told[0].message.ends_with("port 80 is closed (so for b, c, d and 1 more)"),
            "{}",
            told[0].message
        );
        assert_eq!(told[0].subject, "a: port-closed");
    }
}
