//! The agent's process: started without privileges, ended with its parent, watched, and heard.

use super::install::Installed;
use super::tree::Place;
use base::{Clock, Timestamp};
use rustix::process::{
    Pid, PidfdFlags, Signal, geteuid, kill_process, pidfd_open, pidfd_send_signal, test_kill_process,
};
use serde::Serialize;
use serde_json::Value;
use std::collections::VecDeque;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// Lines of the agent's log that are kept.
const KEPT_LINES: usize = 300;
/// Standard error before it counts as one line.
const LONGEST_LINE: u64 = 16 * 1024;
/// What the agent logs when it reads its log.
const START_LINE: &str = "Starting processing data";
/// What LAPI logs when it has taken in or ended decisions: the beginning of the request.
const DECIDED: &[&str] = &["\"POST /v1/alerts ", "\"DELETE /v1/decisions", "\"DELETE /v1/alerts"];
/// What is normal without a network and without systemd, though it looks like a fault.
const HARMLESS: &[&str] = &["GeoLite2", "Failed to notify", "geoip", "Loaded ", "charon/proof by"];

/// Complaints that may wait for a listener.
const TOLD: usize = 256;

/// Why the agent was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else has a port.
    #[error("the port {port} for its {purpose} is in use by another program")]
    PortInUse {
        /// Which.
        port: u16,
        /// What it is for.
        purpose: &'static str,
    },
    /// The system does not start it.
    #[error("it cannot be started: {0}")]
    Spawn(#[source] io::Error),
}

/// What the process is doing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProcessState {
    /// It has not said yet that it reads its log.
    Starting,
    /// It reads its log.
    Running,
    /// It has ended; the text says how, and its last complaint.
    Ended(String),
}

/// One line of the agent's log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LogLine {
    /// When it came.
    pub time: Timestamp,
    /// `fatal`, `error`, `warning`, `info` or `debug`.
    pub level: String,
    /// What it says.
    pub message: String,
}

/// A running (or ended) agent. Dropping it ends it at once.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    /// Names this very process, also when its number is given to another.
    handle: OwnedFd,
    state: watch::Receiver<ProcessState>,
    decided: watch::Receiver<u64>,
    lines: Arc<Mutex<VecDeque<LogLine>>>,
    told: broadcast::Sender<LogLine>,
    pid_file: PathBuf,
}

