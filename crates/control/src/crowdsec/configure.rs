//! Carries out the changes of the agent's configuration that stand in the rows: one at a time, tried out before it
//! counts, and taken back when the agent does not run with it.

use super::fault::blocking;
use super::state::{CrowdSec, State};
use crowdsec::{Change, clear_staged, current, find, point_to, propose, staged as staged_for};
use std::time::Duration;
use store::crowdsec_preset_events::{self as events, APPLIED, APPLYING, Event, FAILED, ROLLED_BACK};
use store::{Error, Store};
use tasks::{Outcome, Task};

/// It is called when a row is written; this is for one that was left over.
const INTERVAL: Duration = Duration::from_secs(60);
/// How long the agent may take to run with another configuration, its time to end included.
const LIMIT: Duration = Duration::from_secs(120);

/// Carries out changes.
#[derive(Debug)]
pub struct Configure {
    store: Store,
    shared: CrowdSec,
}

impl Configure {
    /// Nothing is begun yet.
    pub fn new(store: Store, shared: CrowdSec) -> Self {
        Self { store, shared }
    }

    async fn carry_out(&self, event: Event) -> Result<String, Error> {
        let what = format!("{} {}", event.action, event.about).trim().to_owned();
        let (status, reason) = match event.status.as_str() {
            APPLYING => self.resume(&event).await,
            _ => self.begin(&event).await?,
        };
        if let Err(error) = clear_staged(&self.shared.place) {
            tracing::warn!("what was put aside for a change stays: {error}");
        }
        events::finish(&self.store, event.id, status, &reason).await?;
        match status {
            APPLIED => tracing::info!("CrowdSec's configuration: {what}: applied"),
            _ => tracing::warn!("CrowdSec's configuration: {what}: {status}: {reason}"),
        }
        Ok(format!("{what}: {status}{}{reason}", if reason.is_empty() { "" } else { ": " }))
    }

    async fn begin(&self, event: &Event) -> Result<(&'static str, String), Error> {
        let (place, program) = (self.shared.place.clone(), self.shared.program.clone());
        let Event { action, about, staged, .. } = event.clone();
        let before = current(&place);
        let work = move || {
            let staged = staged_for(&place, &staged).map_err(|error| error.to_string())?;
            let change = Change::parse(&action, &about, staged)?;
            let installed = find(program.as_deref()).map_err(|lacks| format!("{lacks}; {}", lacks.remedy))?;
            propose(&place, &installed, &change).map_err(|error| error.to_string())
        };
        let edition = match blocking(work).await.map_err(|fault| fault.message).and_then(|made| made) {
            Ok(edition) => edition.number,
            Err(reason) => return Ok((FAILED, reason)),
        };
        // First the note, then the pointer: whoever finds the note after a crash looks where the pointer leads.
        let backup = if before.number == 0 { String::new() } else { before.folder.display().to_string() };
        events::begin(&self.store, event.id, edition, &backup).await?;
        if let Err(reason) = self.point(edition).await {
            return Ok((FAILED, reason));
        }
        Ok(self.follow(edition, before.number).await)
    }

    /// Goes on with a change that a Charon before has begun.
    async fn resume(&self, event: &Event) -> (&'static str, String) {
        let counts = current(&self.shared.place).number;
        if event.edition != Some(counts) {
            return (FAILED, "Charon ended before it was made; everything is as before".to_owned());
        }
        let before = event.backup_path.rsplit('/').next().and_then(|number| number.parse().ok());
        self.follow(counts, before.unwrap_or(0)).await
    }

    /// Waits until the agent runs with the edition that counts now, and goes back when it does not.
    async fn follow(&self, edition: u64, before: u64) -> (&'static str, String) {
        let Err(reason) = self.tried(edition).await else { return (APPLIED, String::new()) };
        if let Err(error) = self.point(before).await {
            return (FAILED, format!("{reason}; and the configuration before cannot be restored: {error}"));
        }
        match self.tried(before).await {
            Ok(()) => (ROLLED_BACK, format!("{reason}; the configuration before is in force again")),
            Err(again) => (
                ROLLED_BACK,
                format!(
                    "{reason}; the configuration before is in force again, and the agent fails with it too: {again}"
                ),
            ),
        }
    }

    async fn point(&self, edition: u64) -> Result<(), String> {
        let place = self.shared.place.clone();
        let pointed = blocking(move || point_to(&place, edition)).await.map_err(|fault| fault.message)?;
        pointed.map_err(|error| error.to_string())?;
        self.shared.supervise.call();
        Ok(())
    }

    /// Waits until the agent was started with this edition. An agent that is not to run cannot contradict.
    async fn tried(&self, edition: u64) -> Result<(), String> {
        let verdict = |state: &State| match state.tried {
            _ if state.wish == Some(false) || state.elsewhere => Some(Ok(())),
            Some((tried, runs)) if tried == edition => Some(if runs {
                Ok(())
            } else {
                Err(format!("the agent did not start with it: {}", state.message))
            }),
            _ => None,
        };
        let mut states = self.shared.states();
        let waited = tokio::time::timeout(LIMIT, states.wait_for(|state| verdict(state).is_some())).await;
        match waited {
            Ok(Ok(state)) => verdict(&state).unwrap_or(Ok(())),
            _ => Err(format!("the agent was not started with it within {} seconds", LIMIT.as_secs())),
        }
    }
}

impl Task for Configure {
    fn name(&self) -> &'static str {
        "change CrowdSec's configuration"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn run(&mut self) -> Outcome {
        let mut done = "nothing to do: no change is asked for".to_owned();
        loop {
            let carried = match events::next(&self.store).await {
                Ok(None) => return Outcome::Ok(done),
                Ok(Some(event)) => self.carry_out(event).await,
                Err(error) => Err(error),
            };
            match carried {
                Ok(sentence) => done = sentence,
                Err(error) => {
                    let what = format!("a change of CrowdSec's configuration cannot be noted: {error}");
                    let remedy = "see that the database can be written; Charon tries again by itself";
                    return Outcome::Failing(what, remedy.to_owned());
                }
            }
        }
    }
}
