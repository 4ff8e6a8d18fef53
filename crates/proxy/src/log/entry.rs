//! What is known about a finished request: borrowed while its line is written, owned where it is shown.

use base::Timestamp;
use serde::{Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The name of a request in answers, logs and the origin's `X-Request-Id`. Unique, not secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId {
    /// Random, one per worker and process.
    pub(crate) worker: u32,
    /// Counts the worker's requests.
    pub(crate) number: u64,
}

impl RequestId {
    /// The 20 characters of the id.
    pub(crate) fn text(self) -> [u8; 20] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let value = u128::from(self.worker) << 48 | u128::from(self.number & 0xffff_ffff_ffff);
        std::array::from_fn(|at| DIGITS[usize::try_from(value >> (76 - 4 * at) & 15).unwrap_or(0)])
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().iter().try_for_each(|digit| fmt::Write::write_char(f, char::from(*digit)))
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The protocol that a request came by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
pub enum Protocol {
    /// HTTP/1.0
    #[serde(rename = "h1.0")]
    Http10,
    /// HTTP/1.1
    #[serde(rename = "h1.1")]
    Http11,
    /// HTTP/2
    #[serde(rename = "h2")]
    Http2,
    /// HTTP/3
    #[serde(rename = "h3")]
    Http3,
}

impl Protocol {
    /// The version as in a request line; HTTP/2 and HTTP/3 have none there, and tools expect these.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2.0",
            Self::Http3 => "HTTP/3.0",
        }
    }
}

/// Whose fault it was that a request did not go well.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// It went well.
    #[default]
    None,
    /// The client left, was too slow, or broke the protocol.
    Client,
    /// The origin was down, too slow, or broke the protocol.
    Upstream,
    /// Our own.
    Charon,
}

/// The phase that ended a request, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StoppedBy {
    /// Name of the phase.
    pub phase: &'static str,
    /// A sentence.
    pub reason: String,
    /// The rule of the phase, when it has rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl StoppedBy {
    pub(crate) fn borrowed(&self) -> Stopped<'_> {
        Stopped { phase: self.phase, reason: &self.reason, rule: self.rule.as_deref() }
    }
}

/// One line of the access log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Entry {
    /// When the head had been read.
    pub time: Timestamp,
    /// As in the answer's error page and the origin's `X-Request-Id`.
    pub request_id: RequestId,
    /// The id that a trusted proxy gave the request and that stands in answers instead, where the host takes such
    /// ids over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_id: Option<String>,
    /// The client's address, by way of trusted proxies.
    pub client_ip: IpAddr,
    /// Id of the host that was found; `None` when none was.
    pub host_id: Option<String>,
    /// The host that the client asked for, as it wrote it.
    pub host: String,
    /// The method.
    pub method: String,
    /// The path in normal form.
    pub path: String,
    /// The query without its question mark.
    pub query: Option<String>,
    /// How the request came.
    pub protocol: Protocol,
    /// `http` or `https`, as the client sees it.
    pub scheme: &'static str,
    /// Status of the answer; 0 when the client got none.
    pub status: u16,
    /// From the head until the last byte of the answer, in microseconds.
    pub duration_us: u64,
    /// The origin's address that was tried last, also when it was not reached.
    pub upstream: Option<SocketAddr>,
    /// How long the origin's name was looked up, in microseconds; absent when it was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_us: Option<u64>,
    /// How long connecting took, in microseconds; absent when a kept connection was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<u64>,
    /// How long the TLS handshake with the origin took, in microseconds; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_us: Option<u64>,
    /// From the head until the first byte of the origin's answer, in microseconds.
    pub upstream_us: Option<u64>,
    /// Bytes of the request: head and body.
    pub bytes_in: u64,
    /// Bytes of the answer: head and body.
    pub bytes_out: u64,
    /// `User-Agent`, or empty.
    pub user_agent: String,
    /// `Referer`, or empty.
    pub referer: String,
    /// What ended the request before the origin answered.
    pub stop: Option<StoppedBy>,
    /// Whose fault it was.
    pub fault: Fault,
}

/// A finished request as its worker knows it. Everything is borrowed: nothing is allocated to write a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) time: Timestamp,
    pub(crate) request_id: RequestId,
    pub(crate) taken_id: Option<&'a [u8]>,
    pub(crate) client_ip: IpAddr,
    pub(crate) host_id: Option<&'a str>,
    pub(crate) host: &'a [u8],
    pub(crate) method: &'a [u8],
    pub(crate) path: &'a [u8],
    /// The path as it was sent, when that is not in normal form.
    pub(crate) sent_path: Option<&'a [u8]>,
    pub(crate) query: Option<&'a [u8]>,
    pub(crate) protocol: Protocol,
    pub(crate) scheme: &'static str,
    pub(crate) status: u16,
    pub(crate) duration_us: u64,
    pub(crate) upstream: Option<SocketAddr>,
    pub(crate) dns_us: Option<u64>,
    pub(crate) connect_us: Option<u64>,
    pub(crate) tls_us: Option<u64>,
    pub(crate) upstream_us: Option<u64>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) user_agent: &'a [u8],
    pub(crate) referer: &'a [u8],
    /// A name with a password (RFC 7617) was sent along and refused.
    pub(crate) login_failed: bool,
    pub(crate) stop: Option<Stopped<'a>>,
    pub(crate) fault: Fault,
}

/// As [`StoppedBy`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopped<'a> {
    pub(crate) phase: &'static str,
    pub(crate) reason: &'a str,
    pub(crate) rule: Option<&'a str>,
}

impl Stopped<'_> {
    /// Whether the request was refused for the sake of security.
    pub(crate) fn is_security(&self) -> bool {
        const PHASES: [&str; 7] = ["crowdsec", "manual", "captcha", "appsec", "access", "waf", "rate_limit"];
        PHASES.contains(&self.phase)
    }
}

impl Record<'_> {
    /// Whether the client got what it asked for, or was told where to find it.
    pub(crate) fn went_well(&self) -> bool {
        (100..400).contains(&self.status) && self.fault == Fault::None
    }

    /// The same to be kept.
    pub(crate) fn to_entry(self) -> Entry {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Entry {
            time: self.time,
            request_id: self.request_id,
            taken_id: self.taken_id.map(text),
            client_ip: self.client_ip,
            host_id: self.host_id.map(str::to_owned),
            host: text(self.host),
            method: text(self.method),
            path: text(self.path),
            query: self.query.map(text),
            protocol: self.protocol,
            scheme: self.scheme,
            status: self.status,
            duration_us: self.duration_us,
            upstream: self.upstream,
            dns_us: self.dns_us,
            connect_us: self.connect_us,
            tls_us: self.tls_us,
            upstream_us: self.upstream_us,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            user_agent: text(self.user_agent),
            referer: text(self.referer),
            stop: self.stop.map(|stop| StoppedBy {
                phase: stop.phase,
                reason: stop.reason.to_owned(),
                rule: stop.rule.map(str::to_owned),
            }),
            fault: self.fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_twenty_hexadecimal_digits() {
        let id = RequestId { worker: 0xdead_beef, number: 0x2a };
        assert_eq!(id.to_string(), "deadbeef00000000002a");
    }
}
