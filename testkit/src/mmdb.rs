//! Writes small databases in MaxMind's format (<https://maxmind.github.io/MaxMind-DB/>), with records of 24 bits.

use std::net::IpAddr;

/// A value of a record.
#[derive(Clone, Debug)]
pub enum Datum {
    /// Text.
    Text(&'static str),
    /// A number.
    Number(u32),
    /// Named values.
    Map(Vec<(&'static str, Datum)>),
}

impl Datum {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => put_head(2, text.len(), out),
            Self::Number(_) => put_head(6, 4, out),
            Self::Map(entries) => put_head(7, entries.len(), out),
        }
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Number(number) => out.extend_from_slice(&number.to_be_bytes()),
            Self::Map(entries) => {
                for (name, value) in entries {
                    Self::Text(name).put(out);
                    value.put(out);
                }
            }
        }
    }
}

fn put_head(kind: u8, size: usize, out: &mut Vec<u8>) {
    assert!(size < 29, "this writer knows short values only");
    out.push(kind << 5 | u8::try_from(size).expect("a short value"));
}

/// The record for one country.
pub fn country(code: &'static str) -> Datum {
    Datum::Map(vec![("country", Datum::Map(vec![("iso_code", Datum::Text(code))]))])
}

/// The record for one autonomous system.
pub fn system(number: u32) -> Datum {
    Datum::Map(vec![("autonomous_system_number", Datum::Number(number))])
}

/// A database of this type (`GeoLite2-Country`, `GeoLite2-ASN` ...) with records for networks (address and length)
/// that do not lie within each other.
///
/// # Panics
/// When the database is too large for its form.
pub fn database(kind: &'static str, networks: &[(&str, u8, Datum)]) -> Vec<u8> {
    // Each node has two places: `None` for nothing, else a node or a record.
    #[derive(Clone, Copy)]
    enum Place {
        None,
        Node(usize),
        Record(usize),
    }
    let mut nodes = vec![[Place::None; 2]];
    let mut data = Vec::new();
    for (address, length, datum) in networks {
        let record = data.len();
        datum.put(&mut data);
        let (bits, length) = match address.parse().expect("an address") {
            // The tree is one of IPv6, in which IPv4 stands below ::/96.
            IpAddr::V4(address) => (u128::from(u32::from(address)), length + 96),
            IpAddr::V6(address) => (u128::from(address), *length),
        };
        let mut at = 0;
        for depth in 0..length {
            let side = usize::from(bits >> (127 - depth) & 1 == 1);
            if depth + 1 == length {
                nodes[at][side] = Place::Record(record);
                break;
            }
            at = match nodes[at][side] {
                Place::Node(next) => next,
                _ => {
                    nodes.push([Place::None; 2]);
                    let next = nodes.len() - 1;
                    nodes[at][side] = Place::Node(next);
                    next
                }
            };
        }
    }
    let count = nodes.len();
    let mut out = Vec::new();
    for place in nodes.iter().flatten() {
        let number = match place {
            Place::None => count,
            Place::Node(node) => *node,
            Place::Record(offset) => count + 16 + offset,
        };
        let bytes = u32::try_from(number).expect("a small database").to_be_bytes();
        out.extend_from_slice(&bytes[1..]);
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    let count = u32::try_from(count).expect("a small database");
    put_head(7, 9, &mut out);
    for (name, value) in [
        ("node_count", Datum::Number(count)),
        ("database_type", Datum::Text(kind)),
        ("description", Datum::Map(vec![("en", Datum::Text("for tests"))])),
    ] {
        Datum::Text(name).put(&mut out);
        value.put(&mut out);
    }
    // Numbers of 16 bits.
    for (name, value) in [
        ("record_size", 24_u16),
        ("ip_version", 6),
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
    ] {
        Datum::Text(name).put(&mut out);
        put_head(5, 2, &mut out);
        out.extend_from_slice(&value.to_be_bytes());
    }
    // An empty list and a number of 64 bits have extended types.
    Datum::Text("languages").put(&mut out);
    out.extend_from_slice(&[0, 11 - 7]);
    Datum::Text("build_epoch").put(&mut out);
    out.extend_from_slice(&[8, 9 - 7]);
    out.extend_from_slice(&1_795_000_000_u64.to_be_bytes());
    out
}
