//! What the data plane is to do, as plain data: no rows, no parsed certificates, no indexes.
//!
//! `control` compiles rows to a [`Spec`]; [`crate::Config::build`] turns it into the immutable, indexed form
//! that requests are served from. A `Spec` is also what is kept on disk as the last good configuration.

pub(crate) mod patch;
mod tls;
mod traffic;
mod upstream;

use base::{DomainPattern, Port, Secret};
use ipnet::IpNet;
pub use patch::Patch;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
pub use tls::{ClientCertificates, HostTls, TlsPolicy, UnknownName};
pub use traffic::{
    Algorithm, Compression, CompressionLevel, Cors, ErrorPage, ErrorPages, MAX_BUFFERED_BODY, MAX_PAGE,
    MAX_PATTERN, MAX_RULES, Maintenance, PathMatch, Redirect, RequestIds, Rewrite, SecurityHeaders,
    SecurityPreset, Traffic,
};
pub use upstream::{
    AllDown, Balance, ConnectionLimits, HealthCheck, OriginProtocol, OriginTls, Passive, ProxyProtocol,
    Scheme, Server, Sticky, Timeouts, Upstream,
};

/// The whole configuration of the data plane.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spec {
    /// The number of the configuration that this is, for status and logs. Revisions only grow.
    pub revision: u64,
    /// The enabled hosts. A domain stands in one host only; of two, the earlier host wins.
    pub hosts: Vec<Host>,
    /// Certificates that hosts refer to, and that are also offered by their names (SNI).
    #[serde(with = "shared")]
    pub certificates: Vec<Arc<Certificate>>,
    /// The certificate for clients that name no known host, see [`UnknownName`]. `None`: such handshakes are refused.
    #[serde(with = "shared::optional")]
    pub default_certificate: Option<Arc<Certificate>>,
    /// Which clients are taken, where hosts do not say otherwise.
    pub tls_policy: TlsPolicy,
    /// What clients get that name nothing known.
    pub unknown_name: UnknownName,
    /// What a request gets whose host is not known.
    pub default_site: DefaultSite,
    /// Peers whose forwarded headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The port that `https` redirects name; `None` is 443 and is left out.
    pub https_port: Option<Port>,
    /// The port of HTTP/3, which answers by TLS tell of (Alt-Svc, RFC 7838); `None`: they tell of none.
    pub http3_port: Option<Port>,
    /// Requests by methods that are safe are taken before the handshake of a client that comes back has ended (0-RTT, RFC
    /// 8470). It holds for new connections by HTTP/3.
    pub early_data: bool,
    /// Certificates that are shown to servers, see [`OriginTls::client_certificate`]. Clients never get them.
    #[serde(with = "shared")]
    pub client_certificates: Vec<Arc<Certificate>>,
    /// Signs the cookies of [`Sticky`]. At least 16 bytes, the same after a restart and on every node.
    #[serde(with = "exposed")]
    pub cookie_key: Secret<String>,
}

