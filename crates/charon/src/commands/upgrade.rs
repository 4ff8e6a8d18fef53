//! `charon upgrade`: has the running process hand over to the binary that lies at its path now, and says how it
//! went.

use crate::boot::Settings;
use crate::local_api::LocalApi;
use crate::out;
use crate::run_file::Running;
use anyhow::{Context, bail};
use base::{Clock, Code, SystemClock, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::process::ExitCode;
use std::time::Duration;

/// A migration of the database is part of it.
const PATIENCE: Duration = Duration::from_secs(150);
const PACE: Duration = Duration::from_millis(50);
/// How often the problems are looked at, in looks at `run.json`.
const ASK_EVERY: u32 = 10;

pub(super) async fn run(settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let before = Running::of(&settings.data_dir)
        .with_context(|| format!("no Charon runs in the data folder {}", settings.data_dir.display()))?;
    let pid = i32::try_from(before.pid).ok().and_then(Pid::from_raw).context("run.json names no process")?;
    let began = SystemClock.now();
    kill_process(pid, Signal::USR2)
        .with_context(|| format!("the process {} of run.json cannot be told", before.pid))?;
    let end = SystemClock.monotonic() + PATIENCE;
    let mut look = 0_u32;
    while SystemClock.monotonic() < end {
        tokio::time::sleep(PACE).await;
        if let Some(now) = Running::of(&settings.data_dir).filter(|now| now.pid != before.pid) {
            if as_json {
                out::json(&json!({ "pid": now.pid, "version": now.version, "before": before.pid }));
            } else {
                out::text(format!("Version {} serves as process {}.", now.version, now.pid));
                out::text(format!("Process {} ends when its connections have.", before.pid));
            }
            return Ok(ExitCode::SUCCESS);
        }
        look += 1;
        if look.is_multiple_of(ASK_EVERY)
            && let Some(why) = failure(settings, began).await
        {
            bail!("{why}");
        }
    }
    bail!("nothing was heard for {} seconds; see the log of process {}", PATIENCE.as_secs(), before.pid)
}

/// Why the running process says that it failed. While the data folder changes hands nobody answers.
async fn failure(settings: &Settings, began: Timestamp) -> Option<String> {
    let ask = async {
        let answer =
            LocalApi::running(&settings.data_dir).await?.send("GET", "/api/v1/health", None).await.ok()?;
        let problems = answer.body["problems"].as_array()?.clone();
        let failed = problems.into_iter().find(|problem| problem["code"] == Code::UpgradeFailed.as_str())?;
        let since = Timestamp::parse(failed["since"].as_str()?).ok()?;
        (since >= began).then(|| failed["message"].as_str().unwrap_or_default().to_owned())
    };
    tokio::time::timeout(Duration::from_secs(1), ask).await.ok().flatten()
}
