//! A request head as all phases see it, whichever protocol it came by: text in one reused vector, and spans.

use crate::field::{self, Kind};
use crate::h1::body::Framing;
use crate::{authority, path};
use std::ops::Range;

/// Largest head in bytes, of requests and of answers.
pub(crate) const MAX_HEAD: usize = 32 * 1024;
/// Most headers in a head.
pub(crate) const MAX_HEADERS: usize = 100;

/// A piece of [`Request::text`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Span(u32, u32);

impl Span {
    fn new(range: Range<usize>) -> Self {
        // A head and its normalised path stay far below 4 GiB.
        let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self(index(range.start), index(range.end))
    }

    fn range(self) -> Range<usize> {
        self.0 as usize..self.1 as usize
    }
}

/// One header line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: Span,
    pub(crate) value: Span,
    pub(crate) kind: Kind,
    /// Named by `Connection`, and so for this hop only.
    pub(crate) nominated: bool,
}

/// The protocol that a request came by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Version {
    Http10,
    #[default]
    Http11,
    Http2,
    Http3,
}

impl Version {
    /// Whether a request is one stream of many on its connection.
    pub(crate) fn has_streams(self) -> bool {
        matches!(self, Self::Http2 | Self::Http3)
    }
}

/// Why a head is refused before any phase sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reject {
    pub(crate) status: u16,
    /// A sentence part: `the request names two hosts`.
    pub(crate) reason: &'static str,
}

impl Reject {
    pub(crate) const fn bad(reason: &'static str) -> Self {
        Self { status: 400, reason }
    }
}

/// What `Connection` says (RFC 9110, section 7.6.1).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionOptions {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

/// One request head.
#[derive(Debug, Default)]
pub(crate) struct Request {
    text: Vec<u8>,
    pub(crate) fields: Vec<Field>,
    pub(crate) version: Version,
    method: Span,
    path: Span,
    /// The path as it was sent, when the normal form differs or there is none.
    sent_path: Option<Span>,
    query: Option<Span>,
    authority: Span,
    name: Span,
    user_agent: Option<Span>,
    referer: Option<Span>,
    pub(crate) framing: Framing,
    /// The client keeps the connection open.
    pub(crate) keep_alive: bool,
    /// The client asks for a WebSocket.
    pub(crate) websocket: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub(crate) expects_continue: bool,
}

impl Request {
    /// Empties the request for the next one; its memory is kept.
    pub(crate) fn clear(&mut self) {
        let (mut text, mut fields) = (std::mem::take(&mut self.text), std::mem::take(&mut self.fields));
        text.clear();
        fields.clear();
        *self = Self { text, fields, ..Self::default() };
    }

    pub(crate) fn text(&self, span: Span) -> &[u8] {
        &self.text[span.range()]
    }

    pub(crate) fn method(&self) -> &[u8] {
        self.text(self.method)
    }

    /// Bytes of the head, about.
    pub(crate) fn size(&self) -> u64 {
        self.text.len() as u64
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method() == b"HEAD"
    }

    /// Methods that may be repeated without harm (RFC 9110, section 9.2.2).
    pub(crate) fn is_idempotent(&self) -> bool {
        matches!(self.method(), b"GET" | b"HEAD" | b"OPTIONS" | b"PUT" | b"DELETE")
    }

    /// Whether it is a call of gRPC, whose streams may be silent for long.
    pub(crate) fn is_grpc(&self) -> bool {
        let mut fields = self.fields.iter().filter(|field| field.kind == Kind::Kept);
        fields.any(|field| {
            self.text(field.name).eq_ignore_ascii_case(b"content-type")
                && self.text(field.value).starts_with(b"application/grpc")
        })
    }

    /// The path in normal form, see [`crate::path`].
    pub(crate) fn path(&self) -> &[u8] {
        self.text(self.path)
    }

    /// The path as it was sent, when it is not [`Request::path`].
    pub(crate) fn sent_path(&self) -> Option<&[u8]> {
        self.sent_path.map(|span| self.text(span))
    }

    pub(crate) fn query(&self) -> Option<&[u8]> {
        self.query.map(|span| self.text(span))
    }

    /// The host as the client wrote it.
    pub(crate) fn authority(&self) -> &[u8] {
        self.text(self.authority)
    }

    /// The host as hosts are looked up; empty when an HTTP/1.0 client names none.
    pub(crate) fn name(&self) -> &[u8] {
        self.text(self.name)
    }

    pub(crate) fn user_agent(&self) -> &[u8] {
        self.user_agent.map_or(b"", |span| self.text(span))
    }

    pub(crate) fn referer(&self) -> &[u8] {
        self.referer.map_or(b"", |span| self.text(span))
    }