/// Secrets as they stand in the last good configuration on disk.
mod exposed {
    use base::Secret;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(secret: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

/// Shared values as they stand on disk: each by itself.
mod shared {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<T: Serialize, S: Serializer>(list: &[Arc<T>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(|value| &**value))
    }

    pub(super) fn deserialize<'de, T, D>(from: D) -> Result<Vec<Arc<T>>, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Vec::<T>::deserialize(from).map(|list| list.into_iter().map(Arc::new).collect())
    }

    pub(super) mod optional {
        use super::*;

        pub(in super::super) fn serialize<T: Serialize, S: Serializer>(
            value: &Option<Arc<T>>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            value.as_deref().serialize(to)
        }

        pub(in super::super) fn deserialize<'de, T, D>(from: D) -> Result<Option<Arc<T>>, D::Error>
        where
            T: Deserialize<'de>,
            D: Deserializer<'de>,
        {
            Option::<T>::deserialize(from).map(|value| value.map(Arc::new))
        }
    }
}

/// One proxied host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Stable public id (UUID), for logs and statistics.
    pub id: String,
    /// The name that people know it by.
    pub name: String,
    /// Exact names and wildcards.
    pub domains: Vec<DomainPattern>,
    /// Where requests go that no location takes.
    pub upstream: Upstream,
    /// Paths with upstreams of their own. The longest matching path wins.
    #[serde(default)]
    pub locations: Vec<Location>,
    /// Answer plain HTTP with a redirect to HTTPS (308, or 301 for GET and HEAD).
    #[serde(default)]
    pub force_https: bool,
    /// Strict-Transport-Security on HTTPS answers (RFC 6797).
    #[serde(default)]
    pub hsts: Option<Hsts>,
    /// Offer HTTP/2 to clients of this host.
    #[serde(default = "yes")]
    pub http2: bool,
    /// What it wants of TLS.
    #[serde(default)]
    pub tls: HostTls,
    /// What is done to requests and answers on their way.
    #[serde(default)]
    pub traffic: Traffic,
    /// Why the host cannot be served safely, as a sentence that clients may see: every request gets 503 with
    /// it, and nothing else of the host counts but its names and certificate. `None`: it is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
    /// Which client addresses may reach the host; `None` lets everybody.
    #[serde(default)]
    pub access: Option<Access>,
    /// [`Certificate::id`] to present; `None` picks by name.
    #[serde(default)]
    pub certificate: Option<String>,
}

fn yes() -> bool {
    true
}

impl Host {
    /// A host that answers 503 with `reason`, a sentence that clients may see. Needs no upstream.
    pub fn unavailable(
        id: impl Into<String>,
        name: impl Into<String>,
        domains: Vec<DomainPattern>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            domains,
            upstream: Upstream::nowhere(),
            locations: Vec::new(),
            force_https: false,
            hsts: None,
            http2: true,
            tls: HostTls::default(),
            traffic: Traffic::default(),
            unavailable: Some(reason.into()),
            access: None,
            certificate: None,
        }
    }
}

/// Which client addresses may reach a host. Others get 403.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Name of the access list, for logs.
    pub name: String,
    /// Whether `networks` are the ones that may, or the ones that may not.
    pub allow: bool,
    /// The networks. Allowing none lets nobody in.
    pub networks: Vec<IpNet>,
}

/// A path of a host with an upstream of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// Starts with `/`. `/api` takes `/api` and everything below `/api/`, but not `/apix`.
    pub path: String,
    /// Where its requests go.
    pub upstream: Upstream,
    /// What is done differently from the host, see [`Traffic`] for what is inherited.
    #[serde(default)]
    pub traffic: Traffic,
}

/// Strict-Transport-Security.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hsts {
    /// `max-age` in seconds.
    pub max_age: u32,
    /// `includeSubDomains`.
    pub include_subdomains: bool,
    /// `preload`: its owner asks for a place in the lists that browsers bring along (hstspreload.org).
    #[serde(default)]
    pub preload: bool,
}

/// One edit of a head.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase", deny_unknown_fields)]
pub enum HeaderEdit {
    /// Replaces all headers of that name by one.
    Set {
        /// Header name (RFC 9110 token).
        name: String,
        /// Value; may be empty.
        value: String,
    },
    /// Adds one more header of that name.
    Add {
        /// Header name (RFC 9110 token).
        name: String,
        /// Value; may be empty.
        value: String,
    },
    /// Removes all headers of that name.
    Remove {
        /// Header name (RFC 9110 token).
        name: String,
    },
}

/// A certificate chain with its key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Stable public id (UUID).
    pub id: String,
    /// The leaf and its intermediates, PEM.
    pub chain_pem: String,
    /// The private key, PEM (PKCS #8, PKCS #1 or SEC 1).
    pub key_pem: String,
    /// Charon has issued it itself: of two that fit a name, one that a person has given is preferred.
    #[serde(default)]
    pub internal: bool,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("id", &self.id).field("key_pem", &"***").finish_non_exhaustive()
    }
}

/// What a request gets whose host is not known.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum DefaultSite {
    /// A plain 404 page.
    #[default]
    NotFound,
    /// A redirect (302) to this absolute URL.
    Redirect {
        /// Absolute http or https URL.
        url: String,
    },
    /// The connection is closed without an answer.
    Close,
}
