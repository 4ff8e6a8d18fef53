//! The compiled configuration: immutable, indexed, and swapped as a whole by one pointer.

mod build;
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

use crate::spec::DefaultSite;
pub use build::BuildProblem;
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
    pub(crate) default_site: DefaultSite,
    trusted_proxies: Vec<IpNet>,
    /// What follows the host name in `https` redirects: nothing, or a colon and a port.
    pub(crate) https_port: String,
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

    /// The certificate for a client that names this host, and whether the host wants HTTP/2.
    pub(crate) fn presentation(
        &self,
        name: Option<&str>,
    ) -> (Option<&Arc<rustls::sign::CertifiedKey>>, bool) {
        let host = name.and_then(|name| self.hosts.find(name.as_bytes()));
        let own = host.and_then(|(_, host)| host.certificate.as_ref());
        let certificate = own.or_else(|| self.tls.find(name));
        (certificate, host.is_none_or(|(_, host)| host.http2))
    }
}
