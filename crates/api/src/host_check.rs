//! Whether a `Host` header names this server. A page of a stranger whose name was rebound to this address sends
//! its own name (DNS rebinding), and is refused by it.

use std::net::IpAddr;

/// Endings that no stranger can own.
const PRIVATE_ENDINGS: &[&str] = &[".localhost", ".local", ".lan", ".home.arpa", ".internal"];

/// Whether `host` (with or without a port) is an address, a name that no stranger can own, or one of `allowed`.
pub(crate) fn is_fine(host: &str, allowed: &[String]) -> bool {
    let Some(name) = name_of(host) else { return false };
    if name.parse::<IpAddr>().is_ok() {
        return true;
    }
    if base::Domain::parse(&name).is_err() {
        return false;
    }
    !name.contains('.')
        || PRIVATE_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || allowed.iter().any(|allowed| {
            let allowed = allowed.trim().trim_end_matches('.').to_ascii_lowercase();
            allowed == "*"
                || allowed == name
                || allowed
                    .strip_prefix('*')
                    .is_some_and(|ending| ending.starts_with('.') && name.ends_with(ending))
        })
}

/// The name in lower case without port and trailing dot; an IPv6 address without brackets.
pub(crate) fn name_of(host: &str) -> Option<String> {
    let host = host.trim();
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => match host.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') => (name, port),
            Some(_) => return None,
            None => (host, ""),
        },
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    if name.is_empty() || !(port.is_empty() || port.parse::<u16>().is_ok()) {
        return None;
    }
    Some(name.trim_end_matches('.').to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::is_fine;

    #[test]
    fn addresses_local_names_and_allowed_names_are_fine_and_nothing_else() {
        let allowed = ["charon.example.com".to_owned(), "*.home.example".to_owned()];
        for host in [
            "127.0.0.1:8080",
            "192.168.1.20",
            "[::1]:8080",
            "[fe80::1]",
            "localhost",
            "LOCALHOST:8080",
            "nas:8080",
            "charon.lan",
            "box.local:8080",
            "x.home.arpa",
            "charon.example.com.",
            "Charon.Example.com:443",
            "a.home.example",
        ] {
            assert!(is_fine(host, &allowed), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.com:8080",
            "127.0.0.1.evil.com",
            "localhost.evil.com",
            "charon.example.com.evil.com",
            "a b",
            "localhost:x",
            "::1",
            "home.example",
        ] {
            assert!(!is_fine(host, &allowed), "{host}");
        }
        assert!(is_fine("anything.example", &["*".to_owned()]));
    }
}
