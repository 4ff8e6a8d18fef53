//! The real executable on a data folder of its own, on free ports, with its output captured.

use crate::{Api, eventually, eventually_blocking};
use base::{Clock, SystemClock};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The longest that a start or a stop may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// E-mail address of the account that [`App::admin`] makes.
pub const ADMIN: &str = "admin@example.com";
/// Password of that account.
pub const PASSWORD: &str = "correct horse battery";

/// The executable under test: `CHARON_BIN`, else the one of the profile in which the test was built.
///
/// # Panics
/// When it is not there.
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment which executable to drive")]
pub fn charon_binary() -> PathBuf {
    let path = match std::env::var_os("CHARON_BIN") {
        Some(path) => PathBuf::from(path),
        None => {
            let test = std::env::current_exe().expect("the path of this test");
            let profile = test.parent().and_then(Path::parent).expect("the target folder");
            profile.join("charon")
        }
    };
    assert!(path.is_file(), "{} is missing; build it with `cargo build -p charon`", path.display());
    path
}

#[expect(clippy::disallowed_methods, reason = "the executable gets only what it needs of this environment")]
fn command(program: &Path, settings: &[(String, String)]) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "HOME", "LANG", "RUST_BACKTRACE"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(settings.iter().map(|(name, value)| (name, value)));
    command
}

/// Two free ports beside each other, for an agent of CrowdSec: databases of the original may switch it on. Below the
/// range from which the system takes ports by itself, so that they stay free until the agent starts.
fn crowdsec_port() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(8);
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let pair = || {
        let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 6_000;
        let port = u16::try_from(20_000 + number * 2).ok()?;
        (free(port) && free(port + 1)).then_some(port)
    };
    std::iter::repeat_with(pair).take(1_000).flatten().next().expect("two free ports").to_string()
}

fn data(settings: &[(String, String)]) -> PathBuf {
    let (_, path) = settings.iter().find(|(name, _)| name == "CHARON_DATA_DIR").expect("a data folder");
    path.into()
}

/// Where a running Charon listens, as it says itself in `run.json`.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// UI and API.
    pub ui: SocketAddr,
    /// Plain HTTP of the proxy.
    pub http: SocketAddr,
    /// HTTPS of the proxy.
    pub https: SocketAddr,
}

/// What a command that ended on its own has said.
#[derive(Debug)]
pub struct Run {
    /// Exit status; -1 when a signal ended it, as one does after a minute.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Settings of an [`App`] that has not been started yet.
#[derive(Debug)]
pub struct AppBuilder {
    folder: TempDir,
    program: PathBuf,
    settings: Vec<(String, String)>,
}

impl AppBuilder {
    /// Serves with the executable at this path, which may change meanwhile.
    #[must_use]
    pub fn program(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.program);
        self
    }

    /// Sets an environment variable of the executable; a later value wins.
    #[must_use]
    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value));
        self
    }

    /// The data folder, to lay files into before the start.
    ///
    /// # Panics
    /// Never: the builder has set it.
    pub fn data(&self) -> PathBuf {
        data(&self.settings)
    }

    /// Runs a command of the executable on this data folder until it ends.
    pub fn run(&self, arguments: &[&str]) -> Run {
        run(&self.settings, arguments)
    }

    /// Starts `charon serve` and waits until it serves.
    ///
    /// # Panics
    /// When it ends or does not serve within a minute, with its output.
    pub async fn start(self) -> App {
        let mut app = self.spawn();
        app.wait_until_ready().await;
        app
    }

    /// Starts `charon serve` without waiting.
    pub fn spawn(self) -> App {
        let output = self.folder.path().join("output.log");
        let child = spawn(&self.program, &self.settings, &output);
        App {
            _folder: self.folder,
            program: self.program,
            settings: self.settings,
            output,
            child,
            addresses: None,
        }
    }
}

fn run(settings: &[(String, String)], arguments: &[&str]) -> Run {
    let (mut out, mut err) = (tempfile::tempfile().expect("a file"), tempfile::tempfile().expect("a file"));
    let mut command = command(&charon_binary(), settings);
    command.args(arguments).stdin(Stdio::null());
    command.stdout(out.try_clone().expect("the file a second time"));
    command.stderr(err.try_clone().expect("the file a second time"));
    let mut child = command.spawn().expect("the executable cannot be started");
    let end = SystemClock.monotonic() + LIMIT;
    let status = eventually_blocking("the command has ended", LIMIT * 2, || {
        if SystemClock.monotonic() > end {
            _ = child.kill();
        }
        child.try_wait().expect("the state of the process")
    });
    let text = |file: &mut File| {
        let mut text = String::new();
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text)).expect("the output");
        text
    };
    Run { code: status.code().unwrap_or(-1), stdout: text(&mut out), stderr: text(&mut err) }
}

fn spawn(program: &Path, settings: &[(String, String)], output: &Path) -> Child {
    let out = File::options().create(true).append(true).open(output).expect("a file for the output");
    let err = out.try_clone().expect("the file a second time");
    let mut command = command(program, settings);
    command.arg("serve").stdin(Stdio::null()).stdout(out).stderr(err);
    command.spawn().expect("the executable cannot be started")
}

/// A running (or ended) Charon. Dropping it kills the process and removes the folder; when the test fails, the
/// end of its output is shown.
#[derive(Debug)]
pub struct App {
    /// Removed with the value.
    _folder: TempDir,
    program: PathBuf,
    settings: Vec<(String, String)>,
    output: PathBuf,
    child: Child,
    addresses: Option<Addresses>,
}

