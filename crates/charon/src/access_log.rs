//! Reads the newest lines of the access log back from its file, so that looking costs requests nothing.

use api::engines::{Fault, LogEntry, LogFilter, Stop};
use base::Timestamp;
use serde_json::Value;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// How far back is looked.
const TAIL: u64 = 1024 * 1024;

/// The newest entries that `filter` takes, newest first.
pub(crate) fn newest(
    path: &Path,
    filter: &LogFilter,
    limit: usize,
    name: impl Fn(&str) -> Option<String>,
) -> Vec<Arc<LogEntry>> {
    let text = match tail(path) {
        Ok(text) => text,
        Err(error) => {
            // No file yet is the usual reason; a log that cannot be written is on the problem board.
            tracing::debug!("the access log cannot be read: {error}");
            return Vec::new();
        }
    };
    text.lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| entry(&line, &name))
        .filter(|entry| filter.takes(entry))
        .take(limit)
        .map(Arc::new)
        .collect()
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn entry(line: &Value, name: &impl Fn(&str) -> Option<String>) -> Option<LogEntry> {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let number = |key: &str| line[key].as_u64().unwrap_or(0);
    let millis = |key: &str| line[key].as_u64().map(|micros| micros as f64 / 1000.0);
    let host_uuid = line["host_id"].as_str().map(str::to_owned);
    Some(LogEntry {
        time: Timestamp::parse(line["time"].as_str()?).ok()?,
        request_id: line["taken_id"].as_str().map_or_else(|| text("request_id"), str::to_owned),
        client_ip: text("client_ip"),
        host_name: host_uuid.as_deref().and_then(name),
        host_uuid,
        host: text("host"),
        method: text("method"),
        path: text("path"),
        query: text("query"),
        protocol: match line["protocol"].as_str()? {
            "h1.0" => "HTTP/1.0",
            "h2" => "HTTP/2",
            _ => "HTTP/1.1",
        }
        .to_owned(),
        scheme: text("scheme"),
        status: u16::try_from(number("status")).ok()?,
        duration_ms: millis("duration_us")?,
        upstream: line["upstream"].as_str().map(str::to_owned),
        upstream_ms: millis("upstream_us"),
        bytes_in: number("bytes_in"),
        bytes_out: number("bytes_out"),
        user_agent: text("user_agent"),
        referer: text("referer"),
        stop: line["stop"].as_object().map(|stop| {
            let part = |key: &str| stop.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            Stop { phase: part("phase"), reason: part("reason") }
        }),
        fault: match line["fault"].as_str() {
            Some("client") => Fault::Client,
            Some("upstream") => Fault::Upstream,
            Some("charon") => Fault::Charon,
            _ => Fault::None,
        },
    })
}
