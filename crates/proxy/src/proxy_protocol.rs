//! PROXY protocol towards us, versions 1 and 2 (HAProxy, doc/proxy-protocol.txt): a load balancer in front says
//! whose connection it passes on, ahead of the first byte. Everything that is not exactly a header is refused.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// What version 2 begins with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest line of version 1, with its line end.
const MAX_LINE: usize = 107;
/// Longest part of version 2 behind its first 16 bytes: addresses, and records that are passed over.
const MAX_REST: usize = 4096;

/// Whose connection it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// The load balancer's own, like a health check, or of a kind that has no address here.
    Own,
    /// A client's, and the address that it connected to.
    Client { from: SocketAddr, to: SocketAddr },
}

/// The bytes are no header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoHeader;

impl From<NoHeader> for io::Error {
    fn from(_: NoHeader) -> Self {
        io::ErrorKind::InvalidData.into()
    }
}

/// Reads a header off a connection, and not a byte more.
///
/// # Errors
/// When something else comes, or the connection ends. How long it may take is the caller's matter.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<Origin> {
    let mut start = [0; 16];
    // The shortest line of version 1 has 15 bytes, so that nothing behind it is taken.
    stream.read_exact(&mut start[..12]).await?;
    if start[..12] == *SIGNATURE {
        stream.read_exact(&mut start[12..]).await?;
        let length = usize::from(u16::from_be_bytes([start[14], start[15]]));
        if length > MAX_REST {
            return Err(NoHeader.into());
        }
        let mut rest = vec![0; length];
        stream.read_exact(&mut rest).await?;
        return Ok(version_2(start[12], start[13], &rest)?);
    }
    if !start.starts_with(b"PROXY ") {
        return Err(NoHeader.into());
    }
    let mut line = start[..12].to_vec();
    let mut ahead = [0; MAX_LINE];
    loop {
        let room = MAX_LINE - line.len();
        if room == 0 {
            return Err(NoHeader.into());
        }
        // Looked at first, since what follows the line belongs to others.
        let seen = stream.peek(&mut ahead[..room]).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = memchr::memchr(b'\n', &ahead[..seen]);
        let taken = end.map_or(seen, |end| end + 1);
        stream.read_exact(&mut ahead[..taken]).await?;
        line.extend_from_slice(&ahead[..taken]);
        if end.is_some() {
            return Ok(version_1(&line)?);
        }
    }
}

/// Reads a line of version 1, with its line end.
fn version_1(line: &[u8]) -> Result<Origin, NoHeader> {
    let line = line.strip_suffix(b"\r\n").filter(|_| line.len() <= MAX_LINE).ok_or(NoHeader)?;
    let text = std::str::from_utf8(line).map_err(|_| NoHeader)?;
    let mut words = text.strip_prefix("PROXY ").ok_or(NoHeader)?.split(' ');
    match words.next() {
        // What follows is to be passed over.
        Some("UNKNOWN") => Ok(Origin::Own),
        Some(family @ ("TCP4" | "TCP6")) => {
            let mut address = || -> Result<IpAddr, NoHeader> {
                let word = words.next().ok_or(NoHeader)?;
                match family {
                    "TCP4" => Ipv4Addr::from_str(word).map(IpAddr::from).map_err(|_| NoHeader),
                    _ => Ipv6Addr::from_str(word).map(IpAddr::from).map_err(|_| NoHeader),
                }
            };
            let (from, to) = (address()?, address()?);
            let mut port = || words.next().and_then(port).ok_or(NoHeader);
            let (from, to) = (SocketAddr::new(from, port()?), SocketAddr::new(to, port()?));
            if words.next().is_none() { Ok(Origin::Client { from, to }) } else { Err(NoHeader) }
        }
        _ => Err(NoHeader),
    }
}

/// Digits without a sign and without zeros in front.
fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    word.parse().ok().filter(|_| plain)
}

/// Reads version 2: its 13th and 14th byte, and what its length covers.
fn version_2(command: u8, family: u8, rest: &[u8]) -> Result<Origin, NoHeader> {
    match command {
        0x20 => return Ok(Origin::Own),
        0x21 => {}
        _ => return Err(NoHeader),
    }
    match family {
        // TCP over IPv4, and over IPv6.
        0x11 => {
            let [f0, f1, f2, f3, t0, t1, t2, t3, ports @ ..] = rest.first_chunk::<12>().ok_or(NoHeader)?;
            records(&rest[12..])?;
            Ok(client([*f0, *f1, *f2, *f3].into(), [*t0, *t1, *t2, *t3].into(), *ports))
        }
        0x21 => {
            let addresses = rest.first_chunk::<36>().ok_or(NoHeader)?;
            records(&rest[36..])?;
            let part = |at: usize| -> [u8; 16] { std::array::from_fn(|index| addresses[at + index]) };
            let ports = std::array::from_fn(|index| addresses[32 + index]);
            Ok(client(part(0).into(), part(16).into(), ports))
        }
        // Kinds that bring no address of a client to a TCP port: unspecified, datagrams, Unix sockets.
        0x00 => Ok(Origin::Own),
        0x12 | 0x22 | 0x31 | 0x32 => Err(NoHeader),
        _ => Err(NoHeader),
    }
}

fn client(from: IpAddr, to: IpAddr, [f0, f1, t0, t1]: [u8; 4]) -> Origin {
    Origin::Client {
        from: SocketAddr::new(from, u16::from_be_bytes([f0, f1])),
        to: SocketAddr::new(to, u16::from_be_bytes([t0, t1])),
    }
}

