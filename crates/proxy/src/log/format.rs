//! How a request is written down: one JSON object a line, or the combined format that old tools read. Which fields,
//! and which of the requests that went well.

use super::entry::{Fault, Protocol, Record, Stopped};
use crate::field;
use base::Timestamp;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

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
    "taken_id",
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

/// What the lines of a log look like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    format: LogFormat,
    /// A bit per field, in the order of [`LOG_FIELDS`].
    fields: u32,
    sample: u64,
}

impl Form {
    /// `fields` is empty for all; `sample` as in [`super::LogSettings::sample`].
    pub(super) fn new(format: LogFormat, fields: &[String], sample: u32) -> Self {
        let wanted = |name: &str| fields.is_empty() || fields.iter().any(|field| field == name);
        let bit = |(index, name): (usize, &&str)| u32::from(wanted(name)) << index;
        Self { format, fields: LOG_FIELDS.iter().enumerate().map(bit).sum(), sample: sample.max(1).into() }
    }

    /// Whether a line is written at all: each one that did not go well, and every `sample`th of the others.
    pub(super) fn wants(&self, record: &Record<'_>) -> bool {
        if self.sample == 1 || !record.went_well() {
            return true;
        }
        // Mixed, so that requests that come in turns are all seen (Fibonacci hashing).
        let mixed = record.request_id.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        mixed.is_multiple_of(self.sample)
    }

    /// Appends a line.
    pub(super) fn put(&self, record: &Record<'_>, second: &mut Second, lines: &mut Vec<u8>) {
        match self.format {
            LogFormat::Combined => combined(record, second, lines),
            LogFormat::Json => json(record, self.fields, second, lines),
        }
        lines.push(b'\n');
    }
}

/// The text of the second that the last lines were about: most are about the same one.
#[derive(Debug, Default)]
pub(super) struct Second {
    at: Option<i64>,
    rfc3339: String,
    common: String,
}

impl Second {
    fn turn_to(&mut self, time: Timestamp) {
        let second = time.millis().div_euclid(1000);
        if self.at != Some(second) {
            self.at = Some(second);
            let text = Timestamp::from_millis(second * 1000).to_string();
            self.rfc3339 = text.strip_suffix("000Z").unwrap_or(&text).to_owned();
            self.common = time.common_log();
        }
    }

    /// As `Timestamp` is written.
    pub(super) fn put(&mut self, time: Timestamp, lines: &mut Vec<u8>) {
        self.turn_to(time);
        lines.extend_from_slice(self.rfc3339.as_bytes());
        let millis = time.millis().rem_euclid(1000);
        let digit = |number: i64| b'0' + u8::try_from(number % 10).unwrap_or(0);
        lines.extend_from_slice(&[digit(millis / 100), digit(millis / 10), digit(millis), b'Z']);
    }
}

