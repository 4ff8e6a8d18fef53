//! The host that a request names: `Host`, `:authority` or the authority of an absolute target.

use std::net::Ipv6Addr;

/// The name of `authority` in the form that hosts are looked up by: lower case, without port, without a dot at
/// the end; an IPv6 address in its canonical form without brackets. `Ok(None)`: it already has that form.
///
/// # Errors
/// When it is not a host (RFC 9110, section 7.2).
pub(crate) fn normalise(authority: &[u8]) -> Result<Option<Vec<u8>>, NoHost> {
    if let Some(rest) = authority.strip_prefix(b"[") {
        let end = memchr::memchr(b']', rest).ok_or(NoHost)?;
        let text = std::str::from_utf8(&rest[..end]).map_err(|_| NoHost)?;
        let address: Ipv6Addr = text.parse().map_err(|_| NoHost)?;
        return if is_port(&rest[end + 1..]) {
            Ok(Some(address.to_string().into_bytes()))
        } else {
            Err(NoHost)
        };
    }
    let (name, port) = authority.split_at(memchr::memchr(b':', authority).unwrap_or(authority.len()));
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() || name.len() > 253 || !is_port(port) {
        return Err(NoHost);
    }
    let (mut previous, mut upper) = (b'.', false);
    for &byte in name {
        match byte {
            b'.' if previous == b'.' => return Err(NoHost),
            b'A'..=b'Z' => upper = true,
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {}
            _ => return Err(NoHost),
        }
        previous = byte;
    }
    if previous == b'.' {
        return Err(NoHost);
    }
    Ok((upper || name.len() < authority.len()).then(|| name.to_ascii_lowercase()))
}

/// The text is not a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoHost;

/// Nothing, or a colon and a port.
fn is_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] => {
            digits.iter().all(u8::is_ascii_digit)
                && std::str::from_utf8(digits).is_ok_and(|digits| digits.parse::<u16>().is_ok())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(authority: &str) -> Option<String> {
        let normal = normalise(authority.as_bytes()).ok()?;
        Some(normal.map_or_else(|| authority.to_owned(), |normal| String::from_utf8(normal).unwrap()))
    }

    #[test]
    fn a_host_is_found_in_any_spelling() {
        for (authority, expected) in [
            ("App.Example.COM", "app.example.com"),
            ("app.example.com.:8443", "app.example.com"),
            ("10.0.0.1:80", "10.0.0.1"),
            ("[2001:DB8::1]:443", "2001:db8::1"),
            ("my_nas", "my_nas"),
        ] {
            assert_eq!(name(authority).as_deref(), Some(expected), "{authority}");
        }
    }

    #[test]
    fn malformed_hosts_are_refused() {
        for authority in [
            "", ".", ":80", "a b", "a/b", "a@b", "a,b", "a:b", "a:", "a:1:2", "a:99999", "[::1", "[x]",
            "[::1]x", "a..b", ".a", "ä", "a\\b", "a?b", "a#b", "a%41",
        ] {
            assert_eq!(name(authority), None, "{authority}");
        }
    }
}
