//! Heads of requests that come by one stream of many (HTTP/2 and HTTP/3), brought into the form of those of HTTP/1.1, so
//! that every phase, and the origin, see the same.

use crate::field::{self, Kind};
use crate::h1::body::Framing;
use crate::request::{MAX_HEADERS, Reject, Request, Span, Version};

/// Takes a head in: the request line first, then field by field.
#[derive(Debug)]
pub(crate) struct HeadReader<'a> {
    request: &'a mut Request,
    target: Span,
    authority: Option<Span>,
    host: Option<Span>,
    cookie: Vec<u8>,
    /// What `Content-Length` says; `Some(None)`: no number.
    length: Option<Option<u64>>,
    fields: usize,
}

/// What stands in the place of a request line. The spans are of the request's text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLine {
    pub(crate) version: Version,
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) authority: Option<Span>,
    /// A WebSocket is asked for (RFC 8441, RFC 9220).
    pub(crate) websocket: bool,
}

impl<'a> HeadReader<'a> {
    /// Begins with the request line.
    ///
    /// # Errors
    /// For methods that are never served.
    pub(crate) fn new(request: &'a mut Request, line: RequestLine) -> Result<Self, Reject> {
        request.version = line.version;
        request.websocket = line.websocket;
        // To the origin a WebSocket is the upgrade of a GET.
        let method = if line.websocket { request.push_text(b"GET") } else { line.method };
        request.set_method(method);
        if matches!(request.method(), b"CONNECT" | b"TRACE") {
            return Err(Reject { status: 405, reason: "CONNECT and TRACE are refused" });
        }
        Ok(Self {
            request,
            target: line.target,
            authority: line.authority,
            host: None,
            cookie: Vec::new(),
            length: None,
            fields: 0,
        })
    }

    /// Takes a field in, whose name is in lower case.
    pub(crate) fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Reject> {
        self.fields += 1;
        if self.fields > MAX_HEADERS {
            return Err(Reject { status: 431, reason: "the request has more than 100 headers" });
        }
        match field::kind(name) {
            Kind::Connection | Kind::TransferEncoding | Kind::Upgrade => {
                return Err(Reject::bad("the request has a header of HTTP/1 connections"));
            }
            Kind::Hop => return Ok(()),
            Kind::Other if self.request.websocket && name == b"sec-websocket-key" => return Ok(()),
            Kind::ContentLength if self.length.replace(field::content_length(value)).is_some() => {
                return Err(Reject::bad("the request has two Content-Lengths"));
            }
            Kind::Host => {
                let host = self.request.push_text(value);
                let authority = self.authority.map(|authority| self.request.text(authority));
                let is_other = authority.is_some_and(|other| !other.eq_ignore_ascii_case(value));
                if self.host.replace(host).is_some() || is_other {
                    return Err(Reject::bad("the request names two hosts"));
                }
                return Ok(());
            }
            // One header again, as HTTP/1 has it (RFC 9113, section 8.2.3; RFC 9114, section 4.2.1).
            Kind::Kept if name == b"cookie" => {
                if !self.cookie.is_empty() {
                    self.cookie.extend_from_slice(b"; ");
                }
                self.cookie.extend_from_slice(value);
                return Ok(());
            }
            _ => {}
        }
        let name = self.request.push_text(name);
        let value = self.request.push_text(value);
        self.request.push_field(name, value);
        Ok(())
    }

    /// Whether the request says how long its body is.
    pub(crate) fn has_length(&self) -> bool {
        self.length.is_some()
    }

    /// Whether a WebSocket is asked for.
    pub(crate) fn is_websocket(&self) -> bool {
        self.request.websocket
    }

    /// Whether requests of this method have no body as a rule.
    pub(crate) fn is_bodiless(&self) -> bool {
        matches!(self.request.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"DELETE")
    }

    /// Whether the method asks for nothing to be changed (RFC 9110, section 9.2.1).
    pub(crate) fn is_safe(&self) -> bool {
        matches!(self.request.method(), b"GET" | b"HEAD" | b"OPTIONS") && !self.request.websocket
    }

    /// Has the origin told that somebody may send this again (RFC 8470, section 5.1). All fields have come.
    ///
    /// # Errors
    /// As [`Self::field`].
    pub(crate) fn early(&mut self) -> Result<(), Reject> {
        let is_told = self.request.headers("early-data").next().is_some();
        if is_told { Ok(()) } else { self.field(b"early-data", b"1") }
    }

    /// All fields have come; `no_body`: and with them the end of the request.
    pub(crate) fn finish(self, no_body: bool) -> Result<(), Reject> {
        let Self { request, target, authority, host, cookie, length, .. } = self;
        if !cookie.is_empty() {
            let (name, value) = (request.push_text(b"cookie"), request.push_text(&cookie));
            request.push_field(name, value);
        }
        request.set_authority(authority.or(host).ok_or(Reject::bad("the request names no host"))?)?;
        request.set_target(target)?;
        if request.websocket {
            // HTTP/1.1 wants one; streams have none, since nothing in between could take an answer for another's.
            let (name, key) = (request.push_text(b"sec-websocket-key"), request.push_text(&websocket_key()));
            request.push_field(name, key);
        }
        request.keep_alive = true;
        request.framing = match length {
            // What a WebSocket says begins when the origin has agreed.
            _ if no_body || request.websocket => Framing::None,
            Some(length) => {
                match length.ok_or(Reject::bad("the request's Content-Length is not one number"))? {
                    0 => Framing::None,
                    length => Framing::Length(length),
                }
            }
            None => Framing::Chunked,
        };
        request.read_expectation()
    }

    /// What `Content-Length` says, when it is a number.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length.flatten()
    }
}

/// 16 random bytes in base64 (RFC 6455, section 4.1).
fn websocket_key() -> [u8; 24] {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // Two zero bits at the end fill up the last digit.
    let bits = u128::from_be_bytes(base::random::bytes());
    let digit = |at: usize| if at == 21 { bits << 4 & 63 } else { bits >> (122 - 6 * at) & 63 };
    std::array::from_fn(|at| if at > 21 { b'=' } else { DIGITS[usize::try_from(digit(at)).unwrap_or(0)] })
}