fn json(record: &Record<'_>, wanted: u32, second: &mut Second, lines: &mut Vec<u8>) {
    // Room for all that is not text of the client's, at once.
    lines.reserve(640);
    let mut object = Object { lines, wanted, index: 0 };
    object.lines.extend_from_slice(b"{\"time\":\"");
    second.put(record.time, object.lines);
    object.lines.push(b'"');
    // In the order of `LOG_FIELDS`.
    object.field(b",\"request_id\":\"", |lines| {
        lines.extend_from_slice(&record.request_id.text());
        lines.push(b'"');
    });
    object.some(b",\"taken_id\":", record.taken_id, quoted);
    object.field(b",\"client_ip\":", |lines| quoted_ip(record.client_ip, lines));
    object.or_null(b",\"host_id\":", record.host_id, |id, lines| quoted(id.as_bytes(), lines));
    object.field(b",\"host\":", |lines| quoted(record.host, lines));
    object.field(b",\"method\":", |lines| quoted(record.method, lines));
    object.field(b",\"path\":", |lines| quoted(record.path, lines));
    object.or_null(b",\"query\":", record.query, quoted);
    object.field(b",\"protocol\":", |lines| {
        lines.extend_from_slice(match record.protocol {
            Protocol::Http10 => b"\"h1.0\"",
            Protocol::Http11 => b"\"h1.1\"",
            Protocol::Http2 => b"\"h2\"",
            Protocol::Http3 => b"\"h3\"",
        });
    });
    object.field(b",\"scheme\":\"", |lines| {
        lines.extend_from_slice(record.scheme.as_bytes());
        lines.push(b'"');
    });
    object.field(b",\"status\":", |lines| field::put_number(lines, record.status.into()));
    object.field(b",\"duration_us\":", |lines| field::put_number(lines, record.duration_us));
    object.or_null(b",\"upstream\":", record.upstream, quoted_address);
    let number = |number, lines: &mut Vec<u8>| field::put_number(lines, number);
    object.some(b",\"dns_us\":", record.dns_us, number);
    object.some(b",\"connect_us\":", record.connect_us, number);
    object.some(b",\"tls_us\":", record.tls_us, number);
    object.or_null(b",\"upstream_us\":", record.upstream_us, number);
    object.field(b",\"bytes_in\":", |lines| field::put_number(lines, record.bytes_in));
    object.field(b",\"bytes_out\":", |lines| field::put_number(lines, record.bytes_out));
    object.field(b",\"user_agent\":", |lines| quoted(record.user_agent, lines));
    object.field(b",\"referer\":", |lines| quoted(record.referer, lines));
    object.or_null(b",\"stop\":", record.stop, put_stop);
    object.field(b",\"fault\":", |lines| {
        lines.extend_from_slice(match record.fault {
            Fault::None => b"\"none\"",
            Fault::Client => b"\"client\"",
            Fault::Upstream => b"\"upstream\"",
            Fault::Charon => b"\"charon\"",
        });
    });
    object.lines.push(b'}');
}

/// An object whose fields come in the order of [`LOG_FIELDS`].
struct Object<'a> {
    lines: &'a mut Vec<u8>,
    wanted: u32,
    index: u32,
}

impl Object<'_> {
    #[inline]
    fn wants_next(&mut self) -> bool {
        let wanted = self.wanted >> self.index & 1 == 1;
        self.index += 1;
        wanted
    }

    #[inline]
    fn field<const N: usize>(&mut self, name: &[u8; N], put: impl FnOnce(&mut Vec<u8>)) {
        if self.wants_next() {
            self.lines.extend_from_slice(name);
            put(self.lines);
        }
    }

    #[inline]
    fn or_null<T, const N: usize>(
        &mut self,
        name: &[u8; N],
        value: Option<T>,
        put: impl FnOnce(T, &mut Vec<u8>),
    ) {
        self.field(name, |lines| match value {
            Some(value) => put(value, lines),
            None => lines.extend_from_slice(b"null"),
        });
    }

    #[inline]
    fn some<T, const N: usize>(
        &mut self,
        name: &[u8; N],
        value: Option<T>,
        put: impl FnOnce(T, &mut Vec<u8>),
    ) {
        match value {
            Some(value) => self.field(name, |lines| put(value, lines)),
            None => self.index += 1,
        }
    }
}

fn put_stop(stop: Stopped<'_>, lines: &mut Vec<u8>) {
    lines.extend_from_slice(b"{\"phase\":");
    quoted(stop.phase.as_bytes(), lines);
    lines.extend_from_slice(b",\"reason\":");
    quoted(stop.reason.as_bytes(), lines);
    if let Some(rule) = stop.rule {
        lines.extend_from_slice(b",\"rule\":");
        quoted(rule.as_bytes(), lines);
    }
    lines.push(b'}');
}

