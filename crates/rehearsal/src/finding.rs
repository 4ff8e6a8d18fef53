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

macro_rules! faults {
    ($($variant:ident $name:literal $doc:literal;)*) => {
        /// All that can stand in the way. The names are stored and part of the API.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        pub enum Fault {
            $(#[doc = $doc] #[serde(rename = $name)] $variant,)*
        }

        impl Fault {
            /// All of them, for documentation and tests.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

faults! {
    TermsNotAgreed "terms-not-agreed" "Nobody has agreed to the authority's terms.";
    NoExternalAccount "no-external-account" "The authority asks for an external account, and none is set.";
    AuthorityUnreachable "authority-unreachable" "The authority's directory cannot be asked.";
    AuthorityNotTrusted "authority-not-trusted" "The authority's address is not trusted.";
    ClockWrong "clock-wrong" "This machine's clock is wrong.";
    NameNotPublic "name-not-public" "The name is one that no public authority vouches for.";
    ResolverSilent "resolver-silent" "No resolver answers.";
    LookupFails "lookup-fails" "The servers of the zone fail, or their signatures do.";
    NameNotFound "name-not-found" "The name does not exist.";
    AliasDangling "alias-dangling" "The name is an alias of one that does not exist.";
    NoAddress "no-address" "The name has no address.";
    PrivateAddress "private-address" "The name has only addresses of private networks.";
    CarrierAddress "carrier-address" "The name has an address of a carrier's own network.";
    PortClosed "port-closed" "Nobody listens on the port.";
    PortSilent "port-silent" "Nothing answers on the port, not even a refusal.";
    NoRoute "no-route" "There is no way to the address.";
    NotHttp "not-http" "What answers does not speak the protocol.";
    AnotherServer "another-server" "Another server answers.";
    SentElsewhere "sent-elsewhere" "The request is sent on to somewhere else.";
    OneAddressWrong "one-address-wrong" "One of several addresses does not lead here.";
    Ipv6Wrong "ipv6-wrong" "The IPv6 address does not lead here; authorities try it first.";
    TlsEndedInFront "tls-ended-in-front" "Something in front ends TLS, so that TLS-ALPN-01 cannot be answered.";
    CaaForbids "caa-forbids" "CAA records name other authorities only.";
    CaaForbidsWildcards "caa-forbids-wildcards" "CAA records forbid wildcards.";
    CaaBinds "caa-binds" "CAA records bind issuing to another account or another way of proof.";
    CaaFails "caa-fails" "CAA records cannot be looked up.";
    NoDnsProvider "no-dns-provider" "A wildcard needs a DNS provider, and none holds the zone.";
    DnsCredentialsRefused "dns-credentials-refused" "The DNS provider refuses the credentials.";
    DnsZoneElsewhere "dns-zone-elsewhere" "The DNS provider does not hold the zone.";
    DnsProviderUnreachable "dns-provider-unreachable" "The DNS provider cannot be asked.";
    DnsProviderFails "dns-provider-fails" "The DNS provider did not write the record, or did not remove it.";
    DnsNotShown "dns-not-shown" "What the DNS provider writes is not what the Internet sees.";
    ValidationsUsedUp "validations-used-up" "Too many validations failed within the hour.";
    CertificatesUsedUp "certificates-used-up" "The authority's limit of certificates for the domain is near or reached.";
    RenewalOverdue "renewal-overdue" "The certificate should have been renewed.";
    Ended "ended" "The certificate has ended.";
}

impl Finding {
    pub(crate) fn failure(fault: Fault, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { fault, severity: Severity::Failure, message: message.into(), remedy: remedy.into() }
    }

    pub(crate) fn warning(fault: Fault, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::failure(fault, message, remedy) }
    }
}
