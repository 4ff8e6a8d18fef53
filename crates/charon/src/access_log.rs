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
        .filter_map(|line| match serde_json::from_str::<Value>(line) {
            Ok(line) => entry(&line, &name),
            Err(_) => combined(line),
        })
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
        // Fields may be left out by a setting; what is not there is not made up.
        protocol: match line["protocol"].as_str() {
            Some("h1.0") => "HTTP/1.0",
            Some("h1.1") => "HTTP/1.1",
            Some("h2") => "HTTP/2",
            Some("h3") => "HTTP/3",
            _ => "",
        }
        .to_owned(),
        scheme: text("scheme"),
        status: u16::try_from(number("status")).ok()?,
        duration_ms: millis("duration_us").unwrap_or(0.0),
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

/// A line of the combined format, as the data plane writes it. What it does not hold stays empty.
fn combined(line: &str) -> Option<LogEntry> {
    let (client, rest) = line.split_once(" - - [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let (numbers, rest) = rest.split_once(" \"")?;
    let (referer, agent) = rest.strip_suffix('"')?.split_once("\" \"")?;
    let mut parts = request.split(' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (status, bytes_out) = numbers.split_once(' ')?;
    let text = |text: &str| if text == "-" { String::new() } else { text.to_owned() };
    Some(LogEntry {
        time: Timestamp::parse_common_log(time)?,
        client_ip: client.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        protocol: if version == "HTTP/2.0" { "HTTP/2" } else { version }.to_owned(),
        status: status.parse().ok()?,
        bytes_out: bytes_out.parse().ok()?,
        user_agent: text(agent),
        referer: text(referer),
        ..LogEntry::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_both_formats_are_read_back_and_what_they_leave_out_stays_empty() {
        let line = r#"192.0.2.1 - - [10/Oct/2025:13:55:36 +0000] "GET /a?b=c HTTP/2.0" 404 17 "-" "x\x22y""#;
        let read = combined(line).unwrap();
        assert_eq!((read.path.as_str(), read.query.as_str(), read.status), ("/a", "b=c", 404));
        assert_eq!((read.time.to_string().as_str(), read.referer.as_str()), ("2025-10-10T13:55:36.000Z", ""));
        assert!(combined("half a line").is_none());
        let line = serde_json::json!({ "time": "2025-10-10T13:55:36Z", "status": 200 });
        let read = entry(&line, &|_| None).unwrap();
        assert_eq!((read.status, read.protocol.as_str(), read.duration_ms), (200, "", 0.0));
    }
}
