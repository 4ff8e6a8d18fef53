//! Short programs: run to their end, with a limit of time.

use rustix::process::{Pid, Signal, kill_process};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// What a program has said.
pub(super) struct Said {
    pub(super) success: bool,
    /// Standard output and error, one after the other.
    pub(super) text: String,
}

impl Said {
    /// The last line that says something, for a message.
    pub(super) fn reason(&self) -> String {
        let line = self.text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        if let Ok(said) = serde_json::from_str::<serde_json::Value>(line)
            && let Some(message) = said["msg"].as_str()
        {
            return message.trim().to_owned();
        }
        let message = line.split_once("msg=").map_or(line, |(_, message)| message);
        message.trim().trim_matches('"').replace("\\\"", "\"")
    }
}

/// Runs a program. Blocks.
///
/// # Errors
/// When it cannot be started, or takes longer than `limit`.
pub(super) fn run(program: &Path, arguments: &[&str], limit: Duration) -> Result<Said, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| error.to_string())?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (sender, ended) = mpsc::channel();
    std::thread::spawn(move || {
        // Nobody listens any more after the limit.
        _ = sender.send(child.wait_with_output());
    });
    match ended.recv_timeout(limit) {
        Ok(output) => {
            let output = output.map_err(|error| error.to_string())?;
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            Ok(Said { success: output.status.success(), text })
        }
        Err(_) => {
            if let Some(pid) = pid {
                _ = kill_process(pid, Signal::KILL);
            }
            Err(format!("{} did not end within {} seconds", program.display(), limit.as_secs()))
        }
    }
}
