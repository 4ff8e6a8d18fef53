//! A call to look again. Calls between two looks are one call; a call is never lost.

use std::sync::Arc;
use tokio::sync::Notify;

/// Wakes a task. All clones wake the same task.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// A wake that nobody has called yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the task to run once more. If it runs right now, it will run again afterwards.
    pub fn call(&self) {
        self.0.notify_one();
    }

    /// Waits for the next call.
    pub async fn called(&self) {
        self.0.notified().await;
    }
}
