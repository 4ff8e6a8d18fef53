//! The second form of the access log: for a program that looks for attacks. Flat JSON with a fixed set of fields,
//! each of which is a string or a number and always there, so that nothing that a client sends can hide its request.

use super::entry::Record;
use super::format::{Second, quoted, quoted_ip};
use super::writer::Limits;
use crate::field::put_number;

/// Four files of 8 MiB.
pub(super) const LIMITS: Limits = Limits { max_bytes: 8 * 1024 * 1024, keep: 3 };

/// What was stopped as an attack already, or has no status, teaches nothing.
pub(super) fn wants(record: &Record<'_>) -> bool {
    let judged = record.stop.is_some_and(|stop| matches!(stop.phase, "crowdsec" | "manual"));
    !judged && record.status != 0
}

/// Appends a line.
pub(super) fn put(record: &Record<'_>, second: &mut Second, lines: &mut Vec<u8>) {
    lines.extend_from_slice(b"{\"time\":\"");
    second.put(record.time, lines);
    lines.extend_from_slice(b"\",\"request_id\":");
    quoted(&record.request_id.text(), lines);
    lines.extend_from_slice(b",\"client_ip\":");
    quoted_ip(record.client_ip, lines);
    lines.extend_from_slice(b",\"host\":");
    quoted(record.host, lines);
    lines.extend_from_slice(b",\"method\":");
    quoted(record.method, lines);
    lines.extend_from_slice(b",\"uri\":");
    // What tries to climb out of a folder is gone from the normal form.
    let path = record.sent_path.unwrap_or(record.path);
    match record.query {
        None => quoted(path, lines),
        Some(query) => quoted(&[path, b"?", query].concat(), lines),
    }
    lines.extend_from_slice(b",\"status\":");
    put_number(lines, record.status.into());
    lines.extend_from_slice(b",\"user_agent\":");
    quoted(record.user_agent, lines);
    // As the parsers of CrowdSec name it.
    lines.extend_from_slice(b",\"auth\":\"");
    lines.extend_from_slice(if record.login_failed { b"auth_fail" } else { b"" });
    lines.push(b'"');
    lines.extend_from_slice(b"}\n");
}
