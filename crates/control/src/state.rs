//! What is served right now, for everyone who has to tell it.

use base::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// The outcome of the newest look at the rows.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The change number that was looked at; see `Store::change_number`.
    pub change: u64,
    /// The newest change number that a look has reached, served or not.
    pub tried: u64,
    /// The revision that serves; 0 before the first.
    pub revision: u64,
    /// The newest revision that stands in the last good configuration and in the history, which are written once it
    /// serves; or a problem on the board says why it does not.
    pub recorded: u64,
    /// Since when it serves.
    pub since: Timestamp,
    /// Why the newest rows are not what serves; `None` when they are.
    pub error: Option<String>,
    /// State of every enabled host by its id.
    pub hosts: Arc<HashMap<Arc<str>, Arc<HostState>>>,
}

impl Applied {
    /// Whether it is known what became of a change: it is served, or a look at it has failed. A failure of a look
    /// before the change says nothing about it.
    pub fn knows(&self, change: u64) -> bool {
        self.change >= change || (self.error.is_some() && self.tried >= change)
    }
}

/// State of one enabled host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostState {
    /// The name that people know it by.
    pub name: String,
    /// Whether it is served.
    pub serving: Serving,
    /// Since when it has been in this state, in its present form.
    pub since: Timestamp,
    /// The revision that brought its present form.
    pub revision: u64,
}

/// Whether a host is served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Serving {
    /// It is.
    Yes,
    /// It is not.
    LeftOut {
        /// What is wrong, as a sentence.
        message: String,
        /// What mends it.
        remedy: String,
    },
}