impl App {
    /// Settings of a new one: an empty data folder, loopback only, any free port.
    pub fn builder() -> AppBuilder {
        let folder = tempfile::Builder::new().prefix("charon-test-").tempdir().expect("a temporary folder");
        let data = folder.path().join("data");
        fs::create_dir(&data).expect("the data folder");
        let settings = vec![("CHARON_DATA_DIR".to_owned(), data.display().to_string())];
        AppBuilder { folder, program: charon_binary(), settings }
            .set("CHARON_BIND", "127.0.0.1")
            .set("CHARON_PROXY_BIND", "127.0.0.1")
            .set("CHARON_HTTP_PORT", "0")
            .set("CHARON_PROXY_HTTP_PORT", "0")
            .set("CHARON_PROXY_HTTPS_PORT", "0")
            .set("CHARON_CROWDSEC_PORT", crowdsec_port())
            .set("CHARON_WORKERS", "2")
    }

    /// Starts one with the settings of [`App::builder`].
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Waits until `run.json` names the process that was started.
    ///
    /// # Panics
    /// When the process ends or does not serve within a minute, with its output.
    pub async fn wait_until_ready(&mut self) {
        let file = self.data().join("run.json");
        let (pid, output) = (self.child.id(), self.output.clone());
        let child = &mut self.child;
        let found = eventually("Charon serves", LIMIT, async || {
            if let Some(status) = child.try_wait().expect("the state of the process") {
                panic!(
                    "charon ended at its start with {status}:\n{}",
                    fs::read_to_string(&output).unwrap_or_default()
                );
            }
            let run: Value = serde_json::from_str(&fs::read_to_string(&file).ok()?).ok()?;
            let address = |name: &str| run[name].as_str()?.parse().ok();
            (run["pid"] == pid).then_some(())?;
            Some(Addresses { ui: address("ui")?, http: address("http")?, https: address("https")? })
        })
        .await;
        self.addresses = Some(found);
    }

    fn addresses(&self) -> Addresses {
        self.addresses.expect("Charon was not waited for")
    }

    /// Address of UI and API.
    pub fn ui(&self) -> SocketAddr {
        self.addresses().ui
    }

    /// Address of the proxy's plain HTTP listener.
    pub fn http(&self) -> SocketAddr {
        self.addresses().http
    }

    /// Address of the proxy's HTTPS listener.
    pub fn https(&self) -> SocketAddr {
        self.addresses().https
    }

    /// The data folder.
    ///
    /// # Panics
    /// Never: the builder has set it.
    pub fn data(&self) -> PathBuf {
        data(&self.settings)
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it wrote to standard output and error, over all starts.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// The one-time set-up token from its output.
    ///
    /// # Panics
    /// When none was printed.
    pub fn set_up_token(&self) -> String {
        let output = self.output();
        let token = output.lines().rev().find_map(|line| line.split_once("Set-up token: "));
        token.unwrap_or_else(|| panic!("no set-up token in the output:\n{output}")).1.trim().to_owned()
    }

    /// A client without an account.
    pub fn anonymous(&self) -> Api {
        Api::new(self.ui())
    }

    /// A client with a session of the first account, which is made when there is none yet.
    pub async fn admin(&self) -> Api {
        let mut api = self.anonymous();
        if api.get("/setup").await.expect(200)["setupRequired"] == true {
            let account = json!({
                "token": self.set_up_token(), "name": "Admin", "email": ADMIN, "password": PASSWORD,
            });
            api.post("/setup", &account).await.expect(201);
        } else {
            api.post("/auth/login", &json!({ "email": ADMIN, "password": PASSWORD })).await.expect(200);
        }
        api
    }

    /// Runs another command of the executable on the same data folder until it ends.
    pub fn run(&self, arguments: &[&str]) -> Run {
        run(&self.settings, arguments)
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// When it does not end within a minute.
    pub async fn stop(&mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("the kill command");
        assert!(sent.success(), "the process {pid} is gone already:\n{}", self.output());
        self.wait_for_end().await
    }

    /// Waits until the process ends on its own.
    ///
    /// # Panics
    /// When it does not end within a minute.
    pub async fn wait_for_end(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("charon has ended", LIMIT, async || child.try_wait().expect("the state of the process"))
            .await
    }

    /// kill -9: no chance to tidy up.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process cannot be killed");
        self.child.wait().expect("the end of the process");
    }

    /// Starts it again on the same folder, after [`App::stop`] or [`App::kill`], and waits until it serves.
    ///
    /// # Panics
    /// As [`AppBuilder::start`].
    pub async fn start_again(&mut self) {
        self.spawn_again();
        self.wait_until_ready().await;
    }

    /// Starts it again without waiting.
    pub fn spawn_again(&mut self) {
        self.addresses = None;
        self.child = spawn(&self.program, &self.settings, &self.output);
    }

    /// Sets an environment variable for the next start and for [`App::run`].
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.into()));
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // After an upgrade another process serves here.
        let run = fs::read_to_string(self.data().join("run.json")).unwrap_or_default();
        let run: Value = serde_json::from_str(&run).unwrap_or_default();
        if let Some(pid) = run["pid"].as_u64().filter(|pid| *pid != u64::from(self.child.id())) {
            _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
        _ = self.child.kill();
        _ = self.child.wait();
        if std::thread::panicking() {
            let output = self.output();
            let lines: Vec<_> = output.lines().collect();
            eprintln!(
                "--- the end of Charon's output\n{}",
                lines[lines.len().saturating_sub(60)..].join("\n")
            );
        }
    }
}
