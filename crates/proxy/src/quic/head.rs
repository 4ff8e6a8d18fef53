//! From a field section to a request (RFC 9114, sections 4.2 and 4.3).

use super::qpack::{self, Refused};
use crate::request::{MAX_HEAD, Reject, Request, Span, Version};
use crate::stream_head::{HeadReader, RequestLine};

/// Why a head is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeadFault {
    /// Its encoding is broken, which breaks the connection.
    Compression,
    /// It is no message of HTTP/3: the stream is reset (section 4.1.2).
    Malformed(&'static str),
    /// It is answered.
    Reject(Reject),
}

impl From<Refused> for HeadFault {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Broken => Self::Compression,
            Refused::TooLarge => Self::Reject(TOO_LARGE),
        }
    }
}

impl From<Reject> for HeadFault {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

/// For heads above [`MAX_HEAD`].
pub(super) const TOO_LARGE: Reject =
    Reject { status: 431, reason: "the request's head is larger than 32 KiB" };

/// The pseudo-header fields.
#[derive(Default)]
struct Pseudo {
    method: Option<Span>,
    scheme: Option<Span>,
    path: Option<Span>,
    authority: Option<Span>,
    protocol: Option<Span>,
}

enum State<'a> {
    Pseudo(&'a mut Request, Pseudo),
    Fields(HeadReader<'a>),
    /// Between the two.
    Turning,
}

/// Reads a section into `request`. What is left to know is whether a body follows.
pub(crate) fn read<'a>(section: &[u8], request: &'a mut Request) -> Result<HeadReader<'a>, HeadFault> {
    let mut state = State::Pseudo(request, Pseudo::default());
    qpack::decode(section, MAX_HEAD, |name, value| {
        if !is_value(value) {
            return Err(HeadFault::Malformed(
                "a header's value holds a control character or ends with a space",
            ));
        }
        if let Some(name) = name.strip_prefix(b":") {
            return match &mut state {
                State::Pseudo(request, pseudo) => pseudo.take(name, request.push_text(value)),
                _ => Err(HeadFault::Malformed("a pseudo-header stands behind the headers")),
            };
        }
        if !is_name(name) {
            return Err(HeadFault::Malformed("a header's name is no name in lower case"));
        }
        if name == b"te" && value != b"trailers" {
            return Err(HeadFault::Malformed("the header te asks for more than trailers"));
        }
        state.fields()?.field(name, value).map_err(HeadFault::Reject)
    })?;
    state.fields()?;
    match state {
        State::Fields(reader) => Ok(reader),
        _ => Err(HeadFault::Malformed("the request has no pseudo-headers")),
    }
}

impl<'a> State<'a> {
    /// The reader of fields, once the first of them has come.
    fn fields(&mut self) -> Result<&mut HeadReader<'a>, HeadFault> {
        if let Self::Pseudo(..) = self
            && let Self::Pseudo(request, pseudo) = std::mem::replace(self, Self::Turning)
        {
            let line = pseudo.line(request)?;
            *self = Self::Fields(HeadReader::new(request, line)?);
        }
        match self {
            Self::Fields(reader) => Ok(reader),
            _ => Err(HeadFault::Malformed("the request has no pseudo-headers")),
        }
    }
}

impl Pseudo {
    fn take(&mut self, name: &[u8], value: Span) -> Result<(), HeadFault> {
        let place = match name {
            b"method" => &mut self.method,
            b"scheme" => &mut self.scheme,
            b"path" => &mut self.path,
            b"authority" => &mut self.authority,
            b"protocol" => &mut self.protocol,
            _ => return Err(HeadFault::Malformed("the request has an unknown pseudo-header")),
        };
        match place.replace(value) {
            None => Ok(()),
            Some(_) => Err(HeadFault::Malformed("the request has a pseudo-header twice")),
        }
    }

    /// What they say together (RFC 9114, sections 4.3.1 and 4.4; RFC 9220, section 3).
    fn line(self, request: &mut Request) -> Result<RequestLine, HeadFault> {
        let Self { method, scheme, path, authority, protocol } = self;
        let method = method.ok_or(HeadFault::Malformed("the request has no :method"))?;
        let is_connect = request.text(method) == b"CONNECT";
        if !is_token(request.text(method)) {
            return Err(HeadFault::Malformed("the request's :method is no method"));
        }
        let websocket = match protocol.map(|protocol| request.text(protocol)) {
            Some(_) if !is_connect => {
                return Err(HeadFault::Malformed("the request has a :protocol without CONNECT"));
            }
            Some(b"websocket") => true,
            Some(_) => {
                let reason = "the only protocol taken by CONNECT is websocket";
                return Err(HeadFault::Reject(Reject { status: 501, reason }));
            }
            None if is_connect && (scheme.is_some() || path.is_some() || authority.is_none()) => {
                return Err(HeadFault::Malformed("a CONNECT names an authority, and nothing else"));
            }
            None => false,
        };
        if authority.is_some_and(|authority| request.text(authority).is_empty()) {
            return Err(HeadFault::Malformed("the request's :authority is empty"));
        }
        let target = match (scheme, path) {
            _ if is_connect && !websocket => request.push_text(b"/"),
            (Some(_), Some(path)) => path,
            _ => return Err(HeadFault::Malformed("the request has no :scheme or no :path")),
        };
        let text = request.text(target);
        let is_star = text == b"*" && request.text(method) == b"OPTIONS";
        if !text.starts_with(b"/") && !is_star {
            return Err(HeadFault::Malformed("the request's :path does not begin with a slash"));
        }
        // A space would end the target in the request line for the origin (RFC 9112, section 3).
        if text.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
            return Err(HeadFault::Malformed("the request's :path holds a space or a control character"));
        }
        Ok(RequestLine { version: Version::Http3, method, target, authority, websocket })
    }
}

