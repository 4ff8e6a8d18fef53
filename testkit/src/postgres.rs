//! A PostgreSQL server of Debian's package for tests: started on a Unix socket in a temporary folder, stopped and
//! removed when dropped.

use anyhow::{Context, ensure};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where Debian keeps its versions.
const VERSIONS: &str = "/usr/lib/postgresql";
/// The server refuses to run as root; the package makes this user.
const USER: &str = "postgres";

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    binaries: PathBuf,
    folder: tempfile::TempDir,
    databases: AtomicU32,
}

impl Postgres {
    /// Starts a server of its own; `None`, with a sentence on standard output, when PostgreSQL is not installed.
    ///
    /// # Errors
    /// When it is installed and does not start.
    pub fn start() -> anyhow::Result<Option<Self>> {
        let Some(binaries) = newest() else {
            eprintln!("skipped: PostgreSQL is not installed (apt-get install postgresql)");
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let server = Self { binaries, folder, databases: AtomicU32::new(0) };
        if is_root()? {
            run(Command::new("chown").arg(USER).arg(server.folder.path()))?;
        }
        let data = server.data();
        let initdb = ["-D", "-U", "charon", "-A", "trust", "-E", "UTF8", "--no-sync"];
        server.tool("initdb", initdb, 1, data.as_os_str())?;
        server.start_again()?;
        Ok(Some(server))
    }

    /// Starts it after [`Postgres::stop`], with its databases.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&self) -> anyhow::Result<()> {
        let settings = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off",
            self.folder.path().display()
        );
        let log = self.folder.path().join("log").display().to_string();
        let data = self.data();
        self.tool("pg_ctl", ["-D", "-w", "-l", &log, "-o", &settings, "start"], 1, data.as_os_str())
    }

    /// Stops it at once, cutting its connections.
    ///
    /// # Errors
    /// When it does not stop, or is stopped already.
    pub fn stop(&self) -> anyhow::Result<()> {
        let data = self.data();
        self.tool("pg_ctl", ["-D", "-m", "immediate", "stop"], 1, data.as_os_str())
    }

    /// The URL of a new, empty database.
    ///
    /// # Errors
    /// When the server does not make it.
    pub fn database(&self) -> anyhow::Result<String> {
        let name = format!("test{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let folder = self.folder.path();
        self.tool("createdb", ["-U", "charon", "-h", &name], 3, folder.as_os_str())?;
        Ok(format!("postgres://charon@localhost/{name}?host={}", folder.display()))
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Runs one of the server's programs, with a path put in at a place among its arguments.
    fn tool<const N: usize>(
        &self,
        name: &str,
        arguments: [&str; N],
        at: usize,
        path: &OsStr,
    ) -> anyhow::Result<()> {
        let mut arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        arguments.insert(at, path);
        let program = self.binaries.join(name);
        let mut command = if is_root()? {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        run(command.args(arguments).current_dir(self.folder.path()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("PostgreSQL did not stop: {error:#}");
        }
    }
}

fn newest() -> Option<PathBuf> {
    let versions = std::fs::read_dir(VERSIONS).ok()?.flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let found = versions.map(|entry| entry.path()).filter(|path| path.join("bin/initdb").exists());
    Some(found.max_by_key(|path| number(path))?.join("bin"))
}

fn is_root() -> anyhow::Result<bool> {
    let output = Command::new("id").arg("-u").output().context("cannot run id")?;
    Ok(output.stdout.trim_ascii() == b"0")
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    // pg_ctl hands its output to the server it starts, so reading it to the end would wait for the server's.
    let log = tempfile::NamedTempFile::new()?;
    let status = command
        .stdin(std::process::Stdio::null())
        .stdout(log.reopen()?)
        .stderr(log.reopen()?)
        .status()
        .with_context(|| format!("cannot run {:?}", command.get_program()))?;
    let said = std::fs::read_to_string(log.path()).unwrap_or_default();
    ensure!(status.success(), "{command:?} failed: {said}");
    Ok(())
}
