//! The listeners of UI and API: TCP for people, and a Unix socket for commands. They stand apart from the data
//! plane and work when every proxy host is broken.

use crate::lifecycle::Stop;
use crate::local_api::SOCKET;
use crate::people;
use anyhow::Context;
use axum::Router;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long answers that are under way may take at the end.
const GRACE: Duration = Duration::from_secs(3);

/// Binds the address of UI and API.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let port = address.port();
        match error.kind() {
            io::ErrorKind::AddrInUse => anyhow::anyhow!(
                "cannot listen on {address}: another program has the port; ask who with  ss -ltnp 'sport = :{port}' , \
                 or set CHARON_HTTP_PORT"
            ),
            _ => anyhow::anyhow!("cannot listen on {address}: {error}; CHARON_BIND and CHARON_HTTP_PORT set it"),
        }
    })
}

/// The running listeners.
#[derive(Debug)]
pub(crate) struct Console(Vec<JoinHandle<()>>);

impl Console {
    /// Waits for answers that are under way, for a short while.
    pub(crate) async fn end(self) {
        for handle in self.0 {
            if tokio::time::timeout(GRACE, handle).await.is_err() {
                tracing::debug!("a viewer of the user interface was cut off");
            }
        }
    }
}

/// Serves on both listeners until `stop`.
pub(crate) fn serve(data_dir: &Path, tcp: TcpListener, router: Router, stop: Stop) -> Console {
    let (ended, end) = watch::channel(());
    // In a folder that cannot be written there is no socket; people are served all the same.
    let local = serve_local(data_dir, router.clone(), end)
        .map_err(|error| tracing::warn!("commands cannot reach this process: {error:#}"));
    let people = tasks::spawn("user interface", async move {
        people::serve(tcp, router, stop).await;
        drop(ended);
    });
    Console(std::iter::once(people).chain(local).collect())
}

/// Serves the API to the owner of the data folder, on a Unix socket, until `end` closes.
pub(crate) fn serve_local(
    data_dir: &Path,
    router: Router,
    mut end: watch::Receiver<()>,
) -> anyhow::Result<JoinHandle<()>> {
    let path = data_dir.join(SOCKET);
    // Whoever holds the lock of the data folder owns this name; a leftover is of a killed process.
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error).with_context(|| format!("the socket {} cannot be replaced", path.display()));
    }
    let listener =
        UnixListener::bind(&path).with_context(|| format!("the socket {} cannot be made", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let router = router.layer(axum::Extension(api::LocalOwner));
    Ok(tasks::spawn("commands", async move {
        let ended = async move { _ = end.changed().await };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ended).await {
            tracing::error!("commands can no longer reach this process: {error}");
        }
        // Nothing is lost when the name stays: the next start replaces it.
        _ = fs::remove_file(&path);
    }))
}
