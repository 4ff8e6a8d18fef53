//! A set of networks, ready to be asked about an address: ranges in order, found by bisection.

use ipnet::IpNet;
use std::net::IpAddr;

/// A set of networks of both families.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks {
    /// First and last address of each range, in order and without overlap.
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Networks {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in IpNet::aggregate(&networks.to_vec()) {
            match network {
                IpNet::V4(network) => v4.push((network.network().into(), network.broadcast().into())),
                IpNet::V6(network) => v6.push((network.network().into(), network.broadcast().into())),
            }
        }
        v4.sort_unstable();
        v6.sort_unstable();
        Self { v4, v6 }
    }

    /// Whether the address lies in one of the networks. An IPv4 address written as IPv6 counts as IPv4.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => covers(&self.v4, u32::from(address)),
            IpAddr::V6(address) => covers(&self.v6, u128::from(address)),
        }
    }
}

fn covers<T: Ord>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= address);
    after.checked_sub(1).is_some_and(|index| address <= ranges[index].1)
}

#[cfg(test)]
mod tests {
    use super::Networks;

    #[test]
    fn borders_belong_to_their_network_and_neighbours_do_not() {
        let list = ["10.0.0.0/8", "10.1.0.0/16", "192.168.1.7/32", "fd00::/8", "::1/128"];
        let networks = Networks::new(&list.map(|text| text.parse().unwrap()));
        for (address, inside) in [
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("9.255.255.255", false),
            ("11.0.0.0", false),
            ("192.168.1.7", true),
            ("192.168.1.8", false),
            ("::ffff:10.9.9.9", true),
            ("fd12::1", true),
            ("fe80::1", false),
            ("::1", true),
            ("0.0.0.0", false),
        ] {
            assert_eq!(networks.contain(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!Networks::new(&[]).contain("10.0.0.1".parse().unwrap()));
    }
}
