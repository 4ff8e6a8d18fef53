//! What stands in the way of a certificate.

use serde::{Deserialize, Serialize};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It works now, and may not for long, or not for everybody.
    Warning,
    /// The next order fails.
    Failure,
}

/// One thing that stands in the way, for a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Which one.
    pub fault: Fault,
    /// How bad it is.
    pub severity: Severity,
    /// What was seen.
    pub message: String,
    /// What mends it.
    pub remedy: String,
}

/// All that can stand in the way. The names are stored and part of the API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Nobody has agreed to the authority's terms.
    TermsNotAgreed,
    /// The authority asks for an external account, and none is set.
    NoExternalAccount,
    /// The authority's directory cannot be asked.
    AuthorityUnreachable,
    /// The authority's address is not trusted.
    AuthorityNotTrusted,
    /// This machine's clock is wrong.
    ClockWrong,
    /// The name is one that no public authority vouches for.
    NameNotPublic,
    /// No resolver answers.
    ResolverSilent,
    /// The servers of the zone fail, or their signatures do.
    LookupFails,
    /// The name does not exist.
    NameNotFound,
    /// The name is an alias of one that does not exist.
    AliasDangling,
    /// The name has no address.
    NoAddress,
    /// The name has only addresses of private networks.
    PrivateAddress,
    /// The name has an address of a carrier's own network.
    CarrierAddress,
    /// Nobody listens on the port.
    PortClosed,
    /// Nothing answers on the port, not even a refusal.
    PortSilent,
    /// There is no way to the address.
    NoRoute,
    /// What answers does not speak the protocol.
    NotHttp,
    /// Another server answers.
    AnotherServer,
    /// The request is sent on to somewhere else.
    SentElsewhere,
    /// One of several addresses does not lead here.
    OneAddressWrong,
    /// The IPv6 address does not lead here; authorities try it first.
    Ipv6Wrong,
    /// Something in front ends TLS, so that TLS-ALPN-01 cannot be answered.
    TlsEndedInFront,
    /// CAA records name other authorities only.
    CaaForbids,
    /// CAA records forbid wildcards.
    CaaForbidsWildcards,
    /// CAA records bind issuing to another account or another way of proof.
    CaaBinds,
    /// CAA records cannot be looked up.
    CaaFails,
    /// A wildcard needs a DNS provider, and none holds the zone.
    NoDnsProvider,
    /// The DNS provider refuses the credentials.
    DnsCredentialsRefused,
    /// The DNS provider does not hold the zone.
    DnsZoneElsewhere,
    /// The DNS provider cannot be asked.
    DnsProviderUnreachable,
    /// Too many validations failed within the hour.
    ValidationsUsedUp,
    /// The authority's limit of certificates for the domain is near or reached.
    CertificatesUsedUp,
    /// The certificate should have been renewed.
    RenewalOverdue,
    /// The certificate has ended.
    Ended,
}

impl Finding {
    pub(crate) fn failure(fault: Fault, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { fault, severity: Severity::Failure, message: message.into(), remedy: remedy.into() }
    }

    pub(crate) fn warning(fault: Fault, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::failure(fault, message, remedy) }
    }
}
