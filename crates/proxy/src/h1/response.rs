//! Reads heads of answers from origins. What cannot be read in exactly one way is a bad answer, and the client
//! sees none of it (RFC 9112, sections 4 and 6).

use super::body::Framing;
use crate::field::{self, Kind};
use crate::request::{MAX_HEAD, MAX_HEADERS};
use std::mem::MaybeUninit;
use std::time::Duration;

/// Room for the headers of one head.
pub(crate) type Slots<'a> = [MaybeUninit<httparse::Header<'a>>; MAX_HEADERS];

/// A head that goes to a client: an origin's, or one of our own.
#[derive(Debug)]
pub(crate) struct Head<'a> {
    pub(crate) status: u16,
    pub(crate) reason: &'a str,
    pub(crate) headers: &'a [httparse::Header<'a>],
    /// How the body that follows is framed by whoever sends it.
    pub(crate) framing: Framing,
    /// `Content-Length` to be told to the client; also answers to HEAD and 304 can have one.
    pub(crate) length: Option<u64>,
    /// `Connection` names headers beyond the usual ones.
    pub(crate) nominates: bool,
}

impl<'a> Head<'a> {
    /// The headers that go on: without hop-by-hop and nominated ones, and without framing, which is written
    /// afresh for the client.
    pub(crate) fn forwarded(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let forwarded = self.headers.iter().filter(|header| self.forwards(header));
        forwarded.map(|header| (header.name, header.value))
    }

    /// Whether a header is one of those.
    pub(crate) fn forwards(&self, header: &httparse::Header<'_>) -> bool {
        match field::kind(header.name.as_bytes()) {
            Kind::Connection
            | Kind::Hop
            | Kind::Te
            | Kind::TransferEncoding
            | Kind::Upgrade
            | Kind::ContentLength => false,
            Kind::Other => !self.nominates || !self.is_nominated(header.name),
            _ => true,
        }
    }

    /// Whether there is a header of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name))
    }

    fn is_nominated(&self, name: &str) -> bool {
        connection_tokens(self.headers).any(|token| token.eq_ignore_ascii_case(name.as_bytes()))
    }
}

fn connection_tokens<'a>(headers: &'a [httparse::Header<'a>]) -> impl Iterator<Item = &'a [u8]> {
    let fields = headers.iter().filter(|header| field::kind(header.name.as_bytes()) == Kind::Connection);
    fields.flat_map(|header| field::list(header.value))
}

/// An origin's head, with what concerns its connection.
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    pub(crate) head: Head<'a>,
    /// Bytes of the head.
    pub(crate) size: usize,
    /// The origin keeps the connection open after this answer.
    pub(crate) keep_alive: bool,
    /// How long the origin lets the connection idle, with a margin for messages on their way.
    pub(crate) lifetime: Option<Duration>,
    /// A 101 that names `websocket`.
    pub(crate) websocket: bool,
}

