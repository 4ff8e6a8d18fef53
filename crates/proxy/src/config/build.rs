//! From a specification to a configuration, or from one configuration to the next. One bad host is left out with a problem; the others are served.

use super::client_auth::ClientAuth;
use super::hosts::{self, Access, Host, Hosts};
use super::tls::{Certificates, Loaded};
use super::upstreams::{self, Shared};
use super::{Config, Traffic};
use crate::networks::Networks;
use crate::path;
use crate::spec::patch::{Place, order};
use crate::spec::{self, DefaultSite, Patch, Spec, TlsPolicy, UnknownName};
use ahash::{AHashMap, AHashSet};
use std::cell::LazyCell;
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
        Self::empty().patched(&spec.clone().into())
    }

    /// Serves nobody.
    pub fn empty() -> Self {
        Self {
            revision: 0,
            hosts: Hosts::default(),
            tls: Certificates::default(),
            tls_policy: TlsPolicy::default(),
            unknown_name: UnknownName::default(),
            default_site: DefaultSite::NotFound,
            trusted_proxies: Vec::new(),
            https_port: String::new(),
            http3_port: None,
            early_data: false,
            client_certificates: Vec::new(),
            cookie_key: Vec::new(),
        }
    }

    /// The same as [`Config::build`] of the specification after the patch, when this is that of the one before: what
    /// did not change is shared. The problems are all that there are then, not only the new ones.
    pub fn patched(&self, patch: &Patch) -> (Self, Vec<BuildProblem>) {
        let rest = &patch.rest;
        let mut problems = Vec::new();
        let certificates = self.tls.patched(patch);
        for (message, remedy) in certificates.faults() {
            problems.push(BuildProblem::new(None, false, message.clone(), remedy));
        }
        let shown = rest.client_certificates.iter().map(|wanted| {
            let known = self.client_certificates.iter().find(|known| known.source == *wanted);
            known.cloned().unwrap_or_else(|| Arc::new(Loaded::new(wanted.clone())))
        });
        let shown: Vec<_> = shown.collect();
        let cookie_key = cookie_key(rest);
        let changed = Changed {
            certificates: patch
                .certificates
                .iter()
                .map(|one| &*one.id)
                .chain(patch.gone_certificates.iter().map(|id| &**id))
                .collect(),
            shown: differing(&self.client_certificates, &shown),
            cookie_key: cookie_key != self.cookie_key,
            http3_port: rest.http3_port != self.http3_port,
        };
        let by_id = LazyCell::new(|| certificates.by_id());
        let shared = Shared {
            client_certificates: shown.iter().map(|one| (&*one.source.id, &**one)).collect(),
            cookie_key: &cookie_key,
            http3_port: rest.http3_port,
        };
        let before = self.hosts.all();
        let ids = patch.hosts.iter().map(|host| &*host.id);
        let places = order(before.iter().map(|host| &*host.id), ids, &patch.gone_hosts);
        let mut hosts = Hosts::with_capacity(places.len());
        let mut is_sticky = false;
        for place in places {
            let host = match place {
                Place::Kept(at) if !changed.concerns(&before[at].source) => before[at].clone(),
                Place::Kept(at) => Arc::new(made(&before[at].source, &by_id, &shared)),
                Place::Changed(at) => Arc::new(made(&patch.hosts[at], &by_id, &shared)),
            };
            problems.extend(host.fault.clone());
            is_sticky |= sticky(&host.source);
            let taken = hosts.add(host.clone());
            problems.extend(taken.into_iter().map(|domain| {
                let name = &host.source.name;
                let message =
                    format!("{domain} stands in another host too, which serves it; {name} does not");
                let remedy = "Remove the domain from one of the two hosts.";
                BuildProblem::new(Some(&host.id), false, message, remedy)
            }));
        }
        if is_sticky && !has_cookie_key(rest) {
            let message =
                "the cookies that keep clients at their servers are signed with a key that a restart changes";
            let remedy = "Give the configuration a cookie_key of at least 16 characters.";
            problems.push(BuildProblem::new(None, false, message.to_owned(), remedy));
        }
        let default_site = match &rest.default_site {
            DefaultSite::Redirect { url } if http::HeaderValue::from_str(url).is_err() => {
                let message =
                    "the default site's redirect holds a line break or a control character".to_owned();
                problems.push(BuildProblem::new(None, false, message, "Write an absolute URL."));
                DefaultSite::NotFound
            }
            site => site.clone(),
        };
        let https_port = rest.https_port.filter(|port| port.get() != 443);
        let config = Self {
            revision: rest.revision,
            hosts,
            tls: certificates,
            tls_policy: rest.tls_policy,
            unknown_name: rest.unknown_name,
            default_site,
            trusted_proxies: rest.trusted_proxies.clone(),
            https_port: https_port.map(|port| format!(":{port}")).unwrap_or_default(),
            http3_port: rest.http3_port,
            early_data: rest.early_data,
            client_certificates: shown,
            cookie_key,
        };
        (config, problems)
    }
}

/// What of the things that hosts are made with has changed.
struct Changed<'a> {
    certificates: AHashSet<&'a str>,
    shown: AHashSet<String>,
    cookie_key: bool,
    http3_port: bool,
}