/// Passes over records (TLVs), whose lengths must add up.
fn records(mut rest: &[u8]) -> Result<(), NoHeader> {
    while !rest.is_empty() {
        let [_, high, low, after @ ..] = rest else { return Err(NoHeader) };
        rest = after.get(usize::from(u16::from_be_bytes([*high, *low]))..).ok_or(NoHeader)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: Result<Origin, NoHeader>) -> Option<String> {
        match origin {
            Ok(Origin::Client { from, to }) => Some(format!("{from} {to}")),
            Ok(Origin::Own) => Some("own".to_owned()),
            Err(NoHeader) => None,
        }
    }

    #[test]
    fn a_line_of_version_1_is_read_in_exactly_one_form() {
        let far = format!("PROXY UNKNOWN {}\r\n", "f".repeat(91));
        for (line, expected) in [
            ("PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\r\n", Some("1.2.3.4:5678 10.0.0.1:443")),
            ("PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", Some("[2001:db8::1]:1 [::1]:65535")),
            ("PROXY UNKNOWN\r\n", Some("own")),
            ("PROXY UNKNOWN ffff::1 whatever 1 2\r\n", Some("own")),
            (&far, Some("own")),
            ("PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\n", None),
            ("PROXY TCP4 1.2.3.4 10.0.0.1 5678 443 \r\n", None),
            ("PROXY TCP4 1.2.3.4 10.0.0.1 5678\r\n", None),
            ("PROXY TCP4  1.2.3.4 10.0.0.1 5678 443\r\n", None),
            ("PROXY TCP4 1.2.3.4 10.0.0.1 65536 443\r\n", None),
            ("PROXY TCP4 1.2.3.4 10.0.0.1 +1 443\r\n", None),
            ("PROXY TCP4 1.2.3.4 10.0.0.1 01 443\r\n", None),
            ("PROXY TCP4 1.2.3 10.0.0.1 1 443\r\n", None),
            ("PROXY TCP4 ::1 ::1 1 443\r\n", None),
            ("PROXY TCP6 1.2.3.4 ::1 1 443\r\n", None),
            ("PROXY TCP4 256.2.3.4 10.0.0.1 1 443\r\n", None),
            ("PROXY UDP4 1.2.3.4 10.0.0.1 1 443\r\n", None),
            ("PROXY tcp4 1.2.3.4 10.0.0.1 1 443\r\n", None),
            ("proxy TCP4 1.2.3.4 10.0.0.1 1 443\r\n", None),
            ("PROXY\r\n", None),
            ("\r\n", None),
        ] {
            assert_eq!(from(version_1(line.as_bytes())).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused_without_harm() {
        // Every byte of good headers is replaced by every value, and every beginning of them is read alone.
        let line = b"PROXY TCP4 1.2.3.4 10.0.0.1 5678 443\r\n";
        let rest = [1, 2, 3, 4, 10, 0, 0, 1, 0x16, 0x2e, 1, 0xbb, 4, 0, 2, 9, 9];
        for value in 0..=255 {
            for at in 0..line.len() {
                let mut changed = *line;
                changed[at] = value;
                if let Ok(Origin::Client { from, to }) = version_1(&changed) {
                    assert!(from.is_ipv4() && to.is_ipv4());
                }
                assert_eq!(version_1(&line[..at]), Err(NoHeader));
            }
            for at in 0..rest.len() {
                let mut changed = rest;
                changed[at] = value;
                for family in [0x11, 0x21, value] {
                    let _ = version_2(0x21, family, &changed);
                    let _ = version_2(value, family, &rest[..at]);
                }
            }
        }
    }

    #[test]
    fn a_header_of_version_2_is_read_and_its_records_are_passed_over() {
        let v4 = [1, 2, 3, 4, 10, 0, 0, 1, 0x16, 0x2e, 1, 0xbb];
        let mut v6 = [0; 36];
        (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 80, 81);
        let with = |tail: &[u8]| [v4.as_slice(), tail].concat();
        for (command, family, rest, expected) in [
            (0x21, 0x11, v4.to_vec(), Some("1.2.3.4:5678 10.0.0.1:443")),
            (0x21, 0x21, v6.to_vec(), Some("[::1]:80 [::2]:81")),
            (0x21, 0x11, with(&[4, 0, 2, 9, 9, 1, 0, 0]), Some("1.2.3.4:5678 10.0.0.1:443")),
            (0x20, 0x00, vec![], Some("own")),
            (0x20, 0x11, v4.to_vec(), Some("own")),
            (0x21, 0x00, vec![], Some("own")),
            (0x21, 0x11, v4[..11].to_vec(), None),
            (0x21, 0x21, v6[..35].to_vec(), None),
            (0x21, 0x11, with(&[4, 0]), None),
            (0x21, 0x11, with(&[4, 0, 2, 9]), None),
            (0x21, 0x11, with(&[4, 0xff, 0xff, 9]), None),
            (0x21, 0x12, v4.to_vec(), None),
            (0x21, 0x31, vec![0; 216], None),
            (0x21, 0x41, v4.to_vec(), None),
            (0x22, 0x11, v4.to_vec(), None),
            (0x11, 0x11, v4.to_vec(), None),
            (0x00, 0x11, v4.to_vec(), None),
        ] {
            assert_eq!(
                from(version_2(command, family, &rest)).as_deref(),
                expected,
                "{command:x} {family:x} {rest:?}"
            );
        }
    }
}
