//! The listeners of UI and API: TCP for people, and a Unix socket for commands. They stand apart from the data
//! plane and work when every proxy host is broken.

use crate::local_api::SOCKET;
use crate::people;
use crate::spare::Spare;
use anyhow::Context;
use axum::Router;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long answers that are under way may take at the end.
const GRACE: Duration = Duration::from_secs(3);

/// The sockets of UI and API. They stay open while nobody serves for a moment: callers wait then, and are not
/// refused.
#[derive(Debug)]
pub(crate) struct Doors {
    ui: TcpListener,
    /// In a folder that cannot be written there is none; people are served all the same.
    commands: Option<CommandSocket>,
}

impl Doors {
    /// Opens what is not open already.
    pub(crate) fn open(
        address: SocketAddr,
        data_dir: &Path,
        ui: Option<TcpListener>,
        commands: Option<UnixListener>,
    ) -> anyhow::Result<Self> {
        let ui = match ui {
            Some(ui) => ui,
            None => bind(address)?,
        };
        ui.set_nonblocking(true)?;
        let commands = match commands {
            Some(listener) => Ok(CommandSocket { listener, path: data_dir.join(SOCKET), ours: true }),
            None => CommandSocket::bind(data_dir),
        };
        let commands =
            commands.map_err(|error| tracing::warn!("commands cannot reach this process: {error:#}")).ok();
        Ok(Self { ui, commands })
    }

    /// The address of UI and API, with its real port.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.ui.local_addr()?)
    }

    /// The same sockets once more, for another process.
    pub(crate) fn sockets(&self) -> anyhow::Result<(TcpListener, Option<UnixListener>)> {
        let commands = self.commands.as_ref().map(|socket| socket.listener.try_clone()).transpose()?;
        Ok((self.ui.try_clone()?, commands))
    }

    /// Another process serves here now: its name in the data folder stays.
    pub(crate) fn leave(mut self) {
        if let Some(socket) = &mut self.commands {
            socket.ours = false;
        }
    }

    /// Serves on both until `end` says so.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(crate) fn serve(&self, router: Router, end: watch::Receiver<bool>) -> anyhow::Result<Console> {
        let tcp = tokio::net::TcpListener::from_std(self.ui.try_clone()?)?;
        let spare = Arc::new(Spare::default());
        let serve = |socket: &CommandSocket| socket.serve(spare.clone(), router.clone(), end.clone());
        let commands = self.commands.as_ref().map(serve);
        let people =
            tasks::spawn("user interface", people::serve(tcp, spare, router.clone(), ended(end.clone())));
        Ok(Console(std::iter::once(people).chain(commands.transpose()?).collect()))
    }
}

/// Binds the address of UI and API.
fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| {
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

/// The running servers.
#[derive(Debug)]
pub(crate) struct Console(Vec<JoinHandle<()>>);

impl Console {
    /// Waits for answers that are under way, for a short while.
    pub(crate) async fn end(self) {
        let end = async {
            for handle in self.0 {
                _ = handle.await;
            }
        };
        if tokio::time::timeout(GRACE, end).await.is_err() {
            tracing::debug!("a viewer of the user interface was cut off");
        }
    }
}

async fn ended(mut end: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    _ = end.wait_for(|end| *end).await;
}

/// The Unix socket of commands, in the data folder and for its owner only. Its name goes away with it.
#[derive(Debug)]
pub(crate) struct CommandSocket {
    listener: UnixListener,
    path: PathBuf,
    ours: bool,
}

impl CommandSocket {
    /// Makes the socket.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn bind(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join(SOCKET);
        // Whoever holds the lock of the data folder owns this name; a leftover is of a killed process.
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error).with_context(|| format!("the socket {} cannot be replaced", path.display()));
        }
        let listener = UnixListener::bind(&path)
            .with_context(|| format!("the socket {} cannot be made", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path, ours: true })
    }

    /// Serves the API to the owner of the data folder until `end` says so.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub(crate) fn serve(
        &self,
        spare: Arc<Spare>,
        router: Router,
        end: watch::Receiver<bool>,
    ) -> anyhow::Result<JoinHandle<()>> {
        let listener = self.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        let listener = tokio::net::UnixListener::from_std(listener)?;
        let router = router.layer(axum::Extension(api::LocalOwner));
        Ok(tasks::spawn("commands", async move {
            let listener = Commands { listener, spare };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ended(end)).await {
                tracing::error!("commands can no longer reach this process: {error}");
            }
        }))
    }
}

/// Takes the connections of commands.
struct Commands {
    listener: tokio::net::UnixListener,
    spare: Arc<Spare>,
}

impl axum::serve::Listener for Commands {
    type Io = tokio::net::UnixStream;
    type Addr = tokio::net::unix::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        self.spare.accept(|context| self.listener.poll_accept(context)).await
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Drop for CommandSocket {
    fn drop(&mut self) {
        if self.ours {
            // Nothing is lost when the name stays: the next start replaces it.
            _ = fs::remove_file(&self.path);
        }
    }
}
