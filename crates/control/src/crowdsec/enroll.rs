//! Carries out the enrolment in CrowdSec's console that stands in the rows: one attempt at a time.

use super::fault::blocking;
use super::state::{CrowdSec, Phase, State};
use crowdsec::{Enrolled, enroll, find, is_registered, leave, register};
use std::time::Duration;
use store::crowdsec_console_enrollments::{self as rows, Attempt, ENROLLED, FAILED, NOT_ENROLLED, PENDING};
use store::{Error, Store};
use tasks::{Outcome, Task};

const INTERVAL: Duration = Duration::from_secs(60);
/// How long the agent may take to run; after Charon's start it is on its way.
const START: Duration = Duration::from_secs(60);

/// Carries out enrolments.
#[derive(Debug)]
pub struct Enroll {
    store: Store,
    shared: CrowdSec,
}

impl Enroll {
    /// Nothing is begun yet.
    pub fn new(store: Store, shared: CrowdSec) -> Self {
        Self { store, shared }
    }

    async fn attempt(&self, attempt: Attempt) -> Result<Enrolled, String> {
        self.runs().await?;
        let (place, program) = (self.shared.place.clone(), self.shared.program.clone());
        let work = move || {
            let installed = find(program.as_deref()).map_err(|lacks| format!("{lacks}; {}", lacks.remedy))?;
            if !is_registered(&place) {
                register(&place, &installed).map_err(|reason| {
                    format!(
                        "this machine could not be registered at crowdsec.net: {reason}; see that api.crowdsec.net \
                         can be reached from here and try again"
                    )
                })?;
                tracing::info!("this machine was registered at crowdsec.net");
            }
            enroll(&place, &installed, &attempt.key, &attempt.agent_name, attempt.overwrite)
        };
        let done = blocking(work).await.map_err(|fault| fault.message)?;
        // An agent that runs has read its configuration before there was an account.
        self.shared.supervise.call();
        done
    }

    /// LAPI has to answer: without it the console would show a machine that sends nothing.
    async fn runs(&self) -> Result<(), String> {
        // While it is started anew there is no process, and the phase is still that of the one before.
        let runs = |state: &State| state.phase == Phase::Running && state.pid.is_some();
        let settled = |state: &State| state.wish == Some(false) || state.elsewhere || runs(state);
        let mut states = self.shared.states();
        let waited = tokio::time::timeout(START, states.wait_for(settled)).await;
        let settled = matches!(waited, Ok(Ok(_)));
        drop(waited);
        let state = self.shared.state();
        if state.elsewhere {
            return Err("CrowdSec runs on another machine: enrol that one, with its own cscli".to_owned());
        }
        if !settled || !runs(&state) {
            let why = if state.message.is_empty() { "it is not running yet" } else { &state.message };
            return Err(format!("CrowdSec has to run first: {why}"));
        }
        match self.shared.lapi() {
            Some(lapi) => {
                lapi.health().await.map_err(|error| format!("CrowdSec's API has to answer first: {error}"))
            }
            None => Err("CrowdSec has to run first: it is being started".to_owned()),
        }
    }

    /// Without an enrolment there is no account either.
    async fn rest(&self) -> Result<String, Error> {
        let place = &self.shared.place;
        if rows::get(&self.store).await?.status != NOT_ENROLLED || !is_registered(place) {
            return Ok("nothing to do: no enrolment is asked for".to_owned());
        }
        if let Err(error) = leave(place) {
            return Ok(format!("the account at crowdsec.net cannot be forgotten: {error}"));
        }
        tracing::info!("the account at crowdsec.net was forgotten");
        self.shared.supervise.call();
        Ok("the account at crowdsec.net was forgotten".to_owned())
    }

    async fn look(&self) -> Result<String, Error> {
        let Some(attempt) = rows::wanted(&self.store).await? else {
            return self.rest().await;
        };
        let attempt = match attempt {
            Ok(attempt) => attempt,
            // A key that cannot be opened will not be later either.
            Err(error) => {
                let reason = error.to_string();
                rows::finish(&self.store, FAILED, &reason).await?;
                return Ok(format!("the enrolment has failed: {reason}"));
            }
        };
        let (status, reason) = match self.attempt(attempt).await {
            Ok(Enrolled::Pending) => (PENDING, String::new()),
            Ok(Enrolled::Already) => (ENROLLED, String::new()),
            Err(reason) => (FAILED, reason),
        };
        rows::finish(&self.store, status, &reason).await?;
        if status == FAILED {
            tracing::warn!("the enrolment in CrowdSec's console has failed: {reason}");
            return Ok(format!("the enrolment has failed: {reason}"));
        }
        tracing::info!("the enrolment in CrowdSec's console: {status}");
        Ok(format!("the enrolment was carried out: {status}"))
    }
}

impl Task for Enroll {
    fn name(&self) -> &'static str {
        "enrol in CrowdSec's console"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn run(&mut self) -> Outcome {
        match self.look().await {
            Ok(sentence) => Outcome::Ok(sentence),
            Err(error) => Outcome::Failing(
                format!("the enrolment in CrowdSec's console cannot be noted: {error}"),
                "see that the database can be written; Charon tries again by itself".to_owned(),
            ),
        }
    }
}
