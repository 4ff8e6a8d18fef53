//! Value types that cannot hold a wrong value. Each is parsed once, at the border, and its error names the
//! remedy.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;

/// What is wrong with one field of an input, and what would be right.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FieldError {
    /// Path of the field, as in the JSON that was sent: `domain_names`, `locations.0.path`.
    pub field: String,
    /// One sentence: what is wrong, and the remedy.
    pub message: String,
}

impl FieldError {
    /// An error about `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// A DNS name in lower case without a trailing dot, or an IP address: what a `Host` header can name.
///
/// Labels follow RFC 1123 (letters, digits, hyphens, 1 to 63 characters); underscores are allowed, since
/// private names use them. At most 253 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

impl Domain {
    /// Reads a name as a person types it: any case, with or without a trailing dot.
    ///
    /// # Errors
    /// A sentence that names the fault and the remedy.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let name = trimmed.strip_suffix('.').unwrap_or(trimmed).to_ascii_lowercase();
        if let Some(inner) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return match inner.parse::<IpAddr>() {
                Ok(address @ IpAddr::V6(_)) => Ok(Self(address.to_string())),
                _ => Err(format!("'{trimmed}' is not an IPv6 address; write it like [2001:db8::1]")),
            };
        }
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Self(address.to_string()));
        }
        check_name(&name, trimmed)?;
        Ok(Self(name))
    }

    /// The name in lower case; an IPv6 address without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, when this is one and not a name.
    pub fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }
}

fn check_name(name: &str, shown: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("a domain is missing; write one like app.example.com".to_owned());
    }
    if let Some((scheme, rest)) = name.split_once("://") {
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        return Err(format!("'{shown}' starts with {scheme}://; write only the domain, {host}"));
    }
    if name.len() > 253 {
        return Err(format!("'{shown}' is longer than 253 characters"));
    }
    if !name.is_ascii() {
        return Err(format!("'{shown}' has letters outside ASCII; write its punycode form (xn--...)"));
    }
    for label in name.split('.') {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if label.is_empty() {
            return Err(format!("'{shown}' has an empty part between dots"));
        }
        if label.len() > 63 {
            return Err(format!("'{shown}' has a part longer than 63 characters"));
        }
        if let Some(bad) = label.bytes().find(|byte| !legal(*byte)) {
            let bad = char::from(bad);
            return Err(format!(
                "'{shown}' has the character '{bad}'; a domain has letters, digits, - and ."
            ));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(format!("'{shown}' has a part that starts or ends with '-'"));
        }
    }
    Ok(())
}

/// A [`Domain`], or a wildcard such as `*.example.com` that stands for exactly one label.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainPattern(String);

impl DomainPattern {
    /// Reads a domain or a wildcard.
    ///
    /// # Errors
    /// A sentence that names the fault and the remedy.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let Some(parent) = trimmed.strip_prefix("*.") else {
            if trimmed.contains('*') {
                return Err(format!(
                    "'{trimmed}': a wildcard is only possible as the first part, *.example.com"
                ));
            }
            return Domain::parse(trimmed).map(|domain| Self(domain.0));
        };
        let parent = Domain::parse(parent)?;
        if parent.address().is_some() {
            return Err(format!("'{trimmed}': an address has no wildcard"));
        }
        Ok(Self(format!("*.{}", parent.0)))
    }

    /// The pattern in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name below which the wildcard stands: `example.com` for `*.example.com`.
    pub fn wildcard_parent(&self) -> Option<&str> {
        self.0.strip_prefix("*.")
    }
}

/// A TCP port from 1 to 65535.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Port(u16);

impl Port {
    /// A port from a number of any size.
    ///
    /// # Errors
    /// When it is not from 1 to 65535.
    pub fn new(number: i64) -> Result<Self, String> {
        match u16::try_from(number) {
            Ok(port) if port > 0 => Ok(Self(port)),
            _ => Err(format!("{number} is not a port; write a number from 1 to 65535")),
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Where an upstream lives: a DNS name or an IP address, without scheme, port or path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UpstreamHost(String);

impl UpstreamHost {
    /// Reads a name (single-label names such as `nas` are fine) or an address.
    ///
    /// # Errors
    /// A sentence that names the fault and the remedy.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err("the target is missing; write a name or an address like 192.168.1.20".to_owned());
        }
        if let Some((name, port)) = trimmed.rsplit_once(':')
            && !name.contains(':')
            && port.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(format!("'{trimmed}' holds a port; write {name} here and {port} in the port field"));
        }
        Domain::parse(trimmed).map(|domain| Self(domain.0))
    }

    /// The name or address; an IPv6 address without brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_type {
    ($($name:ident)*) => {$(
        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text_type!(Domain DomainPattern UpstreamHost);

impl TryFrom<u16> for Port {
    type Error = String;
    fn try_from(number: u16) -> Result<Self, String> {
        Self::new(i64::from(number))
    }
}

impl From<Port> for u16 {
    fn from(port: Port) -> u16 {
        port.0
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_read_as_people_type_them() {
        for (typed, stored) in [
            ("App.Example.com", "app.example.com"),
            (" a.b. ", "a.b"),
            ("localhost", "localhost"),
            ("192.168.1.20", "192.168.1.20"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("my_host.lan", "my_host.lan"),
        ] {
            assert_eq!(Domain::parse(typed).unwrap().as_str(), stored, "{typed}");
        }
    }

    #[test]
    fn faults_in_domains_are_named_with_the_remedy() {
        for (typed, part) in [
            ("", "missing"),
            ("https://a.example/x", "write only the domain, a.example"),
            ("a..b", "empty part"),
            ("-a.b", "starts or ends with '-'"),
            ("a b", "character ' '"),
            ("a;b", "character ';'"),
            ("münchen.de", "punycode"),
            ("*.a", "character '*'"),
            ("[1.2.3.4]", "not an IPv6"),
        ] {
            let message = Domain::parse(typed).unwrap_err();
            assert!(message.contains(part), "{typed}: {message}");
        }
    }

    #[test]
    fn a_wildcard_stands_only_first() {
        assert_eq!(DomainPattern::parse("*.Example.com").unwrap().wildcard_parent(), Some("example.com"));
        assert!(DomainPattern::parse("a.*.com").is_err());
        assert!(DomainPattern::parse("*").is_err());
        assert!(DomainPattern::parse("*.10.0.0.1").is_err());
    }

    #[test]
    fn ports_and_targets_out_of_range_are_refused() {
        assert!(Port::new(0).is_err() && Port::new(65_536).is_err() && Port::new(-1).is_err());
        assert_eq!(Port::new(443).unwrap().get(), 443);
        assert!(UpstreamHost::parse("nas:8080").unwrap_err().contains("8080 in the port field"));
        assert_eq!(UpstreamHost::parse("fe80::1").unwrap().as_str(), "fe80::1");
    }
}
