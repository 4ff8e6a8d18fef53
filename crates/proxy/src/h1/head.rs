//! Reads request heads, strictly: what two implementations could read in two ways is refused
//! (RFC 9112, sections 2.2, 3, 5 and 6).

use super::body::Framing;
use crate::field::{self, Kind};
use crate::request::{MAX_HEAD, MAX_HEADERS, Reject, Request, Span, Version};
use std::mem::MaybeUninit;

/// Reads the head at the beginning of `data` into `request`, which is empty. Returns its length, or `None` when
/// it has not ended yet.
///
/// # Errors
/// The answer that the client gets. The connection must then be closed.
pub(crate) fn parse(data: &[u8], request: &mut Request) -> Result<Option<usize>, Reject> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let length = match parsed.parse_with_uninit_headers(data, &mut headers) {
        Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD => length,
        Ok(httparse::Status::Partial) if data.len() < MAX_HEAD => return Ok(None),
        Ok(_) => return Err(Reject { status: 431, reason: "the request's head is larger than 32 KiB" }),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Reject { status: 431, reason: "the request has more than 100 headers" });
        }
        Err(httparse::Error::Version) => {
            return Err(Reject { status: 505, reason: "the request is not HTTP/1.0 or HTTP/1.1" });
        }
        Err(_) => return Err(Reject::bad("the request's head is malformed")),
    };
    // httparse takes a bare LF for a line end; an origin might not.
    let head = &data[..length];
    if memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r') {
        return Err(Reject::bad("a line of the request's head ends in a bare LF"));
    }
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(Reject::bad("the request line is incomplete"));
    };

    request.take_text(head);
    let place = |piece: &[u8]| {
        let start = piece.as_ptr().addr() - head.as_ptr().addr();
        Request::span(start..start + piece.len())
    };
    request.version = if version == 0 { Version::Http10 } else { Version::Http11 };
    request.set_method(place(method.as_bytes()));
    for header in parsed.headers.iter() {
        request.push_field(place(header.name.as_bytes()), place(header.value));
    }
    match method {
        "CONNECT" => {
            return Err(Reject { status: 405, reason: "this is not a forward proxy: CONNECT is refused" });
        }
        "TRACE" => {
            return Err(Reject { status: 405, reason: "TRACE would show what only the origin may see" });
        }
        _ => {}
    }
    let authority = target_of(target, request, place)?;
    host(request, authority)?;
    framing(request)?;
    connection(request)?;
    Ok(Some(length))
}

/// Sets the target; returns the authority of an absolute one (RFC 9112, section 3.2.2).
fn target_of(
    target: &str,
    request: &mut Request,
    place: impl Fn(&[u8]) -> Span,
) -> Result<Option<Span>, Reject> {
    let scheme = target.get(..8).map_or(0, |start| match start.to_ascii_lowercase() {
        start if start == "https://" => 8,
        start if start.starts_with("http://") => 7,
        _ => 0,
    });
    if scheme == 0 {
        request.set_target(place(target.as_bytes()))?;
        return Ok(None);
    }
    let rest = &target[scheme..];
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let authority = place(authority.as_bytes());
    let path = if path.starts_with('/') {
        place(path.as_bytes())
    } else {
        let rooted = ["/", path].concat();
        request.push_text(rooted.as_bytes())
    };
    request.set_target(path)?;
    Ok(Some(authority))
}

/// Exactly one valid `Host`; only HTTP/1.0 may do without.
fn host(request: &mut Request, authority: Option<Span>) -> Result<(), Reject> {
    let mut hosts = request.fields.iter().filter(|field| field.kind == Kind::Host).map(|field| field.value);
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(Reject::bad("the request names two hosts"));
    }
    match first {
        Some(host) => request.set_authority(host)?,
        None if request.version == Version::Http10 => {}
        None => return Err(Reject::bad("the request names no host")),
    }
    // An absolute target wins, but a broken Host beside it is refused all the same.
    authority.map_or(Ok(()), |authority| request.set_authority(authority))
}

/// Where the body ends (RFC 9112, section 6.3). Whatever could be read in two ways is refused.
fn framing(request: &mut Request) -> Result<(), Reject> {
    let mut lengths = request.values(Kind::ContentLength);
    let (length, second) = (lengths.next(), lengths.next());
    drop(lengths);
    let mut encodings = request.values(Kind::TransferEncoding);
    let (encoding, more) = (encodings.next(), encodings.next());
    drop(encodings);
    request.framing = match (length, encoding) {
        (Some(_), Some(_)) => {
            return Err(Reject::bad("the request has both Content-Length and Transfer-Encoding"));
        }
        (Some(length), None) => {
            let length = field::content_length(length).filter(|_| second.is_none());
            match length.ok_or(Reject::bad("the request's Content-Length is not one number"))? {
                0 => Framing::None,
                length => Framing::Length(length),
            }
        }
        (None, Some(encoding)) => {
            if request.version == Version::Http10 {
                return Err(Reject::bad("HTTP/1.0 has no Transfer-Encoding"));
            }
            if more.is_some() || !encoding.eq_ignore_ascii_case(b"chunked") {
                return Err(Reject { status: 501, reason: "the only transfer coding taken is chunked" });
            }
            Framing::Chunked
        }
        (None, None)
            if request.version == Version::Http10 && matches!(request.method(), b"POST" | b"PUT") =>
        {
            return Err(Reject { status: 411, reason: "the request's body has no Content-Length" });
        }
        (None, None) => Framing::None,
    };
    Ok(())
}

/// `Connection`, `Upgrade` and `Expect`.
fn connection(request: &mut Request) -> Result<(), Reject> {
    let options = request.connection_options();
    request.keep_alive = !options.close && (options.keep_alive || request.version != Version::Http10);
    let mut upgrades = request.values(Kind::Upgrade);
    let (wanted, second) = (upgrades.next(), upgrades.next());
    drop(upgrades);
    request.websocket = options.upgrade
        && second.is_none()
        && wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case(b"websocket"))
        && request.version == Version::Http11
        && request.method() == b"GET"
        && request.framing == Framing::None;
    // HTTP/1.0 knows no expectations; theirs are dropped.
    if request.version == Version::Http11 {
        request.read_expectation()?;
    }
    Ok(())
}