    /// All values of headers of this kind, in order.
    pub(crate) fn values(&self, kind: Kind) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.fields.iter().filter(move |field| field.kind == kind).map(|field| self.text(field.value))
    }

    /// All values of headers of this name, which is in lower case.
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let is = move |field: &&Field| self.text(field.name).eq_ignore_ascii_case(name.as_bytes());
        self.fields.iter().filter(is).map(|field| self.text(field.value))
    }

    /// Takes in the text of a head; spans of it are named by their place in `head`.
    pub(crate) fn take_text(&mut self, head: &[u8]) {
        self.text.extend_from_slice(head);
    }

    /// Appends text and returns where it stands.
    pub(crate) fn push_text(&mut self, text: &[u8]) -> Span {
        let start = self.text.len();
        self.text.extend_from_slice(text);
        Span::new(start..self.text.len())
    }

    /// The span of a piece that lies `range` bytes into the text.
    pub(crate) fn span(range: Range<usize>) -> Span {
        Span::new(range)
    }

    pub(crate) fn set_method(&mut self, method: Span) {
        self.method = method;
    }

    pub(crate) fn push_field(&mut self, name: Span, value: Span) {
        let kind = field::kind(self.text(name));
        if kind == Kind::Kept {
            let name = self.text(name);
            if name.eq_ignore_ascii_case(b"user-agent") {
                self.user_agent = Some(value);
            } else if name.eq_ignore_ascii_case(b"referer") {
                self.referer = Some(value);
            }
        }
        self.fields.push(Field { name, value, kind, nominated: false });
    }

    /// Reads `Connection`, and marks the fields that it names. Only ordinary fields can be named: nobody can
    /// strip `Host`, `Authorization`, `Cookie` or what we say about the client.
    pub(crate) fn connection_options(&mut self) -> ConnectionOptions {
        let Self { text, fields, .. } = self;
        let mut options = ConnectionOptions::default();
        for at in 0..fields.len() {
            if fields[at].kind != Kind::Connection {
                continue;
            }
            for token in field::list(&text[fields[at].value.range()]) {
                if token.eq_ignore_ascii_case(b"keep-alive") {
                    options.keep_alive = true;
                } else if token.eq_ignore_ascii_case(b"close") {
                    options.close = true;
                } else if token.eq_ignore_ascii_case(b"upgrade") {
                    options.upgrade = true;
                } else {
                    for field in fields.iter_mut().filter(|field| field.kind == Kind::Other) {
                        field.nominated |= text[field.name.range()].eq_ignore_ascii_case(token);
                    }
                }
            }
        }
        options
    }

    /// Reads `Expect` (RFC 9110, section 10.1.1). The framing must be known.
    pub(crate) fn read_expectation(&mut self) -> Result<(), Reject> {
        let mut values = self.values(Kind::Expect);
        let (first, second) = (values.next(), values.next());
        let expects = match (first, second) {
            (None, _) => false,
            (Some(value), None) if value.eq_ignore_ascii_case(b"100-continue") => true,
            _ => return Err(Reject { status: 417, reason: "the only expectation known is 100-continue" }),
        };
        drop(values);
        self.expects_continue = expects && self.framing != Framing::None;
        Ok(())
    }

    /// Sets the target: `path?query`, or `*` for `OPTIONS`.
    pub(crate) fn set_target(&mut self, target: Span) -> Result<(), Reject> {
        let range = target.range();
        if &self.text[range.clone()] == b"*" && self.method() == b"OPTIONS" {
            self.path = target;
            return Ok(());
        }
        let path_end = memchr::memchr(b'?', &self.text[range.clone()])
            .map_or(range.end, |question| range.start + question);
        if path_end < range.end {
            self.query = Some(Span::new(path_end + 1..range.end));
            if memchr::memchr(b'#', &self.text[path_end..range.end]).is_some() {
                return Err(Reject::bad("the target holds a fragment"));
            }
        }
        let sent = Span::new(range.start..path_end);
        self.path = match path::normalise(&self.text[range.start..path_end]) {
            Err(path::Refused(reason)) => {
                self.sent_path = Some(sent);
                return Err(Reject::bad(reason));
            }
            Ok(Some(normal)) => {
                self.sent_path = Some(sent);
                self.push_text(&normal)
            }
            Ok(None) => sent,
        };
        Ok(())
    }

    /// Sets the host that the request names.
    pub(crate) fn set_authority(&mut self, authority: Span) -> Result<(), Reject> {
        self.name = match authority::normalise(self.text(authority)) {
            Err(authority::NoHost) => return Err(Reject::bad("the request names no valid host")),
            Ok(Some(normal)) => self.push_text(&normal),
            Ok(None) => authority,
        };
        self.authority = authority;
        Ok(())
    }
}
