//! The end of a run: the first SIGTERM or SIGINT drains, the second ends at once.

use anyhow::Context;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How long requests that are under way may take after the first signal.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Told when the process should end. All clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for signals from now on.
    pub(crate) fn on_signals() -> anyhow::Result<Self> {
        let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
        let (sender, receiver) = watch::channel(false);
        tasks::spawn("signals", async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::info!("stopping: no new connections, requests under way have {GRACE:?}");
            sender.send_replace(true);
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("stopping at once: a second signal came");
            std::process::exit(130);
        });
        Ok(Self(receiver))
    }

    /// Waits for the first signal.
    pub(crate) async fn wanted(mut self) {
        // The sender lives in a task that never ends before the process does.
        _ = self.0.wait_for(|stop| *stop).await;
    }
}

async fn either(first: &mut Signal, second: &mut Signal) {
    tokio::select! {
        _ = first.recv() => {}
        _ = second.recv() => {}
    }
}
