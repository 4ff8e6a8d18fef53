//! Where a client may go. A person who may set an address must not make Charon ask its own machine or its network for
//! things in its name (server-side request forgery): the addresses behind a name are looked at when they are used.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where a client may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reach {
    /// Anywhere: the address was set by an administrator, for a thing that may well stand in the same network.
    #[default]
    Anywhere,
    /// Anywhere but to link-local addresses, where clouds give the credentials of their machines to who asks.
    NotLinkLocal,
    /// Only to addresses of the public internet.
    Public,
}

impl Reach {
    /// Whether a client may go to this address.
    pub(crate) fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Anywhere => true,
            Self::NotLinkLocal => !is_link_local(address),
            Self::Public => is_public(address),
        }
    }

    /// What is allowed, to end a sentence.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Anywhere => "every address is allowed here",
            Self::NotLinkLocal => "link-local ones are not allowed here",
            Self::Public => "only public ones are allowed here",
        }
    }
}

/// Said by the resolver when a name has addresses, but none that is allowed.
#[derive(Debug, thiserror::Error)]
#[error("none of its addresses is allowed")]
pub(crate) struct OutOfReach;

impl Resolve for Reach {
    /// Looks names up as the system does, and leaves out what is not allowed.
    fn resolve(&self, name: Name) -> Resolving {
        let reach = *self;
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<SocketAddr> = found.into_iter().filter(|to| reach.allows(to.ip())).collect();
            if allowed.is_empty() {
                return Err(OutOfReach.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291), also wrapped, and the address at which a large cloud gives
/// credentials over IPv6.
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local()
                || v6.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
                || embedded(v6).is_some_and(|v4| v4.is_link_local())
        }
    }
}

/// Whether an address belongs to the public internet: none of the special-purpose blocks of RFC 6890.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_public_v4(v4),
            None => is_public_v6(v6),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127, ..)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            | (224..=255, ..)
    );
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    // Only 2000::/3 is given out; in it are documentation (RFC 3849, RFC 9637), benchmarks and ORCHID.
    (0x2000..0x4000).contains(&first)
        && !(first == 0x2001 && second == 0x0db8)
        && !(first == 0x3fff && second < 0x1000)
        && !(first == 0x2001 && second < 0x0200)
}

/// The IPv4 address that an IPv6 one only wraps: mapped, translated by NAT64 (RFC 6052), or tunnelled by 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let low = |high: u16, low: u16| {
        let [[a, b], [c, d]] = [high.to_be_bytes(), low.to_be_bytes()];
        Ipv4Addr::new(a, b, c, d)
    };
    match (a, b) {
        (0x64, 0xff9b) if [c, d, e, f] == [0; 4] => Some(low(g, h)),
        (0x2002, _) => Some(low(b, c)),
        _ => address.to_ipv4_mapped(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Reach, is_public};

    #[test]
    fn link_local_addresses_are_told_from_those_of_a_network_at_home() {
        for (address, expected) in [
            ("169.254.169.254", false),
            ("::ffff:169.254.169.254", false),
            ("64:ff9b::a9fe:a9fe", false),
            ("fe80::1", false),
            ("fd00:ec2::254", false),
            ("192.168.1.1", true),
            ("127.0.0.1", true),
            ("fd00::1", true),
            ("1.1.1.1", true),
        ] {
            assert_eq!(Reach::NotLinkLocal.allows(address.parse().unwrap()), expected, "{address}");
            assert!(Reach::Anywhere.allows(address.parse().unwrap()));
        }
    }

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for public in
            ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "2001:4860::8888", "64:ff9b::101:101"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "100.64.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "192.0.2.7",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }
}
