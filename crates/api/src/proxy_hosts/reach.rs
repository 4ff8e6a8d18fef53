//! Which addresses a host may not lead to, and which are not even tried.

use base::{FieldError, UpstreamAddress};
use std::net::{IpAddr, SocketAddr};
use store::proxy_hosts::HostValues;

/// Why no host may lead to this address. The link-local networks are where clouds keep secrets of the machine.
fn forbidden(address: IpAddr) -> Option<String> {
    let address = address.to_canonical();
    let link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        // fe80::/10, and the address of cloud metadata in IPv6.
        IpAddr::V6(address) => {
            address.is_unicast_link_local() || address.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        }
    };
    if link_local {
        return Some(format!(
            "{address} is a link-local address, where clouds keep secrets; use another, or allow it with the \
             environment variable CHARON_ALLOW_LINK_LOCAL"
        ));
    }
    address.is_multicast().then(|| format!("{address} is a multicast address; use that of one machine"))
}

/// Why an address is not tried. `allowed`: link-local addresses are.
pub(super) fn refusal(address: SocketAddr, own_ports: &[u16], allowed: bool) -> Option<String> {
    let (ip, port) = (address.ip().to_canonical(), address.port());
    if let Some(why) = forbidden(ip).filter(|_| !allowed) {
        return Some(why);
    }
    // Whoever may try addresses would else see answers of the interface that only this machine gets.
    ((ip.is_loopback() || ip.is_unspecified()) && own_ports.contains(&port))
        .then(|| format!("port {port} of this machine is Charon's own interface; use another"))
}

/// The addresses of a host and its locations, each with its field. Names are not looked up.
pub(super) fn addresses(values: &HostValues) -> Vec<(String, SocketAddr)> {
    let own = (String::new(), values.forward_host.as_str(), values.forward_port, &values.upstream);
    let of_locations = values.locations.iter().enumerate().map(|(at, location)| {
        let path = format!("locations.{at}.");
        (path, location.forward_host.as_str(), location.forward_port, &location.upstream)
    });
    let mut found = Vec::new();
    for (path, host, port, upstream) in std::iter::once(own).chain(of_locations) {
        let port = u16::try_from(port).unwrap_or_default();
        found.extend(host.parse().ok().map(|ip| (format!("{path}forward_host"), SocketAddr::new(ip, port))));
        let servers = upstream.get("servers").and_then(|servers| servers.as_array());
        for (at, server) in servers.into_iter().flatten().enumerate() {
            let address = server.get("address").and_then(|address| address.as_str()).unwrap_or_default();
            if let Ok(UpstreamAddress::Tcp { host, port }) = UpstreamAddress::parse(address)
                && let Ok(ip) = host.as_str().parse()
            {
                let field = format!("{path}upstream.servers.{at}.address");
                found.push((field, SocketAddr::new(ip, port.get())));
            }
        }
    }
    found
}

/// The addresses of a host that no host may lead to, by field.
pub(super) fn faults(values: &HostValues) -> Vec<FieldError> {
    let fault =
        |(field, address): (String, SocketAddr)| Some(FieldError::new(field, forbidden(address.ip())?));
    addresses(values).into_iter().filter_map(fault).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_and_the_own_interface_are_not_tried_in_any_spelling() {
        for (address, refused, refused_when_allowed) in [
            ("169.254.169.254:80", true, false),
            ("[::ffff:169.254.169.254]:80", true, false),
            ("[fe80::1]:80", true, false),
            ("[fd00:ec2::254]:80", true, false),
            ("224.0.0.1:80", true, false),
            ("127.0.0.1:8080", true, true),
            ("[::1]:8080", true, true),
            ("[::ffff:127.0.0.1]:8080", true, true),
            ("0.0.0.0:8080", true, true),
            ("127.0.0.1:3000", false, false),
            ("192.168.1.20:8080", false, false),
            ("10.0.0.1:80", false, false),
            ("[2001:db8::1]:443", false, false),
        ] {
            let parsed = address.parse().unwrap();
            assert_eq!(refusal(parsed, &[8080], false).is_some(), refused, "{address}");
            assert_eq!(refusal(parsed, &[8080], true).is_some(), refused_when_allowed, "{address}");
        }
    }
}