/// Reads the head at the beginning of `data`; `None` when it has not ended yet.
///
/// # Errors
/// What is wrong with it, as the end of the sentence "the origin's answer ...".
pub(crate) fn parse<'a>(
    data: &'a [u8],
    slots: &'a mut Slots<'a>,
    to_head: bool,
) -> Result<Option<Parsed<'a>>, &'static str> {
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let size = match config.parse_response_with_uninit_headers(&mut response, data, slots) {
        Ok(httparse::Status::Complete(size)) if size <= MAX_HEAD => size,
        Ok(httparse::Status::Partial) if data.len() < MAX_HEAD => return Ok(None),
        Ok(_) => return Err("has a head larger than 32 KiB"),
        Err(httparse::Error::TooManyHeaders) => return Err("has more than 100 headers"),
        Err(_) => return Err("is not HTTP/1.1"),
    };
    let (Some(status), Some(version)) = (response.code, response.version) else {
        return Err("is not HTTP/1.1");
    };
    if !(100..600).contains(&status) {
        return Err("has an impossible status");
    }
    let headers: &'a [httparse::Header<'a>] = response.headers;
    let (mut length, mut chunked, mut keep_alive, mut nominates) = (None, false, version == 1, false);
    let (mut websocket, mut lifetime) = (false, None);
    for header in headers {
        match field::kind(header.name.as_bytes()) {
            Kind::ContentLength => {
                let value = field::content_length(header.value).ok_or("has a broken Content-Length")?;
                if length.replace(value).is_some_and(|before| before != value) {
                    return Err("has two Content-Lengths");
                }
            }
            Kind::TransferEncoding => {
                if chunked || version == 0 || !header.value.eq_ignore_ascii_case(b"chunked") {
                    return Err("has a Transfer-Encoding that is not chunked");
                }
                chunked = true;
            }
            Kind::Hop => lifetime = lifetime.or(idle_time(header)),
            Kind::Upgrade => websocket |= header.value.eq_ignore_ascii_case(b"websocket"),
            Kind::Connection => {
                for token in field::list(header.value) {
                    if token.eq_ignore_ascii_case(b"close") {
                        keep_alive = false;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") {
                        keep_alive = version == 1 || keep_alive;
                    } else {
                        nominates = true;
                    }
                }
            }
            _ => {}
        }
    }
    if chunked && length.is_some() {
        return Err("has both Content-Length and Transfer-Encoding");
    }
    let bodiless = to_head || status < 200 || status == 204 || status == 304;
    let framing = match length {
        _ if bodiless => Framing::None,
        _ if chunked => Framing::Chunked,
        Some(0) => Framing::None,
        Some(length) => Framing::Length(length),
        None => Framing::UntilClose,
    };
    let told = length.filter(|_| status >= 200 && status != 204);
    Ok(Some(Parsed {
        head: Head {
            status,
            reason: response.reason.unwrap_or_default(),
            headers,
            framing,
            length: told,
            nominates,
        },
        size,
        keep_alive: keep_alive && framing != Framing::UntilClose,
        lifetime,
        websocket: status == 101 && websocket,
    }))
}

/// Reads `Keep-Alive: timeout=SECONDS` (RFC 2068, section 19.7.1): a second less, or half of it.
fn idle_time(header: &httparse::Header<'_>) -> Option<Duration> {
    if !header.name.eq_ignore_ascii_case("keep-alive") {
        return None;
    }
    let timeout = field::list(header.value).find_map(|member| member.strip_prefix(b"timeout="))?;
    let seconds: u16 = std::str::from_utf8(timeout).ok()?.parse().ok()?;
    let timeout = Duration::from_secs(seconds.into());
    Some(timeout.saturating_sub(Duration::from_secs(1)).max(timeout / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(data: &[u8], to_head: bool) -> Result<Option<(u16, Framing, bool)>, &'static str> {
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let parsed = parse(data, &mut slots, to_head)?;
        Ok(parsed.map(|parsed| (parsed.head.status, parsed.head.framing, parsed.keep_alive)))
    }

    #[test]
    fn bad_answers_are_refused() {
        for data in [
            "SSH-2.0-OpenSSH_9.2\r\n",
            "HTTP/1.1 abc Bad\r\n\r\n",
            "HTTP/1.1 1000 Bad\r\n\r\n",
            "HTTP/1.1 099 Bad\r\n\r\n",
            "HTTP/1.1 700 Bad\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        ] {
            assert!(read(data.as_bytes(), false).is_err(), "{data}");
        }
        let large = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(40_000));
        assert!(read(large.as_bytes(), false).is_err());
    }

    #[test]
    fn the_end_of_an_answer_follows_status_method_and_headers() {
        for (data, to_head, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, (200, Framing::Length(5), true)),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, (200, Framing::None, true)),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, (200, Framing::Chunked, true)),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, (304, Framing::None, true)),
            ("HTTP/1.1 204 No Content\r\n\r\n", false, (204, Framing::None, true)),
            ("HTTP/1.1 200 OK\r\n\r\n", false, (200, Framing::UntilClose, false)),
            ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, (200, Framing::Length(5), false)),
            (
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                false,
                (200, Framing::None, false),
            ),
        ] {
            assert_eq!(read(data.as_bytes(), to_head), Ok(Some(expected)), "{data}");
        }
        assert_eq!(read(b"HTTP/1.1 200 OK\r\nCont", false), Ok(None));
    }
}
