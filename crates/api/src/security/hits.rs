//! Whom a ban would hit that its maker may not mean: themselves, this machine, and what stands in front of it.

use crate::meta::Meta;
use crate::settings;
use crate::state::State;
use axum::http::HeaderMap;
use ipnet::{IpNet, Ipv4Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What a ban is compared with.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Where the request comes from: its peer, and what a proxy in front says.
    coming_from: Vec<IpAddr>,
    /// Peers whose forwarded headers are believed.
    trusted: Vec<IpNet>,
    /// Where this machine, or its container, sends what is for others.
    gateways: Vec<IpAddr>,
}

impl Own {
    pub(super) async fn of(state: &State, facts: &Meta, headers: &HeaderMap) -> Self {
        // Anybody can send this header; who lies in it is asked once more, and that is all.
        let said = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
        let said = said.flat_map(|value| value.split(',')).filter_map(|part| part.trim().parse().ok());
        let trusted = settings::trusted_proxies(state).await;
        Self {
            coming_from: facts.client.into_iter().chain(said.take(20)).collect(),
            trusted: trusted.iter().filter_map(|entry| super::network("", entry).ok()).collect(),
            gateways: gateways(&std::fs::read_to_string("/proc/net/route").unwrap_or_default()),
        }
    }

    /// What a ban of `network` would hit, as parts of a sentence.
    pub(super) fn hit_by(&self, network: IpNet) -> Vec<String> {
        let network = canonical(network);
        let overlaps = |other: &IpNet| network.contains(other) || other.contains(&network);
        let holds = |address: &&IpAddr| network.contains(&address.to_canonical());
        let mut hit = Vec::new();
        let loopback = [
            IpNet::from(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
            IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST)),
        ];
        hit.extend(
            self.coming_from.iter().find(holds).map(|it| format!("the address that you come from ({it})")),
        );
        if loopback.iter().any(overlaps) {
            hit.push("this machine itself (loopback)".to_owned());
        }
        hit.extend(
            self.trusted
                .iter()
                .find(|other| overlaps(&canonical(**other)))
                .map(|it| format!("the trusted proxy {}", super::shown(*it))),
        );
        hit.extend(self.gateways.iter().find(holds).map(|it| {
            format!("the gateway of this machine or of its container ({it}), which many clients may come by")
        }));
        hit
    }
}

/// IPv4 that is written as IPv6 is IPv4, as it is for the data plane.
fn canonical(network: IpNet) -> IpNet {
    let mapped = match (network, network.network().to_canonical()) {
        (IpNet::V6(network), IpAddr::V4(address)) => {
            network.prefix_len().checked_sub(96).and_then(|length| IpNet::new(address.into(), length).ok())
        }
        _ => None,
    };
    mapped.unwrap_or(network)
}

/// The gateways of default routes in `/proc/net/route` (proc(5)): numbers in the machine's own order of bytes.
fn gateways(table: &str) -> Vec<IpAddr> {
    let gateway = |line: &str| {
        let mut cells = line.split_whitespace().skip(1);
        let (destination, gateway) = (cells.next()?, cells.next()?);
        let number = u32::from_str_radix(gateway, 16).ok().filter(|number| *number != 0)?;
        (destination == "00000000").then(|| IpAddr::from(Ipv4Addr::from(number.to_ne_bytes())))
    };
    table.lines().filter_map(gateway).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ban_that_hits_its_maker_or_what_stands_in_front_is_noticed() {
        let table = "Iface\tDestination\tGateway\tFlags\neth0\t00000000\t010011AC\t0003\neth0\t000011AC\t00000000\t1\n";
        let gateways = match cfg!(target_endian = "little") {
            true => gateways(table),
            false => vec![IpAddr::from([172, 17, 0, 1])],
        };
        assert_eq!(gateways, [IpAddr::from([172, 17, 0, 1])]);
        let own = Own {
            coming_from: vec!["192.168.1.5".parse().unwrap(), "2001:db8::5".parse().unwrap()],
            trusted: vec!["10.0.0.0/24".parse().unwrap()],
            gateways,
        };
        for (banned, expected) in [
            ("203.0.113.7", &[][..]),
            ("2001:db9::/32", &[]),
            ("192.168.1.5", &["come from"]),
            ("::ffff:192.168.1.5", &["come from"]),
            ("192.168.0.0/16", &["come from"]),
            ("2001:db8::/64", &["come from"]),
            ("127.0.0.1", &["loopback"]),
            ("127.0.0.53", &["loopback"]),
            ("::1", &["loopback"]),
            ("10.0.0.9", &["trusted proxy 10.0.0.0/24"]),
            ("10.0.0.0/8", &["trusted proxy"]),
            ("172.17.0.1", &["gateway"]),
            ("0.0.0.0/0", &["come from", "loopback", "trusted proxy", "gateway"]),
        ] {
            let hit =
                own.hit_by(banned.parse().or_else(|_| banned.parse::<IpAddr>().map(IpNet::from)).unwrap());
            assert_eq!(hit.len(), expected.len(), "{banned}: {hit:?}");
            assert!(hit.iter().zip(expected).all(|(hit, part)| hit.contains(part)), "{banned}: {hit:?}");
        }
    }
}
