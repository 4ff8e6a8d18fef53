//! How an entry is written: one JSON object a line, or the combined format that old tools read. Which fields, and
//! which of the requests that went well.

use super::{Entry, Fault};
use serde_json::Value;
use std::io::Write;

/// The form of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// A JSON object.
    #[default]
    Json,
    /// The combined log format of Apache and nginx.
    Combined,
}

/// The fields that a JSON line may have, beside `time`, which it always has.
pub const LOG_FIELDS: &[&str] = &[
    "request_id",
    "client_ip",
    "host_id",
    "host",
    "method",
    "path",
    "query",
    "protocol",
    "scheme",
    "status",
    "duration_us",
    "upstream",
    "dns_us",
    "connect_us",
    "tls_us",
    "upstream_us",
    "bytes_in",
    "bytes_out",
    "user_agent",
    "referer",
    "stop",
    "fault",
];

/// Whether a line is written at all: each one that did not go well, and every `sample`th of the others.
pub(super) fn is_wanted(entry: &Entry, sample: u32) -> bool {
    let well = (100..400).contains(&entry.status) && entry.fault == Fault::None;
    // Mixed, so that requests that come in turns are all seen (Fibonacci hashing).
    let mixed = entry.request_id.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    sample <= 1 || !well || mixed.is_multiple_of(sample.into())
}

/// Appends a line. `fields` is empty for all.
pub(super) fn put(entry: &Entry, format: LogFormat, fields: &[String], lines: &mut Vec<u8>) {
    let before = lines.len();
    let written = match format {
        LogFormat::Combined => combined(entry, lines).is_ok(),
        LogFormat::Json if fields.is_empty() => serde_json::to_writer(&mut *lines, entry).is_ok(),
        LogFormat::Json => serde_json::to_value(entry).is_ok_and(|mut all| {
            if let Value::Object(all) = &mut all {
                all.retain(|name, _| name == "time" || fields.iter().any(|field| field == name));
            }
            serde_json::to_writer(&mut *lines, &all).is_ok()
        }),
    };
    if written {
        lines.push(b'\n');
    } else {
        lines.truncate(before);
    }
}

fn combined(entry: &Entry, lines: &mut Vec<u8>) -> std::io::Result<()> {
    write!(lines, "{} - - [{}] \"", entry.client_ip, entry.time.common_log())?;
    escape(&entry.method, lines);
    lines.push(b' ');
    escape(&entry.path, lines);
    if let Some(query) = &entry.query {
        lines.push(b'?');
        escape(query, lines);
    }
    write!(lines, " {}\" {} {} \"", entry.protocol.version(), entry.status, entry.bytes_out)?;
    escape(dash(&entry.referer), lines);
    lines.extend_from_slice(b"\" \"");
    escape(dash(&entry.user_agent), lines);
    lines.push(b'"');
    Ok(())
}

fn dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// As nginx does: nothing that a client sends ends a field or a line.
fn escape(text: &str, lines: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | ..=0x1f | 0x7f.. => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                lines.extend_from_slice(&[
                    b'\\',
                    b'x',
                    DIGITS[usize::from(byte >> 4)],
                    DIGITS[usize::from(byte & 15)],
                ]);
            }
            byte => lines.push(byte),
        }
    }
}