impl Changed<'_> {
    fn concerns(&self, host: &spec::Host) -> bool {
        let certificate =
            || host.certificate.as_ref().is_some_and(|id| self.certificates.contains(id.as_str()));
        let shown = || {
            let upstreams =
                std::iter::once(&host.upstream).chain(host.locations.iter().map(|one| &one.upstream));
            upstreams.filter_map(|one| one.tls.client_certificate.as_ref()).any(|id| self.shown.contains(id))
        };
        (!self.certificates.is_empty() && certificate())
            || (!self.shown.is_empty() && shown())
            || (self.cookie_key && sticky(host))
            || (self.http3_port && speaks_http3(host))
    }
}

/// The ids of what is not the same in both lists.
fn differing(before: &[Arc<Loaded>], after: &[Arc<Loaded>]) -> AHashSet<String> {
    let not_in = |list: &[Arc<Loaded>], one: &Arc<Loaded>| !list.iter().any(|other| Arc::ptr_eq(one, other));
    let gone = before.iter().filter(|one| not_in(after, one));
    let new = after.iter().filter(|one| not_in(before, one));
    gone.chain(new).map(|one| one.source.id.clone()).collect()
}

fn sticky(host: &spec::Host) -> bool {
    host.upstream.sticky.is_some() || host.locations.iter().any(|other| other.upstream.sticky.is_some())
}

/// Not where many streams on one connection are not wanted, and not where clients have to show certificates, which are
/// not asked for below HTTP/3.
fn speaks_http3(host: &spec::Host) -> bool {
    host.http2 && host.tls.client_certificates.is_none()
}

fn has_cookie_key(spec: &Spec) -> bool {
    spec.cookie_key.expose().len() >= 16
}

/// Signs cookies. Without a key of their own, they are good until the process ends.
fn cookie_key(spec: &Spec) -> Vec<u8> {
    static UNTIL_THE_END: LazyLock<[u8; 32]> = LazyLock::new(base::random::bytes);
    match has_cookie_key(spec) {
        true => spec.cookie_key.expose().as_bytes().to_vec(),
        false => UNTIL_THE_END.to_vec(),
    }
}

/// A host, or what tells its clients that it has a fault.
fn made(host: &Arc<spec::Host>, certificates: &AHashMap<&str, &Loaded>, shared: &Shared<'_>) -> Host {
    build_host(host, certificates, shared).unwrap_or_else(|(message, remedy)| {
        let message = format!("the host {} is left out: {message}", host.name);
        // What is wrong concerns its administrator; its clients learn that it is not gone.
        let mut host = unavailable(host, LEFT_OUT);
        host.fault = Some(BuildProblem::new(Some(&host.id), true, message, remedy));
        host
    })
}

fn build_host(
    host: &Arc<spec::Host>,
    certificates: &AHashMap<&str, &Loaded>,
    shared: &Shared<'_>,
) -> Result<Host, Fault> {
    let mut built = match &host.unavailable {
        Some(reason) => unavailable(host, reason),
        None => {
            let traffic = traffic("", &host.traffic, host, shared)?;
            let target = upstreams::build(host, None, &host.upstream, shared)?;
            Host::new(host.clone(), hosts::Place { target: Some(Arc::new(target)), traffic })
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
            traffic(&location.path, &location.traffic.below(&host.traffic), host, shared)?
        };
        let target = upstreams::build(host, Some(&location.path), &location.upstream, shared);
        let target = target
            .map_err(|(message, remedy)| (format!("its location {}: {message}", location.path), remedy))?;
        built.add_location(path, hosts::Place { target: Some(Arc::new(target)), traffic: own });
    }
    built.force_https = host.force_https;
    built.access = host.access.as_ref().map(|access| Access {
        name: access.name.clone(),
        allow: access.allow,
        networks: Networks::new(&access.networks),
    });
    built.http2 = host.http2;
    built.tls_policy = host.tls.policy;
    if let Some(wanted) = &host.tls.client_certificates {
        built.client_auth = Some(ClientAuth::new(wanted)?);
    }
    built.is_protected = built.access.is_some() || built.client_auth.is_some();
    if let Some(id) = &host.certificate {
        built.certificate = Some(match certificates.get(id.as_str()) {
            Some(loaded) => loaded.key.clone()?,
            None => {
                let message = "its certificate does not exist".to_owned();
                return Err((message, "Choose another certificate for the host."));
            }
        });
    }
    Ok(built)
}

/// A host that answers 503 with this sentence. Its certificate is found by its name.
fn unavailable(host: &Arc<spec::Host>, reason: &str) -> Host {
    let nowhere = hosts::Place { target: None, traffic: Arc::default() };
    let mut built = Host::new(host.clone(), nowhere);
    built.unavailable = Some(reason.into());
    built
}

/// Compiles traffic features; `path` is that of the location, or empty.
fn traffic(
    path: &str,
    traffic: &spec::Traffic,
    host: &spec::Host,
    shared: &Shared<'_>,
) -> Result<Arc<Traffic>, Fault> {
    let http3_port = shared.http3_port.filter(|_| speaks_http3(host));
    Traffic::build(traffic, host.hsts, http3_port).map(Arc::new).map_err(|error| {
        let place = if path.is_empty() { String::new() } else { format!("its location {path}: ") };
        (format!("{place}{}: {}", error.field, error.message), "Correct the named setting of the host.")
    })
}
