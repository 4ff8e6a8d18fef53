//! Cookies that keep a client at a server. The value is a keyed digest of the server's address: it is its own
//! signature, and tells nothing.

use crate::config::{Server, UpstreamKey};
use crate::field;
use crate::request::Request;
use crate::spec::Sticky;
use aws_lc_rs::hmac;
use http::HeaderValue;
use std::sync::Arc;

/// Sticky sessions of one upstream.
#[derive(Debug)]
pub(crate) struct StickyRule {
    cookie: Box<str>,
    max_age: Option<u32>,
    /// One per server, 32 hexadecimal digits.
    tokens: Vec<[u8; 32]>,
}

impl StickyRule {
    /// # Errors
    /// A sentence when the cookie's name is none.
    pub(crate) fn new(
        sticky: &Sticky,
        key: &[u8],
        upstream: &UpstreamKey,
        servers: &[Arc<Server>],
    ) -> Result<Self, String> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if sticky.cookie.is_empty() || !sticky.cookie.bytes().all(token) {
            return Err(format!("its sticky cookie has the name '{}'", sticky.cookie));
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let sign = |server: &Arc<Server>| {
            let location = upstream.location.as_deref().unwrap_or_default();
            let scheme = server.identity.scheme;
            let text = format!("{}\n{location}\n{scheme:?} {}", upstream.host, server.identity.address);
            hex(hmac::sign(&key, text.as_bytes()).as_ref())
        };
        let tokens = servers.iter().map(sign).collect();
        Ok(Self { cookie: sticky.cookie.as_str().into(), max_age: sticky.max_age_s, tokens })
    }

    /// The server that the client's cookie names.
    pub(crate) fn server(&self, request: &Request) -> Option<usize> {
        let cookies =
            request.fields.iter().filter(|field| request.text(field.name).eq_ignore_ascii_case(b"cookie"));
        let mut pairs = cookies.flat_map(|field| request.text(field.value).split(|byte| *byte == b';'));
        pairs.find_map(|pair| {
            let value = pair.trim_ascii().strip_prefix(self.cookie.as_bytes())?.strip_prefix(b"=")?;
            self.tokens.iter().position(|token| token == value)
        })
    }

    /// Writes a client's cookies without this one, which is none of the origin's business.
    pub(crate) fn put_others(&self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        let own = |pair: &&[u8]| {
            pair.trim_ascii().strip_prefix(self.cookie.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
        };
        let pairs = || value.split(|byte| *byte == b';');
        if !pairs().any(|pair| own(&pair)) {
            return field::put(out, name, value);
        }
        let mut before: &[u8] = b": ";
        for pair in pairs().filter(|pair| !own(pair)) {
            if before == b": " {
                out.extend_from_slice(name);
            }
            out.extend_from_slice(before);
            out.extend_from_slice(pair.trim_ascii());
            before = b"; ";
        }
        if before == b"; " {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The value of `Set-Cookie` that keeps a client at this server.
    pub(crate) fn set_cookie(&self, server: usize, https: bool) -> Option<HeaderValue> {
        let token = std::str::from_utf8(self.tokens.get(server)?).ok()?;
        let age = self.max_age.map(|age| format!("; Max-Age={age}")).unwrap_or_default();
        let secure = if https { "; Secure" } else { "" };
        let value = format!("{}={token}; Path=/; HttpOnly; SameSite=Lax{age}{secure}", self.cookie);
        HeaderValue::from_str(&value).ok()
    }
}

/// The first 16 bytes as text.
fn hex(digest: &[u8]) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|at| {
        let byte = digest.get(at / 2).copied().unwrap_or_default();
        DIGITS[usize::from(if at % 2 == 0 { byte >> 4 } else { byte & 15 })]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_gets_every_cookie_but_the_one_of_its_place() {
        let rule = StickyRule { cookie: "place".into(), max_age: None, tokens: Vec::new() };
        for (value, written) in [
            ("a=1; place=x; b=2", "Cookie: a=1; b=2\r\n"),
            ("place=x;a=1", "Cookie: a=1\r\n"),
            ("place=x", ""),
            ("place=x; place=y", ""),
            ("places=x;  place2=y", "Cookie: places=x;  place2=y\r\n"),
        ] {
            let mut out = Vec::new();
            rule.put_others(&mut out, b"Cookie", value.as_bytes());
            assert_eq!(String::from_utf8(out).unwrap(), written, "{value}");
        }
    }
}
