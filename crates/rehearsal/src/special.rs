//! Names and addresses that the Internet does not know.

use std::net::{IpAddr, Ipv4Addr};

/// Domains of special use, and those that people use at home (RFC 6761, 6762, 8375, and ICANN's `internal`).
const LOCAL: &[&str] = &[
    "local",
    "localhost",
    "lan",
    "home",
    "internal",
    "intranet",
    "corp",
    "private",
    "home.arpa",
    "test",
    "example",
    "invalid",
    "onion",
    "localdomain",
];

/// Why no public authority vouches for a name; `None` when one may.
pub fn not_public(name: &str) -> Option<String> {
    let name = name.trim_start_matches("*.").trim_end_matches('.');
    if name.parse::<IpAddr>().is_ok() {
        return Some("it is an address and no name".to_owned());
    }
    if !name.contains('.') {
        return Some("it has no domain".to_owned());
    }
    let ends = |domain: &&&str| name.strip_suffix(**domain).is_some_and(|rest| rest.ends_with('.'));
    LOCAL
        .iter()
        .find(ends)
        .map(|domain| format!("names below .{domain} are known in networks of your own only"))
}

/// The domain for which authorities count: the one below the public suffix (<https://publicsuffix.org>), so
/// `example.co.uk` of `a.b.example.co.uk`. The name itself where there is none.
pub fn registered_domain(name: &str) -> &str {
    let name = name.trim_start_matches("*.").trim_end_matches('.');
    psl::domain_str(name).unwrap_or(name)
}

/// The network of carriers between them and their customers (RFC 6598).
pub(crate) fn is_carrier(address: IpAddr) -> bool {
    matches!(plain(address), IpAddr::V4(v4) if v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]))
}

/// Addresses that nobody reaches from elsewhere.
pub fn is_private(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => {
            v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4 == Ipv4Addr::UNSPECIFIED
                || is_shown(v4)
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            v6.is_loopback() || v6.is_unspecified() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
        }
    }
}

/// Networks for documents (RFC 5737).
fn is_shown(address: Ipv4Addr) -> bool {
    matches!(address.octets(), [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _])
}

fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_counted_for_the_domain_that_somebody_has_registered() {
        for (name, domain) in [
            ("a.b.example.co.uk", "example.co.uk"),
            ("*.example.com", "example.com"),
            ("home.duckdns.org", "home.duckdns.org"),
            ("nas", "nas"),
        ] {
            assert_eq!(registered_domain(name), domain);
        }
    }

    #[test]
    fn names_and_addresses_of_home_are_told_from_those_of_the_internet() {
        for name in ["nas.local", "cloud.home.arpa", "nas", "*.lan.home", "192.0.2.1", "a.b.internal"] {
            assert!(not_public(name).is_some(), "{name}");
        }
        for name in ["shop.example.com", "*.example.org", "local.example.net", "mylan.de"] {
            assert!(not_public(name).is_none(), "{name}");
        }
        for (address, private, carrier) in [
            ("192.168.1.4", true, false),
            ("100.64.3.4", false, true),
            ("100.128.3.4", false, false),
            ("::ffff:10.0.0.1", true, false),
            ("fd00::1", true, false),
            ("fe80::1", true, false),
            ("2a00:1450::1", false, false),
            ("9.9.9.9", false, false),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!((is_private(address), is_carrier(address)), (private, carrier), "{address}");
        }
    }
}
