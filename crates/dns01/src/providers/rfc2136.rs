//! Dynamic updates (RFC 2136), signed with TSIG (RFC 8945): BIND, Knot, PowerDNS, Windows and others.

use crate::DnsError;
use crate::provider::{Handle, Provider, Wait, plain, suffixes};
use crate::schema::{Field, FieldError, FieldKind, Kind};
use crate::tsig::{TsigKey, Verdict};
use crate::wire::{self, IN, SOA, TXT, put_name};
use base::Clock;
use std::net::SocketAddr;
use std::sync::Arc;

const TTL: u32 = 60;
const CLASS_NONE: u16 = 254;

pub(super) const KIND: Kind = Kind {
    name: "rfc2136",
    label: "RFC 2136 (BIND, Knot, PowerDNS)",
    fields: &[
        Field::required(
            "server",
            "Server",
            FieldKind::Text,
            "The IP address of the primary server; with :port, or [IPv6]:port, when it is not 53.",
        ),
        Field::required("key_name", "Key name", FieldKind::Text, "As in the server's configuration."),
        Field::optional(
            "algorithm",
            "Algorithm",
            FieldKind::Choice(&["hmac-sha256", "hmac-sha512"]),
            "hmac-sha256",
            "As in the server's configuration.",
        ),
        Field::required(
            "secret",
            "Key secret",
            FieldKind::Secret,
            "The base64 text of the key, as tsig-keygen prints it.",
        ),
    ],
    one_value: false,
    note: "The key must be allowed to change TXT records: in BIND `update-policy { grant KEY zonesub TXT; };`. The clocks of both machines must agree within 5 minutes.",
    build: |settings, means| {
        let wrong =
            |field: &str, reason: &str| FieldError { field: field.to_owned(), reason: reason.to_owned() };
        let text = settings.get("server");
        let server =
            text.parse::<SocketAddr>().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)));
        let server = server.ok_or_else(|| {
            wrong("server", "must be an IP address, such as 192.0.2.1 or [2001:db8::1]:5353")
        })?;
        let key = TsigKey::new(settings.get("key_name"), settings.get("algorithm"), settings.get("secret"));
        let key = key.ok_or_else(|| {
            wrong("secret", "is not base64; paste what tsig-keygen prints between the quotes")
        })?;
        put_name(&mut Vec::new(), &key.name).map_err(|_| wrong("key_name", "is not a name of the DNS"))?;
        Ok(Box::new(Rfc2136 { server, key, clock: means.clock.clone() }))
    },
};

#[derive(Debug)]
struct Rfc2136 {
    server: SocketAddr,
    key: TsigKey,
    clock: Arc<dyn Clock>,
}

impl Rfc2136 {
    /// The longest name above `record` for which the server has an SOA of its own.
    async fn zone(&self, record: &str) -> Result<String, DnsError> {
        let mut refused = false;
        for name in suffixes(record) {
            let answer = wire::ask(self.server, name, SOA, false).await?;
            refused |= answer.code == 5;
            if answer.authoritative && answer.answers.iter().any(|row| row.kind == SOA && row.name == name) {
                return Ok(name.to_owned());
            }
        }
        let seen = Vec::new();
        if refused {
            // Servers refuse what they do not hold as well as whom they do not know.
            return Err(DnsError::ZoneNotFound {
                name: format!("{record} (the server {} refuses the question)", self.server),
                seen,
            });
        }
        Err(DnsError::ZoneNotFound { name: record.to_owned(), seen })
    }

    async fn update(&self, record: &str, value: &str, add: bool) -> Result<(), DnsError> {
        let zone = self.zone(record).await?;
        let mut message = base::random::bytes::<2>().to_vec();
        // Operation 5 (update); one zone, no conditions, one change, nothing else yet.
        message.extend([5 << 3, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
        put_name(&mut message, &zone)?;
        message.extend(SOA.to_be_bytes());
        message.extend(IN.to_be_bytes());
        put_name(&mut message, record)?;
        message.extend(TXT.to_be_bytes());
        let (class, ttl) = if add { (IN, TTL) } else { (CLASS_NONE, 0) };
        message.extend(class.to_be_bytes());
        message.extend(ttl.to_be_bytes());
        let length =
            u8::try_from(value.len()).map_err(|_| DnsError::failed("the value is longer than 255 bytes"))?;
        message.extend((u16::from(length) + 1).to_be_bytes());
        message.push(length);
        message.extend(value.as_bytes());
        let seconds = u64::try_from(self.clock.now().millis() / 1000).unwrap_or_default();
        let signature = self.key.sign(&mut message, seconds)?;
        let answer = wire::by_tcp(self.server, &message).await?;
        let code = wire::parse(&answer)
            .map(|answer| answer.code)
            .ok_or_else(|| DnsError::malformed("a broken message"))?;
        let refused = |reason: &str| DnsError::Refused { reason: reason.to_owned() };
        match (code, self.key.verify(&answer, &signature)) {
            (_, Verdict::Error(16)) => Err(refused("BADSIG: the secret of the key is another one there")),
            (_, Verdict::Error(17)) => Err(refused("BADKEY: no key of this name and algorithm there")),
            (_, Verdict::Error(18)) => Err(refused(
                "BADTIME: the clocks of this machine and of the server differ by more than 5 minutes",
            )),
            (0, Verdict::Good) => Ok(()),
            (0, _) => Err(DnsError::malformed("its signature is missing or wrong")),
            (5, _) => Err(refused("REFUSED: the key may not change this name")),
            (9, _) => {
                Err(refused("NOTAUTH: the server does not accept the key, or is not the primary of the zone"))
            }
            (code, _) => Err(DnsError::failed(wire::code_name(code))),
        }
    }
}

impl Provider for Rfc2136 {
    fn present<'a>(&'a self, record: &'a str, value: &'a str) -> Wait<'a, Handle> {
        Box::pin(async move {
            let record = plain(record);
            self.update(&record, value, true).await?;
            Ok(Handle { record, value: value.to_owned() })
        })
    }

    fn remove<'a>(&'a self, handle: &'a Handle) -> Wait<'a, ()> {
        Box::pin(self.update(&handle.record, &handle.value, false))
    }
}
