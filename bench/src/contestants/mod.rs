//! The contestants, one file each. To add one: a file here, a line below and one in [`start`].

mod caddy;
mod charon;
mod haproxy;
mod nginx;

use crate::{PROXY_CORE, Settings, process};
use anyhow::{Context, ensure};
use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The certificates that every contestant serves.
#[derive(Debug)]
pub(crate) struct Certificates {
    /// Of `localhost`.
    pub(crate) ecdsa: Certificate,
    /// Of `rsa.localhost`.
    pub(crate) rsa: Certificate,
}

/// The files of a certificate.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    /// Chain and key in one file.
    pub(crate) both: PathBuf,
}

/// A program of a contestant: an installed one, or one that was unpacked with its own libraries and loader.
#[derive(Debug, Clone)]
pub(super) struct Program {
    path: PathBuf,
    /// The folder it was unpacked to.
    root: Option<PathBuf>,
}

impl Program {
    /// Debian installs servers where only root looks.
    fn installed(name: &str) -> Self {
        let path = PathBuf::from(format!("/usr/sbin/{name}"));
        Self { path: if path.is_file() { path } else { name.into() }, root: None }
    }

    /// `None` when it is not there.
    fn unpacked(root: &Path, name: &str) -> Option<Self> {
        let path = root.join("usr/sbin").join(name);
        path.is_file().then(|| Self { path, root: Some(root.to_owned()) })
    }

    /// The installed one, and the one below `BENCH_PEERS`.
    fn all(settings: &Settings, name: &str) -> Vec<Self> {
        let unpacked = settings.peers.as_deref().and_then(|root| Self::unpacked(root, name));
        std::iter::once(Self::installed(name)).chain(unpacked).collect()
    }

    pub(super) fn command(&self) -> Command {
        let Some(root) = &self.root else { return Command::new(&self.path) };
        let libraries = root.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
        let loader = std::fs::read_dir(&libraries).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_loader = |path: &PathBuf| {
            path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with("ld-linux"))
        };
        let mut command = Command::new(loader.into_iter().find(is_loader).unwrap_or_default());
        command.arg("--library-path").arg(libraries).arg(&self.path);
        command
    }
}

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Contestant {
    name: &'static str,
    version: String,
    http: u16,
    https: u16,
    /// Whether it serves HTTP/3 too, at the same port.
    quic: bool,
    process: Process,
    idle_kib: u64,
}

#[derive(Debug)]
enum Process {
    Peer(Child),
    Charon(Box<testkit::App>),
}

impl Contestant {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn http_port(&self) -> u16 {
        self.http
    }

    pub(crate) fn https_port(&self) -> u16 {
        self.https
    }

    pub(crate) fn quic(&self) -> bool {
        self.quic
    }

    /// Memory right after the start, in KiB.
    pub(crate) fn idle_kib(&self) -> u64 {
        self.idle_kib
    }

    pub(crate) fn pid(&self) -> u32 {
        match &self.process {
            Process::Peer(child) => child.id(),
            Process::Charon(app) => app.pid(),
        }
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        if let Process::Peer(child) = &mut self.process {
            // SIGTERM, so that a master takes its workers with it.
            _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
            _ = child.wait();
        }
    }
}

/// Starts all that are wanted, each with one worker, and moves them to the core of the proxies.
pub(crate) async fn start(
    settings: &Settings,
    origin: u16,
    certificates: &Certificates,
) -> anyhow::Result<Vec<Contestant>> {
    let mut all = Vec::new();
    if settings.wants("charon") {
        all.push(charon::start(settings, origin, certificates).await.context("starting Charon")?);
    }
    if settings.wants("nginx") {
        for program in Program::all(settings, "nginx") {
            all.push(nginx::start(settings, &program, origin, certificates).context("starting nginx")?);
        }
    }
    if settings.wants("haproxy") {
        for program in Program::all(settings, "haproxy") {
            all.push(haproxy::start(settings, &program, origin, certificates).context("starting HAProxy")?);
        }
    }
    if settings.wants("caddy") {
        all.push(caddy::start(settings, origin, certificates).context("starting Caddy")?);
    }
    for proxy in &mut all {
        if settings.workers == 1 {
            process::pin(proxy.pid(), PROXY_CORE)?;
        }
        proxy.idle_kib = process::memory_kib(proxy.pid())?;
    }
    Ok(all)
}

/// Two ports that were free a moment ago.
fn free_ports() -> anyhow::Result<(u16, u16)> {
    let (first, second) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((first.local_addr()?.port(), second.local_addr()?.port()))
}

/// A folder for a contestant's files.
fn folder(settings: &Settings, name: &str, version: &str) -> anyhow::Result<PathBuf> {
    let folder = settings.work.join(format!("{name}-{version}"));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Starts a peer with its output in `output.log` of its folder and waits until it listens.
fn peer(
    name: &'static str,
    version: String,
    ports: (u16, u16),
    quic: bool,
    command: &mut Command,
    work: &Path,
) -> anyhow::Result<Contestant> {
    let log = work.join("output.log");
    let out = std::fs::File::create(&log)?;
    let short: Vec<&str> = version.trim_start_matches('v').split('.').take(2).collect();
    let name = &*format!("{name} {}", short.join(".")).leak();
    let child = command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).spawn()?;
    let mut proxy = Contestant {
        name,
        version,
        http: ports.0,
        https: ports.1,
        quic,
        process: Process::Peer(child),
        idle_kib: 0,
    };
    let listens = |port: u16| TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_ok();
    let up =
        testkit::eventually_blocking(&format!("{name} listens or ends"), Duration::from_secs(20), || {
            let Process::Peer(child) = &mut proxy.process else { return Some(true) };
            match child.try_wait() {
                Ok(None) => (listens(ports.0) && listens(ports.1)).then_some(true),
                _ => Some(false),
            }
        });
    ensure!(up, "it ended at once: {}", std::fs::read_to_string(&log)?);
    Ok(proxy)
}

/// The first line of what a program says of its version.
fn version_of(command: Command, argument: &str) -> anyhow::Result<String> {
    Ok(words_of(command, argument)?.lines().next().unwrap_or_default().trim().to_owned())
}

/// What a program says of itself.
fn words_of(mut command: Command, argument: &str) -> anyhow::Result<String> {
    let output = command.arg(argument).output().with_context(|| format!("{command:?} cannot be started"))?;
    Ok((String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr)).into_owned())
}
