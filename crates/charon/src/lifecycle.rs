//! Signals. SIGTERM and SIGINT: the first drains, the second ends at once. SIGUSR2: the binary at our path, anew.
//! SIGHUP: log files are opened anew.

use anyhow::Context;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Told when the process should end. All clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for signals from now on. `grace` is what is told.
    pub(crate) fn on_signals(grace: Duration) -> anyhow::Result<Self> {
        let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
        let (sender, receiver) = watch::channel(false);
        tasks::spawn("signals", async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::info!("stopping: no new connections, requests under way have {grace:?}");
            sender.send_replace(true);
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("stopping at once: a second signal came");
            std::process::exit(130);
        });
        Ok(Self(receiver))
    }

    /// Becomes true at the first signal.
    pub(crate) fn signal(&self) -> watch::Receiver<bool> {
        self.0.clone()
    }

    /// Waits for the first signal.
    pub(crate) async fn wanted(&self) {
        // The sender lives in a task that never ends before the process does.
        _ = self.signal().wait_for(|stop| *stop).await;
    }
}

async fn either(first: &mut Signal, second: &mut Signal) {
    tokio::select! {
        _ = first.recv() => {}
        _ = second.recv() => {}
    }
}

/// Calls for something that is not the end.
#[derive(Debug)]
pub(crate) struct Calls(mpsc::Receiver<Call>);

/// What is called for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    /// SIGUSR2.
    Upgrade,
    /// SIGHUP.
    ReopenLogs,
}

impl Calls {
    /// Listens for signals from now on.
    pub(crate) fn on_signals() -> anyhow::Result<Self> {
        let (sender, calls) = mpsc::channel(4);
        for (kind, call) in
            [(SignalKind::user_defined2(), Call::Upgrade), (SignalKind::hangup(), Call::ReopenLogs)]
        {
            let (mut signal, sender) = (signal(kind).context("signals cannot be received")?, sender.clone());
            tasks::spawn("calls", async move {
                while signal.recv().await.is_some() {
                    // A call that waits already stands for this one too.
                    _ = sender.try_send(call);
                }
            });
        }
        Ok(Self(calls))
    }

    /// The next call.
    pub(crate) async fn next(&mut self) -> Call {
        match self.0.recv().await {
            Some(call) => call,
            None => std::future::pending().await,
        }
    }
}

/// The path under which this program was started: after an upgrade of the package, the new one lies there. A name
/// without a folder, or one that has become wrong, is looked up from the kernel's view.
pub(crate) fn program(called: Option<OsString>) -> anyhow::Result<PathBuf> {
    let real = std::env::current_exe().context("the path of this program is not known")?;
    let called = called.map(PathBuf::from).filter(|path| path.components().count() > 1);
    let same = called.and_then(|path| {
        let absolute = std::path::absolute(path).ok()?;
        (absolute.canonicalize().ok()? == real.canonicalize().ok()?).then_some(absolute)
    });
    Ok(same.unwrap_or(real))
}
