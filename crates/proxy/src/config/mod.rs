//! The compiled configuration: immutable, indexed, and swapped as a whole by one pointer.

mod build;
mod client_auth;
mod edits;
mod hosts;
#[cfg(test)]
mod patch_tests;
pub(crate) mod rules;
mod security_headers;
mod template;
pub(crate) mod tls;
mod traffic;
mod upstreams;

use crate::spec::{DefaultSite, TlsPolicy, UnknownName};
use base::Port;
pub use build::BuildProblem;
pub(crate) use client_auth::{Authorities, ClientAuth, Shown};
pub(crate) use edits::{Edits, editable};
pub(crate) use hosts::{Host, Hosts};
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
pub(crate) use template::Template;
pub(crate) use traffic::{Extra, Traffic};
pub(crate) use upstreams::{Identity, Seat, Server, Target, TargetTls, UpstreamKey};

/// A configuration that requests can be served from.
#[derive(Debug)]
pub struct Config {
    revision: u64,
    pub(crate) hosts: Hosts,
    pub(crate) tls: tls::Certificates,
    tls_policy: TlsPolicy,
    unknown_name: UnknownName,
    pub(crate) default_site: DefaultSite,
    trusted_proxies: Vec<IpNet>,
    /// What follows the host name in `https` redirects: nothing, or a colon and a port.
    pub(crate) https_port: String,
    /// Where HTTP/3 is served; compiled into the hosts.
    http3_port: Option<Port>,
    pub(crate) early_data: bool,
    /// What is shown to servers, and what signs cookies: compiled into the hosts that need it.
    client_certificates: Vec<Arc<tls::Loaded>>,
    cookie_key: Vec<u8>,
}

impl Config {
    /// The number of the configuration, as in its [`crate::spec::Spec`].
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The ids of the hosts that are served, those left out not among them.
    pub fn host_ids(&self) -> impl Iterator<Item = &str> {
        self.hosts.all().iter().filter(|host| host.unavailable.is_none()).map(|host| &*host.id)
    }

    /// Whether a host with this id is served.
    pub(crate) fn has_host(&self, id: &str) -> bool {
        self.hosts.get(id).is_some_and(|host| host.unavailable.is_none())
    }

    /// Whether forwarded headers of this peer are believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|net| net.contains(&peer))
    }

    /// The policy of TLS that holds for a host.
    pub(crate) fn tls_policy(&self, host: &Host) -> TlsPolicy {
        host.tls_policy.unwrap_or(self.tls_policy)
    }

    /// What a client gets that names this host.
    pub(crate) fn presentation(&self, name: Option<&str>) -> Presentation<'_> {
        let host = name.and_then(|name| self.hosts.find(name.as_bytes())).map(|(_, host)| host);
        let own = host.and_then(|host| host.certificate.as_ref());
        let is_default = self.unknown_name == UnknownName::DefaultCertificate || host.is_some();
        Presentation {
            certificate: own
                .or_else(|| self.tls.named(name))
                .or_else(|| self.tls.fallback().filter(|_| is_default)),
            http2: host.is_none_or(|host| host.http2),
            policy: host.and_then(|host| host.tls_policy).unwrap_or(self.tls_policy),
            client_auth: host.and_then(|host| host.client_auth.as_ref()),
        }
    }
}

/// How a client is met that begins a handshake.
#[derive(Debug)]
pub(crate) struct Presentation<'a> {
    /// `None`: it is refused.
    pub(crate) certificate: Option<&'a Arc<rustls::sign::CertifiedKey>>,
    pub(crate) http2: bool,
    pub(crate) policy: TlsPolicy,
    pub(crate) client_auth: Option<&'a Arc<ClientAuth>>,
}