fn is_token(text: &[u8]) -> bool {
    let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !text.is_empty() && text.iter().all(of_token)
}

fn is_name(name: &[u8]) -> bool {
    is_token(name) && !name.iter().any(u8::is_ascii_uppercase)
}

/// Also what is allowed by the standard alone, a space at either end, could be read in two ways behind us.
fn is_value(value: &[u8]) -> bool {
    let is_space = |byte: Option<&u8>| byte.is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    !is_space(value.first())
        && !is_space(value.last())
        && !value.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f)
}

/// Reads a trailer section, and gives out what may go on.
pub(crate) fn trailers(section: &[u8], mut trailer: impl FnMut(&[u8], &[u8])) -> Result<(), HeadFault> {
    qpack::decode(section, MAX_HEAD, |name, value| {
        if name.starts_with(b":") || !is_name(name) || !is_value(value) {
            return Err(HeadFault::Malformed("a trailer is none"));
        }
        if crate::field::kind(name).allowed_in_trailers() {
            trailer(name, value);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A section of literal fields.
    fn section(fields: &[(&str, &str)]) -> Vec<u8> {
        let mut out = vec![0, 0];
        for (name, value) in fields {
            assert!(value.len() < 127);
            // Not by the writer of answers, which brings names into lower case.
            out.push(0b0010_0000 | u8::try_from(name.len().min(7)).unwrap());
            if name.len() >= 7 {
                out.push(u8::try_from(name.len() - 7).unwrap());
            }
            out.extend_from_slice(name.as_bytes());
            out.push(u8::try_from(value.len()).unwrap());
            out.extend_from_slice(value.as_bytes());
        }
        out
    }

    fn outcome(fields: &[(&str, &str)]) -> String {
        let mut request = Request::default();
        let read = read(&section(fields), &mut request);
        let finished = read.and_then(|reader| Ok(reader.finish(true)?));
        match finished {
            Ok(()) => format!(
                "{} {} {}",
                String::from_utf8_lossy(request.method()),
                String::from_utf8_lossy(request.authority()),
                String::from_utf8_lossy(request.path())
            ),
            Err(HeadFault::Malformed(_)) => "malformed".to_owned(),
            Err(HeadFault::Reject(reject)) => reject.status.to_string(),
            Err(HeadFault::Compression) => "broken".to_owned(),
        }
    }

    const GET: [(&str, &str); 4] =
        [(":method", "GET"), (":scheme", "https"), (":authority", "a.test"), (":path", "/x?y")];

    #[test]
    fn a_request_is_read_and_what_is_none_is_malformed() {
        assert_eq!(outcome(&GET), "GET a.test /x");
        let with = |more: &[(&'static str, &'static str)]| outcome(&[&GET[..], more].concat());
        assert_eq!(with(&[("te", "trailers"), ("cookie", "a"), ("cookie", "b")]), "GET a.test /x");
        for more in [
            (":path", "/again"),
            (":status", "200"),
            (":unknown", "x"),
            ("Upper", "x"),
            ("a b", "x"),
            ("", "x"),
            ("x", "a\r\nb: c"),
            ("x", "a\0"),
            ("x", " a"),
            ("te", "gzip"),
            (":protocol", "websocket"),
        ] {
            assert_eq!(with(&[more]), "malformed", "{more:?}");
        }
        for more in [("connection", "close"), ("transfer-encoding", "chunked"), ("host", "b.test")] {
            assert_eq!(with(&[more]), "400", "{more:?}");
        }
        assert_eq!(with(&[("x", "y"), (":path", "/")]), "malformed");
        for without in 0..4 {
            let mut fields = GET.to_vec();
            fields.remove(without);
            assert_eq!(outcome(&fields), if without == 2 { "400" } else { "malformed" }, "{without}");
        }
        for (place, value) in [
            (0, ""),
            (0, "G T"),
            (2, ""),
            (3, ""),
            (3, "x"),
            (3, "*"),
            (3, "/x y"),
            (3, "/x?y z"),
            (3, "/x?\t"),
        ] {
            let mut fields = GET;
            fields[place].1 = value;
            assert_eq!(outcome(&fields), "malformed", "{value}");
        }
        assert_eq!(outcome(&[(":method", "CONNECT"), (":authority", "a.test:443")]), "405");
        assert_eq!(outcome(&[(":method", "CONNECT")]), "malformed");
        let mut websocket = GET.to_vec();
        websocket[0].1 = "CONNECT";
        assert_eq!(outcome(&websocket), "malformed");
        websocket.push((":protocol", "websocket"));
        assert_eq!(outcome(&websocket), "GET a.test /x");
        assert_eq!(outcome(&[]), "malformed");
    }
}