impl Process {
    /// Starts the agent with the configuration that stands in `place`.
    ///
    /// # Errors
    /// When a port is taken, or the system does not start it.
    pub fn start(place: &Place, installed: &Installed, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        for (port, purpose) in [(place.port, "API (LAPI)"), (place.metrics_port, "metrics")] {
            // The agent itself would end, or go on without metrics and without a word.
            if TcpListener::bind(("127.0.0.1", port)).is_err() {
                return Err(StartError::PortInUse { port, purpose });
            }
        }
        let mut command = Command::new(&installed.setpriv);
        command.args(["--no-new-privs", "--pdeathsig", "TERM"]);
        if geteuid().is_root() {
            command.args(["--bounding-set=-all", "--inh-caps=-all"]);
        }
        command.arg("--").arg(&installed.crowdsec).arg("-c").arg(place.config());
        command.current_dir(&place.folder).env_clear();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let (changed, state) = watch::channel(ProcessState::Starting);
        let (decisions, decided) = watch::channel(0);
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        let (told, born) = std::sync::mpsc::channel();
        let heard = Heard { lines: lines.clone(), told: broadcast::Sender::new(TOLD) };
        let listeners = heard.told.clone();
        // The signal for a parent's death is sent when this very thread ends: it lives as long as the agent.
        let live = move || match command.spawn() {
            Err(error) => _ = told.send(Err(error)),
            Ok(mut child) => {
                let handle = pid_of(&child).and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::empty())?));
                let known = handle.is_ok();
                _ = told.send(handle.map(|handle| (child.id(), handle)));
                if !known {
                    _ = child.kill();
                }
                hear(&mut child, &changed, &decisions, &heard, clock.as_ref());
                let ended = end(&mut child, &heard.lines);
                changed.send_replace(ProcessState::Ended(ended));
            }
        };
        std::thread::Builder::new()
            .name("crowdsec-agent".to_owned())
            .spawn(live)
            .map_err(StartError::Spawn)?;
        let born = born.recv().map_err(|_| StartError::Spawn(io::Error::other("its thread has ended")))?;
        let (pid, handle) = born.map_err(StartError::Spawn)?;
        let pid_file = pid_file(place);
        if let Err(error) = fs::write(&pid_file, pid.to_string()) {
            tracing::warn!("{} cannot be written: {error}", pid_file.display());
        }
        Ok(Self { pid, handle, state, decided, lines, told: listeners, pid_file })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What it is doing; can be waited on.
    pub fn state(&self) -> watch::Receiver<ProcessState> {
        self.state.clone()
    }

    /// Counts when its LAPI has taken in or ended decisions, as its log tells: there is something to be pulled then.
    /// Can be waited on; closes when the agent has ended.
    pub fn decided(&self) -> watch::Receiver<u64> {
        self.decided.clone()
    }

    /// The newest lines of its log, the oldest first.
    pub fn log(&self) -> Vec<LogLine> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Its complaints as it logs them, from now on.
    pub fn listen(&self) -> broadcast::Receiver<LogLine> {
        self.told.subscribe()
    }

    /// Asks it to end, and ends it when it has not within `grace`. Returns when it is gone.
    pub async fn stop(self, grace: Duration) {
        _ = pidfd_send_signal(&self.handle, Signal::TERM);
        let mut state = self.state.clone();
        let ended = state.wait_for(|state| matches!(state, ProcessState::Ended(_)));
        if tokio::time::timeout(grace, ended).await.is_err() {
            tracing::warn!(
                agent.pid = self.pid,
                "the CrowdSec agent did not end within {grace:?} and is killed"
            );
            _ = pidfd_send_signal(&self.handle, Signal::KILL);
            _ = state.wait_for(|state| matches!(state, ProcessState::Ended(_))).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended is not there to be signalled.
        _ = pidfd_send_signal(&self.handle, Signal::KILL);
        _ = fs::remove_file(&self.pid_file);
    }
}

fn pid_file(place: &Place) -> PathBuf {
    place.folder.join("agent.pid")
}

fn pid_of(child: &Child) -> io::Result<Pid> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other("the system gave no process number"))
}

/// Where lines of its log go.
struct Heard {
    lines: Arc<Mutex<VecDeque<LogLine>>>,
    told: broadcast::Sender<LogLine>,
}