/// Appends a JSON string. What is not UTF-8 becomes U+FFFD.
pub(super) fn quoted(text: &[u8], lines: &mut Vec<u8>) {
    // Without a branch per byte: nearly all texts are plain.
    let plain = text
        .iter()
        .fold(true, |plain, &byte| plain & (0x20..0x7f).contains(&byte) & (byte != b'"') & (byte != b'\\'));
    lines.push(b'"');
    if plain {
        lines.extend_from_slice(text);
    } else {
        for letter in String::from_utf8_lossy(text).chars() {
            match letter {
                '"' => lines.extend_from_slice(b"\\\""),
                '\\' => lines.extend_from_slice(b"\\\\"),
                '\n' => lines.extend_from_slice(b"\\n"),
                '\r' => lines.extend_from_slice(b"\\r"),
                '\t' => lines.extend_from_slice(b"\\t"),
                // Terminals act on these, too, when somebody shows the file.
                letter if letter.is_control() => {
                    put_display(format_args!("\\u{:04x}", u32::from(letter)), lines)
                }
                letter => lines.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }
    lines.push(b'"');
}

/// Appends an address as text, with its quotes.
pub(super) fn quoted_ip(ip: IpAddr, lines: &mut Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => Short::default().put(b"\"").ip(ip).put(b"\"").end(lines),
        IpAddr::V6(ip) => put_display(format_args!("\"{ip}\""), lines),
    }
}

fn quoted_address(address: SocketAddr, lines: &mut Vec<u8>) {
    match address {
        SocketAddr::V4(address) => {
            let text = Short::default().put(b"\"").ip(*address.ip()).put(b":");
            text.number(address.port()).put(b"\"").end(lines);
        }
        SocketAddr::V6(address) => put_display(format_args!("\"{address}\""), lines),
    }
}

/// A short text that is put together before it is appended. What has no room is cut off.
#[derive(Default)]
struct Short {
    text: [u8; 24],
    length: usize,
}

impl Short {
    fn put(mut self, piece: &[u8]) -> Self {
        for &byte in piece {
            if let Some(place) = self.text.get_mut(self.length) {
                *place = byte;
                self.length += 1;
            }
        }
        self
    }

    fn number(self, number: u16) -> Self {
        let digit = |scale: u16| b'0' + u8::try_from(number / scale % 10).unwrap_or(0);
        let digits = [digit(10_000), digit(1000), digit(100), digit(10), digit(1)];
        let leading = usize::from(number < 10_000)
            + usize::from(number < 1000)
            + usize::from(number < 100)
            + usize::from(number < 10);
        self.put(&digits[leading..])
    }

    fn ip(self, ip: Ipv4Addr) -> Self {
        let [a, b, c, d] = ip.octets().map(u16::from);
        self.number(a).put(b".").number(b).put(b".").number(c).put(b".").number(d)
    }

    fn end(self, lines: &mut Vec<u8>) {
        lines.extend_from_slice(&self.text[..self.length]);
    }
}

fn put_display(text: std::fmt::Arguments<'_>, lines: &mut Vec<u8>) {
    // A vector takes everything that is written to it.
    let _ = lines.write_fmt(text);
}

fn combined(record: &Record<'_>, second: &mut Second, lines: &mut Vec<u8>) {
    match record.client_ip {
        IpAddr::V4(ip) => Short::default().ip(ip).end(lines),
        IpAddr::V6(ip) => put_display(format_args!("{ip}"), lines),
    }
    lines.extend_from_slice(b" - - [");
    second.turn_to(record.time);
    lines.extend_from_slice(second.common.as_bytes());
    lines.extend_from_slice(b"] \"");
    escape(record.method, lines);
    lines.push(b' ');
    escape(record.path, lines);
    if let Some(query) = record.query {
        lines.push(b'?');
        escape(query, lines);
    }
    lines.push(b' ');
    lines.extend_from_slice(record.protocol.version().as_bytes());
    lines.extend_from_slice(b"\" ");
    field::put_number(lines, record.status.into());
    lines.push(b' ');
    field::put_number(lines, record.bytes_out);
    lines.extend_from_slice(b" \"");
    escape(dash(record.referer), lines);
    lines.extend_from_slice(b"\" \"");
    escape(dash(record.user_agent), lines);
    lines.push(b'"');
}

fn dash(text: &[u8]) -> &[u8] {
    if text.is_empty() { b"-" } else { text }
}

/// As nginx does: nothing that a client sends ends a field or a line.
fn escape(text: &[u8], lines: &mut Vec<u8>) {
    for &byte in text {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::RequestId;
    use serde_json::{Value, json};

    fn record<'a>() -> Record<'a> {
        Record {
            time: Timestamp::from_millis(1_790_000_000_042),
            request_id: RequestId { worker: 7, number: 9 },
            taken_id: None,
            client_ip: "192.0.2.7".parse().unwrap(),
            host_id: Some("id"),
            host: b"a.test",
            method: b"GET",
            path: b"/",
            sent_path: None,
            query: None,
            protocol: Protocol::Http2,
            scheme: "https",
            status: 200,
            duration_us: 1234,
            upstream: Some("[2001:db8::1]:80".parse().unwrap()),
            dns_us: None,
            connect_us: Some(5),
            tls_us: None,
            upstream_us: None,
            bytes_in: 1,
            bytes_out: u64::MAX,
            user_agent: b"",
            referer: b"",
            login_failed: false,
            stop: None,
            fault: Fault::None,
        }
    }

    fn line(form: &Form, record: &Record<'_>) -> String {
        let mut lines = Vec::new();
        form.put(record, &mut Second::default(), &mut lines);
        String::from_utf8(lines).unwrap()
    }

    #[test]
    fn a_line_says_what_the_entry_of_a_viewer_says() {
        let form = Form::new(LogFormat::Json, &[], 1);
        let nasty: Vec<u8> = (0..=255).collect();
        let stop = Stopped { phase: "access", reason: "a \"reason\"\n", rule: Some("r\\1") };
        let other = Record {
            taken_id: Some(b"0\x7f"),
            query: Some(&nasty),
            upstream: Some("127.0.0.1:1".parse().unwrap()),
            client_ip: "2001:db8::2".parse().unwrap(),
            time: Timestamp::from_millis(-1),
            dns_us: Some(1),
            tls_us: Some(2),
            upstream_us: Some(3),
            user_agent: "\u{85}\u{2028}\u{e4}".as_bytes(),
            stop: Some(stop),
            fault: Fault::Client,
            host_id: None,
            ..record()
        };
        for record in [record(), other] {
            let text = line(&form, &record);
            assert!(text.ends_with("}\n") && text.chars().filter(|letter| letter.is_control()).count() == 1);
            let written: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(written, serde_json::to_value(record.to_entry()).unwrap());
        }
    }

    #[test]
    fn each_field_can_be_chosen_alone() {
        let full = Record { taken_id: Some(b"t"), dns_us: Some(1), tls_us: Some(2), ..record() };
        for name in LOG_FIELDS {
            let form = Form::new(LogFormat::Json, &[(*name).to_owned()], 1);
            let written: Value = serde_json::from_str(&line(&form, &full)).unwrap();
            let mut expected = serde_json::to_value(full.to_entry()).unwrap();
            expected.as_object_mut().unwrap().retain(|field, _| field == "time" || field == name);
            assert_eq!(written, expected);
            assert_eq!(written.as_object().unwrap().len(), 2, "{name}");
        }
    }

    #[test]
    fn the_second_is_told_anew_when_it_is_over() {
        let (form, mut second, mut lines) =
            (Form::new(LogFormat::Json, &["x".to_owned()], 1), Second::default(), Vec::new());
        for millis in [1_790_000_000_999, 1_790_000_001_000, 1_790_000_000_007] {
            form.put(&Record { time: Timestamp::from_millis(millis), ..record() }, &mut second, &mut lines);
        }
        let times: Vec<Value> = String::from_utf8(lines)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let expected = ["14:13:20.999Z", "14:13:21.000Z", "14:13:20.007Z"];
        assert_eq!(times, expected.map(|time| json!({ "time": format!("2026-09-21T{time}") })));
    }
}
