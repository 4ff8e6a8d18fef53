//! Who the client is: the peer, or, when the peer is a trusted proxy, whom it names.

use crate::field::{self, Kind};
use crate::pipeline::Call;
use std::net::{IpAddr, SocketAddr};

/// Never stops a request.
pub(crate) fn run(call: &mut Call<'_>) {
    let snapshot = call.snapshot.clone();
    let config = &snapshot.config;
    call.trusted = config.trusts(call.peer.ip);
    if !call.trusted {
        return;
    }
    let named = call.request.values(Kind::XForwardedFor);
    call.client_ip = client(call.peer.ip, named, |ip| config.trusts(ip));
    let proto = call.request.values(Kind::XForwardedProto).last();
    if let Some(proto) = proto.and_then(|value| field::list(value).last()) {
        call.https = proto.eq_ignore_ascii_case(b"https") || proto.eq_ignore_ascii_case(b"wss");
    }
}

/// The first address, from the right of all values of `X-Forwarded-For`, that is not a trusted proxy. Garbage ends the
/// walk: what stands left of it was written by nobody that is trusted.
pub(crate) fn client<'a>(
    peer: IpAddr,
    values: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: impl Fn(IpAddr) -> bool,
) -> IpAddr {
    // From the right: each proxy adds its peer at the end.
    let entries = values.rev().flat_map(|value| value.rsplit(|byte| *byte == b',').map(<[u8]>::trim_ascii));
    let mut client = peer;
    for entry in entries {
        let Some(ip) = parse(entry) else { break };
        client = ip;
        if !trusted(ip) {
            break;
        }
    }
    client
}

/// An address with or without a port, an IPv6 address with or without brackets.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let ip = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    ip.map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_first_address_from_the_right_that_is_not_a_trusted_proxy() {
        let trusted = |ip: IpAddr| ip.to_string().starts_with("10.");
        for (header, expected) in [
            ("", "10.0.0.1"),
            ("1.2.3.4", "1.2.3.4"),
            ("9.9.9.9, 1.2.3.4", "1.2.3.4"),
            ("9.9.9.9, 1.2.3.4, 10.0.0.7", "1.2.3.4"),
            ("10.0.0.9, 10.0.0.7", "10.0.0.9"),
            ("1.2.3.4:5678", "1.2.3.4"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("1.2.3.4, garbage, 10.0.0.7", "10.0.0.7"),
            ("1.2.3.4, unknown", "10.0.0.1"),
        ] {
            let found = client("10.0.0.1".parse().unwrap(), std::iter::once(header.as_bytes()), trusted);
            assert_eq!(found.to_string(), expected, "{header}");
        }
    }
}
