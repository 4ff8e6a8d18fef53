//! Standing problems as the API shows them.

use base::{Severity, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(crate) struct Standing {
    /// The component that reported it.
    pub(crate) component: String,
    /// The stable name of the kind of problem; `docs/troubleshooting.md` has a section for each.
    pub(crate) code: String,
    /// `degraded` or `failing`.
    #[schema(value_type = HealthSeverity)]
    pub(crate) severity: Severity,
    /// Since when it stands.
    #[schema(value_type = String, format = DateTime)]
    pub(crate) since: Timestamp,
    /// What it is about, by a name that a person knows; may be empty.
    pub(crate) subject: String,
    /// What is wrong, as one sentence.
    pub(crate) message: String,
    /// What mends it.
    pub(crate) remedy: String,
    /// Page of the UI that belongs to it; may be empty.
    pub(crate) link: String,
}

/// How bad a problem is.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of base::Severity, which knows no OpenAPI")]
pub(crate) enum HealthSeverity {
    /// Something works less well than it should.
    Degraded,
    /// Something that a person relies on does not work.
    Failing,
}

impl From<base::problems::Standing> for Standing {
    fn from(standing: base::problems::Standing) -> Self {
        let problem = standing.problem;
        Self {
            component: standing.component.to_owned(),
            code: problem.code.as_str().to_owned(),
            severity: standing.severity,
            since: standing.since,
            subject: problem.subject,
            message: problem.message,
            remedy: problem.remedy,
            link: problem.link,
        }
    }
}

impl Standing {
    /// Without names: strangers learn that something is wrong and what mends it, but not about whom.
    fn for_strangers(mut self) -> Self {
        self.subject.clear();
        self.link.clear();
        self.message = format!("sign in to see the details of {}", self.code);
        self.remedy = "sign in and open Needs attention, or run charon doctor on the server".to_owned();
        self
    }
}

/// The overall state and the problems, with everything for those who are `signed_in`.
pub(crate) fn summary(
    standing: Vec<base::problems::Standing>,
    database: &[base::Problem],
    now: Timestamp,
    signed_in: bool,
) -> (HealthStatus, Vec<Standing>) {
    let mut all: Vec<Standing> = standing.into_iter().map(Standing::from).collect();
    for problem in database {
        // A problem that the board has already is not told twice.
        if !all.iter().any(|known| known.code == problem.code.as_str() && known.subject == problem.subject) {
            let severity = problem.code.severity();
            let standing = base::problems::Standing {
                component: "database",
                severity,
                since: now,
                problem: problem.clone(),
            };
            all.push(standing.into());
        }
    }
    all.sort_by_key(|standing| (std::cmp::Reverse(standing.severity), standing.since));
    let status = match all.iter().map(|standing| standing.severity).max() {
        None => HealthStatus::Ok,
        Some(Severity::Degraded) => HealthStatus::Degraded,
        Some(Severity::Failing) => HealthStatus::Failing,
    };
    if !signed_in {
        all = all.into_iter().map(Standing::for_strangers).collect();
    }
    (status, all)
}

/// How everything is taken together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HealthStatus {
    /// All is well.
    Ok,
    /// Something works less well than it should.
    Degraded,
    /// Something that a person relies on does not work.
    Failing,
}
