//! Where one server of an upstream listens: `name:port`, `unix:/path` or `srv:name`, as one text.

use crate::types::{Domain, Port, UpstreamHost};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest path of a Unix socket in bytes (`sun_path` of Linux, without its end).
const MAX_SOCKET_PATH: usize = 107;

/// The address of a server. Its text is what people write: `nas:8080`, `192.168.1.20:80`, `[2001:db8::1]:80`,
/// `unix:/run/app.sock`, `srv:_http._tcp.app.internal`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum UpstreamAddress {
    /// A name or an address, and a TCP port.
    Tcp {
        /// Name or address.
        host: UpstreamHost,
        /// TCP port.
        port: Port,
    },
    /// The path of a Unix socket; it starts with `/`.
    Unix(String),
    /// A name with SRV records (RFC 2782), which give names and ports.
    Srv(Domain),
}

/// Which of two fields a fault is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressPart {
    /// Name, address, `unix:` or `srv:`.
    Host,
    /// Port.
    Port,
}

impl UpstreamAddress {
    /// The address in two fields: `host` is a name or an address, or a whole `unix:` or `srv:`, which have no port.
    ///
    /// # Errors
    /// Which field is wrong, and a sentence that names the fault and the remedy.
    pub fn of(host: &str, port: i64) -> Result<Self, (AddressPart, String)> {
        let text = host.trim();
        if text.starts_with("unix:") || text.starts_with("srv:") {
            return Self::parse(text).map_err(|message| (AddressPart::Host, message));
        }
        let host = UpstreamHost::parse(text).map_err(|message| (AddressPart::Host, message))?;
        let port = Port::new(port).map_err(|message| (AddressPart::Port, message))?;
        Ok(Self::Tcp { host, port })
    }

    /// Reads an address.
    ///
    /// # Errors
    /// A sentence that names the fault and the remedy.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                return Err(format!("'{text}' has no absolute path; write it like unix:/run/app.sock"));
            }
            if path.len() > MAX_SOCKET_PATH || path.contains('\0') {
                return Err(format!(
                    "'{text}' is no path of a socket; a path has at most {MAX_SOCKET_PATH} bytes"
                ));
            }
            return Ok(Self::Unix(path.to_owned()));
        }
        if let Some(name) = text.strip_prefix("srv:") {
            let name = Domain::parse(name)?;
            if name.address().is_some() {
                return Err(format!(
                    "'{text}' is an address; SRV records stand under a name like srv:_http._tcp.app.lan"
                ));
            }
            return Ok(Self::Srv(name));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return Err(format!("'{text}' starts with {scheme}://; write only {rest}"));
        }
        let missing = || format!("'{text}' has no port; write it like nas:8080 or [2001:db8::1]:8080");
        let (host, port) = text.rsplit_once(':').ok_or_else(missing)?;
        if host.contains(':') && !host.starts_with('[') {
            return Err(missing());
        }
        let host = UpstreamHost::parse(host)?;
        let number =
            port.parse().map_err(|_| format!("'{port}' is not a port; write a number from 1 to 65535"))?;
        Ok(Self::Tcp { host, port: Port::new(number)? })
    }
}

impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.as_str().contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{path}"),
            Self::Srv(name) => write!(f, "srv:{name}"),
        }
    }
}

impl TryFrom<String> for UpstreamAddress {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<UpstreamAddress> for String {
    fn from(address: UpstreamAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_as_people_type_them() {
        for (typed, stored) in [
            ("nas:8080", "nas:8080"),
            (" NAS.lan:80 ", "nas.lan:80"),
            ("192.168.1.20:80", "192.168.1.20:80"),
            ("[2001:DB8::1]:443", "[2001:db8::1]:443"),
            ("unix:/run/app.sock", "unix:/run/app.sock"),
            ("srv:_http._tcp.App.internal", "srv:_http._tcp.app.internal"),
        ] {
            assert_eq!(UpstreamAddress::parse(typed).unwrap().to_string(), stored, "{typed}");
        }
    }

    #[test]
    fn faults_in_addresses_are_named_with_the_remedy() {
        for (typed, part) in [
            ("nas", "has no port"),
            ("2001:db8::1", "has no port"),
            ("nas:0", "not a port"),
            ("nas:http", "not a port"),
            ("http://nas:80", "write only nas:80"),
            (":80", "missing"),
            ("unix:app.sock", "no absolute path"),
            ("srv:10.0.0.1", "is an address"),
            ("srv:", "missing"),
        ] {
            let message = UpstreamAddress::parse(typed).unwrap_err();
            assert!(message.contains(part), "{typed}: {message}");
        }
        let long = format!("unix:/{}", "x".repeat(200));
        assert!(UpstreamAddress::parse(&long).unwrap_err().contains("at most 107 bytes"));
    }
}
