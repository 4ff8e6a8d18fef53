//! What each background task did last, for the API and the UI.

use base::{Clock, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a task is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It has not run yet.
    Starting,
    /// It runs right now.
    Running,
    /// Its last run ended well.
    Ok,
    /// Its last run failed.
    Failing,
}

/// How one run of a task ended. There is always a sentence, also when there was nothing to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It ended well; the sentence says what was done, or why nothing was to be done.
    Ok(String),
    /// It failed; the first sentence says what was attempted and why it failed, the second is the remedy.
    Failing(String, String),
}

/// The visible state of one task.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Status {
    /// The task's name.
    pub name: &'static str,
    /// What it is doing.
    pub phase: Phase,
    /// What its last run did, as a sentence.
    pub message: String,
    /// Since when the phase has been this one.
    pub since: Timestamp,
    /// When its last run ended.
    pub last_run: Option<Timestamp>,
}

/// All tasks' states. Cheap to clone; all clones are one list.
#[derive(Clone, Debug)]
pub struct Statuses {
    clock: Arc<dyn Clock>,
    list: Arc<Mutex<BTreeMap<&'static str, Status>>>,
}

impl Statuses {
    /// An empty list.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, list: Arc::default() }
    }

    /// All tasks by name.
    pub fn all(&self) -> Vec<Status> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(crate) fn set(&self, name: &'static str, phase: Phase, message: impl Into<String>, ended: bool) {
        let now = self.clock.now();
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let before = list.get(name);
        let since = match before {
            Some(status) if status.phase == phase => status.since,
            _ => now,
        };
        let last_run = if ended { Some(now) } else { before.and_then(|status| status.last_run) };
        list.insert(name, Status { name, phase, message: message.into(), since, last_run });
    }
}
