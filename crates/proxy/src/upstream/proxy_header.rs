//! What stands ahead of a connection's first byte when a server wants to know the client: the PROXY protocol in
//! version 1 (text) or 2 (binary), as in HAProxy's proxy-protocol.txt.

use crate::spec::ProxyProtocol;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// The first bytes of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The header for a connection of `client` to our address `local`. Addresses of two families, which the protocol
/// cannot say, are both told as IPv6.
pub(crate) fn header(version: ProxyProtocol, client: SocketAddr, local: SocketAddr) -> Vec<u8> {
    let (source, target) = match (client.ip().to_canonical(), local.ip().to_canonical()) {
        (IpAddr::V4(source), IpAddr::V6(target)) => (source.to_ipv6_mapped().into(), target.into()),
        (IpAddr::V6(source), IpAddr::V4(target)) => (source.into(), target.to_ipv6_mapped().into()),
        same => same,
    };
    let mut out = Vec::with_capacity(108);
    match version {
        ProxyProtocol::V1 => {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            // A vector takes everything that is written to it.
            let _ = write!(out, "PROXY {family} {source} {target} {} {}\r\n", client.port(), local.port());
        }
        ProxyProtocol::V2 => {
            out.extend_from_slice(SIGNATURE);
            // Version 2, command PROXY; then the family over TCP and the length of the addresses.
            out.extend_from_slice(if source.is_ipv4() { &[0x21, 0x11, 0, 12] } else { &[0x21, 0x21, 0, 36] });
            for ip in [source, target] {
                match ip {
                    IpAddr::V4(ip) => out.extend_from_slice(&ip.octets()),
                    IpAddr::V6(ip) => out.extend_from_slice(&ip.octets()),
                }
            }
            out.extend_from_slice(&client.port().to_be_bytes());
            out.extend_from_slice(&local.port().to_be_bytes());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v1(client: &str, local: &str) -> String {
        let header = header(ProxyProtocol::V1, client.parse().unwrap(), local.parse().unwrap());
        String::from_utf8(header).unwrap()
    }

    #[test]
    fn version_1_is_a_line_of_text() {
        assert_eq!(v1("1.2.3.4:5678", "10.0.0.1:80"), "PROXY TCP4 1.2.3.4 10.0.0.1 5678 80\r\n");
        assert_eq!(v1("[::ffff:1.2.3.4]:5678", "10.0.0.1:80"), "PROXY TCP4 1.2.3.4 10.0.0.1 5678 80\r\n");
        assert_eq!(
            v1("[2001:db8::1]:5678", "10.0.0.1:80"),
            "PROXY TCP6 2001:db8::1 ::ffff:10.0.0.1 5678 80\r\n"
        );
    }

    #[test]
    fn version_2_is_binary() {
        let of = |client: &str, local: &str| {
            header(ProxyProtocol::V2, client.parse().unwrap(), local.parse().unwrap())
        };
        let four = of("1.2.3.4:258", "10.0.0.1:80");
        assert_eq!(four[..12], *b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a");
        assert_eq!(four[12..], [0x21, 0x11, 0, 12, 1, 2, 3, 4, 10, 0, 0, 1, 1, 2, 0, 80]);
        let six = of("[2001:db8::1]:258", "[::1]:80");
        assert_eq!((six.len(), &six[12..18]), (52, &[0x21, 0x21, 0, 36, 0x20, 0x01][..]));
    }
}
