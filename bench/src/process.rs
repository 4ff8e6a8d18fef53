//! What the kernel knows of a process and its children.

use anyhow::Context;
use std::fs;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

/// The process and all its descendants.
fn tree(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(&pid) = all.get(next) {
        next += 1;
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    all
}

/// Ticks of `/proc/PID/stat` per second.
fn ticks_per_second() -> f64 {
    static TICKS: OnceLock<f64> = OnceLock::new();
    *TICKS.get_or_init(|| {
        let output = Command::new("getconf").arg("CLK_TCK").output().ok();
        output.and_then(|output| String::from_utf8_lossy(&output.stdout).trim().parse().ok()).unwrap_or(100.0)
    })
}

/// CPU time since the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    /// User and system time together, as exact as the scheduler counts.
    pub(crate) total: Duration,
    /// The kernel's part of it, sampled at the clock's tick.
    pub(crate) kernel: Duration,
}

/// CPU time that the process and its children have used since their start (proc(5)).
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Cpu> {
    let mut ticks = [0_u64; 2];
    for pid in tree(pid) {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the proxy has ended")?;
        // The name in brackets may hold spaces; the fields after it do not.
        let fields = stat.rsplit_once(") ").context("/proc/PID/stat has another shape")?.1;
        for (sum, field) in ticks.iter_mut().zip(fields.split(' ').skip(11)) {
            *sum += field.parse::<u64>().context("/proc/PID/stat has another shape")?;
        }
    }
    let duration = |ticks: u64| Duration::from_secs_f64(ticks as f64 / ticks_per_second());
    let [user, kernel] = ticks;
    Ok(Cpu { total: duration(user + kernel), kernel: duration(kernel) })
}

/// Memory in KiB: each page divided by the number of processes that share it.
pub(crate) fn memory_kib(pid: u32) -> anyhow::Result<u64> {
    let mut sum = 0;
    for pid in tree(pid) {
        let rollup =
            fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("the proxy has ended")?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss line")?;
        sum += line.trim().trim_end_matches(" kB").parse::<u64>()?;
    }
    Ok(sum)
}

/// Moves a process with all its threads and children to one core.
pub(crate) fn pin(pid: u32, core: usize) -> anyhow::Result<()> {
    for pid in tree(pid) {
        let output =
            Command::new("taskset").args(["-a", "-c", "-p", &core.to_string(), &pid.to_string()]).output()?;
        anyhow::ensure!(output.status.success(), "taskset: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