/// Reads its log until it closes.
fn hear(
    child: &mut Child,
    changed: &watch::Sender<ProcessState>,
    decisions: &watch::Sender<u64>,
    heard: &Heard,
    clock: &dyn Clock,
) {
    use io::Read;
    let Some(output) = child.stderr.take() else { return };
    let mut output = BufReader::new(output);
    let mut text = Vec::new();
    loop {
        text.clear();
        match output.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut text) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let Some((level, message)) = parse(&String::from_utf8_lossy(&text)) else { continue };
        let notable = tell(&level, &message);
        if message.contains(START_LINE) {
            changed.send_replace(ProcessState::Running);
        }
        if DECIDED.iter().any(|text| message.contains(text)) {
            decisions.send_modify(|count| *count = count.wrapping_add(1));
        }
        let line = LogLine { time: clock.now(), level, message };
        if notable {
            // Without a listener there is nobody to miss it.
            _ = heard.told.send(line.clone());
        }
        let mut lines = heard.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Level and message of a line of logrus; whatever else comes is a message.
fn parse(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let level = line.split_once(" level=").and_then(|(_, rest)| rest.split(' ').next()).unwrap_or("info");
    let message = match line.split_once(" msg=") {
        // What stands behind the text are fields.
        Some((_, message)) => match serde_json::Deserializer::from_str(message).into_iter().next() {
            Some(Ok(Value::String(text))) => text,
            _ => message.trim_matches('"').to_owned(),
        },
        None => line.to_owned(),
    };
    (!message.is_empty()).then(|| (level.to_owned(), message))
}

/// Says it in Charon's log, and whether it is a complaint.
fn tell(level: &str, message: &str) -> bool {
    let routine = message.contains(" HTTP/1.1 ") || HARMLESS.iter().any(|text| message.contains(text));
    match level {
        _ if routine => tracing::debug!(source = "crowdsec", "CrowdSec: {message}"),
        "fatal" | "panic" | "error" | "warning" => {
            tracing::warn!(source = "crowdsec", "CrowdSec: {message}");
            return true;
        }
        // A ban is worth a line; how it starts is not worth a hundred. All of it stands in the agent's own log.
        "info" if message.contains(" ban on ") => tracing::info!(source = "crowdsec", "CrowdSec: {message}"),
        _ => tracing::debug!(source = "crowdsec", "CrowdSec: {message}"),
    }
    false
}

/// How it has ended, with its last complaint.
fn end(child: &mut Child, lines: &Mutex<VecDeque<LogLine>>) -> String {
    let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
    let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
    let complaint = |line: &&LogLine| matches!(line.level.as_str(), "fatal" | "panic");
    match lines.iter().rev().find(complaint) {
        Some(line) => format!("{how}: {}", line.message),
        None => how,
    }
}

/// Ends an agent that a Charon before has left running. A number in the file counts only with the command line of
/// ours; anything else that has this number now is left alone. Returns what was found, as a sentence. Blocks.
pub fn end_leftover(place: &Place) -> Option<String> {
    let file = pid_file(place);
    let pid: i32 = fs::read_to_string(&file).ok()?.trim().parse().ok()?;
    let process = Pid::from_raw(pid)?;
    _ = fs::remove_file(&file);
    if test_kill_process(process).is_err() {
        return None;
    }
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    if line.is_empty() {
        // It is ending.
        return None;
    }
    if !is_ours(&line, &place.config()) {
        return Some(format!(
            "process {pid}, which once was the CrowdSec agent, is another program now and is left alone"
        ));
    }
    let handle = pidfd_open(process, PidfdFlags::empty()).ok();
    for signal in [Signal::TERM, Signal::KILL] {
        _ = kill_process(process, signal);
        let gone = |handle: &OwnedFd| {
            let mut waits = [rustix::event::PollFd::new(handle, rustix::event::PollFlags::IN)];
            let limit = rustix::event::Timespec { tv_sec: 5, tv_nsec: 0 };
            rustix::event::poll(&mut waits, Some(&limit)).is_ok_and(|ready| ready > 0)
        };
        if handle.as_ref().is_none_or(gone) {
            break;
        }
    }
    Some(format!("the CrowdSec agent that a Charon before has left running (process {pid}) was ended"))
}

fn is_ours(line: &[u8], config: &Path) -> bool {
    line.split(|byte| *byte == 0).any(|argument| argument == config.as_os_str().as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_agent_are_read_whatever_their_form() {
        for (line, expected) in [
            (
                r#"time="22-11-2026 14:49:51" level=info msg="CrowdSec Local API listening on 127.0.0.1:18080""#,
                Some(("info", "CrowdSec Local API listening on 127.0.0.1:18080")),
            ),
            (
                r#"time="x" level=warning msg="Loaded 3 nodes" file=/x stage=y"#,
                Some(("warning", "Loaded 3 nodes")),
            ),
            (r#"time="x" level=fatal msg="a \"quoted\" fault""#, Some(("fatal", r#"a "quoted" fault"#))),
            (
                "2026/11/22 14:57:42 Re-opening moved/deleted file x",
                Some(("info", "2026/11/22 14:57:42 Re-opening moved/deleted file x")),
            ),
            ("\n", None),
        ] {
            let read = parse(line);
            assert_eq!(read.as_ref().map(|(level, message)| (&**level, &**message)), expected, "{line}");
        }
    }

    #[test]
    fn a_number_of_another_program_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder: folder.path().to_owned(), port: 1, metrics_port: 2 };
        assert_eq!(end_leftover(&place), None);
        fs::write(folder.path().join("agent.pid"), std::process::id().to_string()).unwrap();
        assert!(end_leftover(&place).unwrap().contains("left alone"));
        assert_eq!(end_leftover(&place), None, "the file is gone");
    }
}
