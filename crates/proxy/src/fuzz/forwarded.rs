//! Who the client is by `X-Forwarded-For`: the walk from the right, held against a reading of the whole list.

use crate::phases::client_ip;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fn trusted(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] == 10,
        IpAddr::V6(ip) => ip.octets()[0] == 0xfd,
    }
}

/// Each line is the value of one header.
pub(super) fn run(data: &[u8]) {
    let values: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let found = client_ip::client(PEER, values.iter().copied(), trusted);
    assert_eq!(found, second(&values), "{:?}", String::from_utf8_lossy(data));
    // Whatever stands left of what a trusted proxy wrote changes nothing.
    let mut longer = vec![&b"192.0.2.1, nonsense"[..]];
    longer.extend(&values);
    assert_eq!(found, client_ip::client(PEER, longer.into_iter(), trusted));
}

/// The entry that decides is the last one which no trusted proxy can have added about another trusted proxy. When it is
/// no address, the trusted proxy that added it stands for its client.
fn second(values: &[&[u8]]) -> IpAddr {
    let list = values.join(&b',');
    let entries: Vec<Option<IpAddr>> = list.split(|byte| *byte == b',').map(address).collect();
    let deciding = entries.iter().rposition(|entry| !entry.is_some_and(trusted));
    let from_there = deciding.map_or(&entries[..], |at| &entries[at..]);
    from_there.iter().flatten().next().copied().unwrap_or(PEER)
}

fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t', '\r', '\n', '\x0c']);
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let ip = text.parse().ok().or_else(with_port).or_else(in_brackets)?;
    Some(match ip {
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4),
        ip => ip,
    })
}
