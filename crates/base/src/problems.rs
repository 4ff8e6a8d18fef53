//! What is wrong right now, in one place. Every component reports its problems here; the health endpoint,
//! the *Needs attention* list of the UI and `charon doctor` all read from here and from nowhere else.
//!
//! To add a problem: one variant of [`Code`] with its text, and a section in `docs/troubleshooting.md`
//! (a test holds the two together).

use crate::clock::{Clock, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something works less well than it should.
    Degraded,
    /// Something that a person relies on does not work.
    Failing,
}

macro_rules! codes {
    ($($variant:ident $text:literal $severity:ident;)*) => {
        /// The stable names of problems. Each has a section in `docs/troubleshooting.md`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum Code { $(#[doc = $text] $variant,)* }

        impl Code {
            /// Every code, for documentation and tests.
            pub const ALL: &[Code] = &[$(Code::$variant,)*];

            /// The stable text of the code, as in the API and the documentation.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $text,)* }
            }

            /// How bad a problem of this kind is.
            pub const fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }
        }
    };
}

codes! {
    DatabaseUnavailable "database-unavailable" Failing;
    DatabaseCorrupt "database-corrupt" Failing;
    DatabaseReadOnly "database-read-only" Failing;
    DatabaseFull "disk-full" Failing;
    DatabaseTableMissing "database-table-missing" Failing;
    DatabaseRepaired "database-repaired" Degraded;
    DatabaseTakenOver "database-taken-over" Degraded;
    HostLeftOut "host-left-out" Failing;
    HostSettingIgnored "host-setting-ignored" Degraded;
    CertificateUnusable "certificate-unusable" Failing;
    CertificateExpired "certificate-expired" Failing;
    CertificateExpiring "certificate-expiring" Degraded;
    CertificateNotIssued "certificate-not-issued" Failing;
    CertificateNotRenewed "certificate-not-renewed" Degraded;
    ClockWrong "clock-wrong" Failing;
    CertificateWouldFail "certificate-would-fail" Degraded;
    DnsRecordStays "dns-record-stays" Degraded;
    ServingLastGood "serving-last-good-configuration" Failing;
    ListenerDown "listener-down" Failing;
    UpgradeFailed "upgrade-failed" Degraded;
    RequestPanicked "request-panicked" Degraded;
    AccessLogDropping "access-log-dropping" Degraded;
    AccessLogUnwritable "access-log-unwritable" Degraded;
    TaskFailing "task-failing" Degraded;
    CrowdSecNotInstalled "crowdsec-not-installed" Failing;
    CrowdSecFailing "crowdsec-failing" Failing;
    CrowdSecStale "crowdsec-decisions-stale" Degraded;
    CrowdSecBlind "crowdsec-does-not-read" Failing;
    CrowdSecUnproven "crowdsec-not-proven" Failing;
    CrowdSecNotEnforceable "crowdsec-not-enforceable" Degraded;
    AppSecFailing "appsec-failing" Failing;
    GeoDatabaseUnusable "geo-database-unusable" Degraded;
    CaptchaFailing "captcha-provider-failing" Degraded;
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that is wrong: a sentence in plain words and the remedy.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Problem {
    /// What kind of problem it is.
    pub code: Code,
    /// What it is about, by the name that a person knows (`host shop.example.com`, `table users`); may be empty.
    pub subject: String,
    /// What is wrong, as one sentence.
    pub message: String,
    /// What mends it, as one sentence or a command.
    pub remedy: String,
    /// Page of the UI that belongs to it, as the path of the UI, such as `/certificates`; empty when there is none.
    pub link: String,
}

impl Problem {
    /// A problem without subject and link; see [`Problem::about`] and [`Problem::link`].
    pub fn new(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code,
            subject: String::new(),
            message: message.into(),
            remedy: remedy.into(),
            link: String::new(),
        }
    }

    /// Says what the problem is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// Says which page of the UI belongs to it.
    #[must_use]
    pub fn link(mut self, path: impl Into<String>) -> Self {
        self.link = path.into();
        self
    }
}

/// A problem that stands, with the moment when it began.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Standing {
    /// The component that reported it.
    pub component: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// When it was first reported without a break since.
    pub since: Timestamp,
    /// The problem itself.
    #[serde(flatten)]
    pub problem: Problem,
}

/// Standing problems by component, code and subject.
type Board = BTreeMap<(&'static str, Code, String), Standing>;

/// The board of all standing problems. Cheap to clone; all clones are one board.
#[derive(Clone, Debug)]
pub struct Problems {
    clock: Arc<dyn Clock>,
    board: Arc<Mutex<Board>>,
}

impl Problems {
    /// An empty board.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, board: Arc::default() }
    }

    /// Replaces everything that `component` has reported before. A problem with the same code and subject
    /// as before keeps the moment when it began. New problems are logged at WARN, ended ones at INFO.
    pub fn report(&self, component: &'static str, problems: Vec<Problem>) {
        let now = self.clock.now();
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended: BTreeMap<_, _> = board
            .extract_if((component, Code::ALL[0], String::new()).., |key, _| key.0 == component)
            .collect();
        for problem in problems {
            let key = (component, problem.code, problem.subject.clone());
            let before = ended.remove(&key);
            if before.is_none() && !board.contains_key(&key) {
                tracing::warn!(
                    problem.component = component, problem.code = %problem.code, problem.subject = problem.subject,
                    remedy = problem.remedy, "{}", problem.message
                );
            }
            let since = before.map_or(now, |standing| standing.since);
            board.insert(key, Standing { component, severity: problem.code.severity(), since, problem });
        }
        for (_, standing) in ended {
            tracing::info!(
                problem.component = component, problem.code = %standing.problem.code,
                problem.subject = standing.problem.subject, "no longer a problem: {}", standing.problem.message
            );
        }
    }

    /// All standing problems, the worst and then the oldest first.
    pub fn standing(&self) -> Vec<Standing> {
        let board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = board.values().cloned().collect();
        all.sort_by_key(|standing| (std::cmp::Reverse(standing.severity), standing.since));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::time::Duration;

    fn left_out(host: &str) -> Problem {
        Problem::new(Code::HostLeftOut, "the host is left out", "mend it").about(host)
    }

    #[test]
    fn a_problem_keeps_its_beginning_until_it_is_no_longer_reported() {
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_000)));
        let problems = Problems::new(clock.clone());
        problems.report("compile", vec![left_out("a")]);
        clock.advance(Duration::from_secs(5));
        problems.report("compile", vec![left_out("a"), left_out("b")]);
        problems.report("other", vec![left_out("a")]);
        let since: Vec<_> = problems.standing().iter().map(|s| (s.component, s.since.millis())).collect();
        assert_eq!(since, [("compile", 1_000), ("compile", 6_000), ("other", 6_000)]);
        problems.report("compile", vec![]);
        assert_eq!(problems.standing().len(), 1);
    }

    #[test]
    fn codes_are_unique() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
    }
}
