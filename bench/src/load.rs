//! Runs wrk, h2load or one of our own load generators against a contestant for a bounded time and reads what they say.

use crate::cases::{Case, Key, Load};
use crate::contestants::Contestant;
use crate::{LOAD_CORE, Settings};
use anyhow::{Context, ensure};
use std::process::Command;
use std::time::Duration;

/// What a load generator has seen.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Answered requests.
    pub(crate) requests: u64,
    /// Length of the run in seconds.
    pub(crate) seconds: f64,
    /// Failed requests, unexpected statuses and broken connections.
    pub(crate) errors: u64,
}

/// Makes load for `time`.
pub(crate) fn run(
    case: &Case,
    proxy: &Contestant,
    time: Duration,
    settings: &Settings,
) -> anyhow::Result<Seen> {
    let (scheme, port) = if case.tls { ("https", proxy.https_port()) } else { ("http", proxy.http_port()) };
    let url = format!("{scheme}://localhost:{port}{}", case.path);
    let (name, certificate) = match case.key {
        Key::Ecdsa => ("localhost", settings.work.join("certificate.pem")),
        Key::Rsa => ("rsa.localhost", settings.work.join("rsa.pem")),
    };
    let seconds = time.as_secs().max(1);
    let mut command = Command::new("taskset");
    let cores =
        if settings.workers == 1 { LOAD_CORE.to_string() } else { format!("0-{}", settings.cores - 1) };
    command.args(["-c", &cores]);
    let wrk = |command: &mut Command, connections: u32| {
        command.args(["wrk", "-t1", "--timeout", "5s"]);
        command.args([format!("-c{connections}"), format!("-d{seconds}s")]);
    };
    let ourselves = std::env::current_exe()?;
    let ours = |command: &mut Command, what: &str, connections: u32| {
        command.arg(&ourselves).args([what, &port.to_string(), case.path]);
        command.args([case.length().to_string(), connections.to_string()]);
    };
    match case.load {
        Load::Http1 { connections } => wrk(&mut command, connections),
        Load::NewConnections { connections } => {
            ours(&mut command, "handshakes", connections);
            command.args([&seconds.to_string(), name]).arg(certificate);
        }
        Load::Post { connections, body } => {
            let script = settings.work.join("post.lua");
            std::fs::write(
                &script,
                format!("wrk.method = \"POST\"\nwrk.body = string.rep(\"x\", {body})\n"),
            )?;
            wrk(&mut command, connections);
            command.arg("-s").arg(&script);
        }
        Load::Http2 { connections, streams } => {
            command.args(["h2load", "-t1"]);
            command.args([format!("-c{connections}"), format!("-m{streams}"), format!("-D{seconds}")]);
            command.arg(format!("--connect-to=127.0.0.1:{port}"));
        }
        Load::Http3 { connections, streams } => {
            ours(&mut command, "http3", connections);
            command.args([streams.to_string(), seconds.to_string()]).arg(certificate);
        }
    }
    if !matches!(case.load, Load::Http3 { .. } | Load::NewConnections { .. }) {
        command.arg(&url);
    }
    let output = command.output().context("the load generator cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "the load generator failed: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seen = match case.load {
        Load::Http2 { .. } | Load::Http3 { .. } | Load::NewConnections { .. } => read_h2load(&text, time),
        _ => read_wrk(&text),
    };
    let seen = seen.with_context(|| format!("what the load generator said is not understood: {text}"))?;
    if seen.errors > 0 {
        println!("{text}");
    }
    Ok(seen)
}

/// `  123456 requests in 3.00s, 130.00MB read`, and lines on errors only when there were some.
fn read_wrk(text: &str) -> Option<Seen> {
    let line = text.lines().find(|line| line.contains(" requests in "))?.trim();
    let (requests, rest) = line.split_once(" requests in ")?;
    let time = rest.split(',').next()?;
    let seconds = match time.strip_suffix("ms") {
        Some(millis) => millis.parse::<f64>().ok()? / 1e3,
        None => match time.strip_suffix('m') {
            Some(minutes) => minutes.parse::<f64>().ok()? * 60.0,
            None => time.strip_suffix('s')?.parse().ok()?,
        },
    };
    let mut errors = 0;
    for line in text.lines() {
        if let Some((_, count)) = line.split_once("Non-2xx or 3xx responses:") {
            errors += count.trim().parse::<u64>().ok()?;
        }
        if let Some((_, counts)) = line.split_once("Socket errors:") {
            errors += counts.split([',', ' ']).filter_map(|word| word.parse::<u64>().ok()).sum::<u64>();
        }
    }
    Some(Seen { requests: requests.parse().ok()?, seconds, errors })
}

/// `requests: 9 total, 9 started, 9 done, 9 succeeded, 0 failed, 0 errored, 0 timeout`
fn read_h2load(text: &str, time: Duration) -> Option<Seen> {
    let line = text.lines().find_map(|line| line.strip_prefix("requests: "))?;
    let count = |what: &str| {
        let part = line.split(", ").find_map(|part| part.strip_suffix(what))?;
        part.trim().parse::<u64>().ok()
    };
    let errors = count(" failed")? + count(" errored")? + count(" timeout")?;
    Some(Seen { requests: count(" succeeded")?, seconds: time.as_secs_f64(), errors })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_wrk_are_understood() {
        let text = "Running 3s test\n  Socket errors: connect 0, read 2, write 0, timeout 1\n  \
                    123456 requests in 3.10s, 130.00MB read\n  Non-2xx or 3xx responses: 4\nRequests/sec: 1\n";
        assert_eq!(read_wrk(text), Some(Seen { requests: 123_456, seconds: 3.1, errors: 7 }));
        assert_eq!(read_wrk("unable to connect"), None);
    }

    #[test]
    fn the_words_of_h2load_are_understood() {
        let text = "finished in 3.00s\nrequests: 9 total, 9 started, 9 done, 7 succeeded, 2 failed, 0 errored, 1 timeout\n";
        let seen = read_h2load(text, Duration::from_secs(3));
        assert_eq!(seen, Some(Seen { requests: 7, seconds: 3.0, errors: 3 }));
    }
}
