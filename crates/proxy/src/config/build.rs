//! From a specification to a configuration. One bad host is left out with a problem; the others are served.

use super::hosts::{Access, Host, Hosts, Place};
use super::tls::{self, Certificates};
use super::upstreams::{self, Shared};
use super::{Config, Traffic};
use crate::networks::Networks;
use crate::path;
use crate::spec::{self, DefaultSite, Spec};
use ahash::AHashMap;
use std::sync::{Arc, LazyLock};

/// Why a host, or a certificate, is not served as specified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuildProblem {
    /// [`spec::Host::id`] of the host that is left out or served without something; `None` when the problem
    /// concerns a certificate or a setting of all hosts.
    pub host_id: Option<String>,
    /// The host is not served at all.
    pub left_out: bool,
    /// What is wrong, as one sentence.
    pub message: String,
    /// What mends it, as one sentence.
    pub remedy: String,
}

impl BuildProblem {
    fn new(host_id: Option<&str>, left_out: bool, message: String, remedy: &str) -> Self {
        Self { host_id: host_id.map(str::to_owned), left_out, message, remedy: remedy.to_owned() }
    }
}

/// What clients of a host are told that has a fault.
const LEFT_OUT: &str = "This host is configured here, but a fault in its settings keeps it from being served; its administrator sees \
     which.";

/// A message and a remedy.
type Fault = (String, &'static str);

impl Config {
    /// Compiles a specification. What cannot be served is left out and named in the problems; with an empty
    /// list, everything is served as specified.
    pub fn build(spec: &Spec) -> (Self, Vec<BuildProblem>) {
        let mut problems = Vec::new();
        let mut certificates = Certificates::default();
        let mut by_id: AHashMap<&str, Result<_, Fault>> = AHashMap::new();
        for certificate in &spec.certificates {
            let loaded = tls::load(certificate);
            match &loaded {
                Ok(key) => certificates.add(key),
                Err((message, remedy)) => {
                    problems.push(BuildProblem::new(None, false, message.clone(), remedy))
                }
            }
            by_id.insert(&certificate.id, loaded);
        }
        match spec.default_certificate.as_ref().map(tls::load) {
            Some(Ok(key)) => certificates.set_default(key),
            Some(Err((message, remedy))) => problems.push(BuildProblem::new(None, false, message, remedy)),
            None => {}
        }
        let cookie_key = cookie_key(spec, &mut problems);
        let shared = Shared {
            client_certificates: spec
                .client_certificates
                .iter()
                .map(|one| (&*one.id, tls::load(one)))
                .collect(),
            cookie_key: &cookie_key,
        };
        let mut hosts = Hosts::default();
        for host in &spec.hosts {
            let built = match build_host(host, &by_id, &shared) {
                Ok(built) => built,
                Err((message, remedy)) => {
                    let message = format!("the host {} is left out: {message}", host.name);
                    problems.push(BuildProblem::new(Some(&host.id), true, message, remedy));
                    // What is wrong concerns its administrator; its clients learn that it is not gone.
                    unavailable(host, LEFT_OUT)
                }
            };
            for domain in hosts.add(built, host.domains.iter()) {
                let message =
                    format!("{domain} stands in another host too, which serves it; {} does not", host.name);
                let remedy = "Remove the domain from one of the two hosts.";
                problems.push(BuildProblem::new(Some(&host.id), false, message, remedy));
            }
        }
        let default_site = match &spec.default_site {
            DefaultSite::Redirect { url } if http::HeaderValue::from_str(url).is_err() => {
                let message =
                    "the default site's redirect holds a line break or a control character".to_owned();
                problems.push(BuildProblem::new(None, false, message, "Write an absolute URL."));
                DefaultSite::NotFound
            }
            site => site.clone(),
        };
        let https_port = spec.https_port.filter(|port| port.get() != 443);
        let config = Self {
            revision: spec.revision,
            hosts,
            tls: certificates,
            default_site,
            trusted_proxies: spec.trusted_proxies.clone(),
            https_port: https_port.map(|port| format!(":{port}")).unwrap_or_default(),
        };
        (config, problems)
    }
}

/// Signs cookies. Without a key of their own, they are good until the process ends.
fn cookie_key(spec: &Spec, problems: &mut Vec<BuildProblem>) -> Vec<u8> {
    static UNTIL_THE_END: LazyLock<[u8; 32]> = LazyLock::new(base::random::bytes);
    let given = spec.cookie_key.expose().as_bytes();
    if given.len() >= 16 {
        return given.to_vec();
    }
    let sticky = |host: &spec::Host| {
        host.upstream.sticky.is_some() || host.locations.iter().any(|other| other.upstream.sticky.is_some())
    };
    if spec.hosts.iter().any(sticky) {
        let message =
            "the cookies that keep clients at their servers are signed with a key that a restart changes";
        let remedy = "Give the configuration a cookie_key of at least 16 characters.";
        problems.push(BuildProblem::new(None, false, message.to_owned(), remedy));
    }
    UNTIL_THE_END.to_vec()
}

fn build_host(
    host: &spec::Host,
    certificates: &AHashMap<&str, Result<Arc<rustls::sign::CertifiedKey>, Fault>>,
    shared: &Shared<'_>,
) -> Result<Host, Fault> {
    let mut built = match &host.unavailable {
        Some(reason) => unavailable(host, reason),
        None => {
            let traffic = traffic("", &host.traffic, host)?;
            let target = upstreams::build(host, None, &host.upstream, shared)?;
            Host::new(host.id.as_str().into(), Place { target: Some(Arc::new(target)), traffic })
        }
    };
    for location in host.locations.iter().filter(|_| host.unavailable.is_none()) {
        let normal = path::normalise(location.path.as_bytes()).map_err(|path::Refused(reason)| {
            let message = format!("its location {}: {reason}", location.path);
            (message, "Write the location's path like /api.")
        })?;
        let path = normal.as_deref().unwrap_or(location.path.as_bytes());
        let own = if location.traffic == spec::Traffic::default() {
            built.place(None).traffic.clone()
        } else {
            traffic(&location.path, &location.traffic.below(&host.traffic), host)?
        };
        let target = upstreams::build(host, Some(&location.path), &location.upstream, shared);
        let target = target
            .map_err(|(message, remedy)| (format!("its location {}: {message}", location.path), remedy))?;
        built.add_location(path, Place { target: Some(Arc::new(target)), traffic: own });
    }
    built.force_https = host.force_https;
    built.access = host.access.as_ref().map(|access| Access {
        name: access.name.clone(),
        allow: access.allow,
        networks: Networks::new(&access.networks),
    });
    built.http2 = host.http2;
    if let Some(id) = &host.certificate {
        built.certificate = Some(match certificates.get(id.as_str()) {
            Some(Ok(key)) => key.clone(),
            Some(Err(fault)) => return Err(fault.clone()),
            None => {
                let message = "its certificate does not exist".to_owned();
                return Err((message, "Choose another certificate for the host."));
            }
        });
    }
    Ok(built)
}

/// A host that answers 503 with this sentence. Its certificate is found by its name.
fn unavailable(host: &spec::Host, reason: &str) -> Host {
    let nowhere = Place { target: None, traffic: Arc::default() };
    let mut built = Host::new(host.id.as_str().into(), nowhere);
    built.unavailable = Some(reason.into());
    built
}

/// Compiles traffic features; `path` is that of the location, or empty.
fn traffic(path: &str, traffic: &spec::Traffic, host: &spec::Host) -> Result<Arc<Traffic>, Fault> {
    Traffic::build(traffic, host.hsts).map(Arc::new).map_err(|error| {
        let place = if path.is_empty() { String::new() } else { format!("its location {path}: ") };
        (format!("{place}{}: {}", error.field, error.message), "Correct the named setting of the host.")
    })
}
