//! Hosts by name: exact names first, then wildcards of one label; and within a host, locations by path.

use super::{BuildProblem, ClientAuth, Target, Traffic};
use crate::networks::Networks;
use crate::spec::TlsPolicy;
use crate::{path, spec};
use ahash::AHashMap;
use std::sync::Arc;

/// Which client addresses may reach a host.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) name: String,
    pub(crate) allow: bool,
    pub(crate) networks: Networks,
}

/// The host's own paths, or those of one of its locations.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where its requests go; `None` in a host that is not served.
    pub(crate) target: Option<Arc<Target>>,
    pub(crate) traffic: Arc<Traffic>,
}

/// A host that is served, or says why it is not.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) id: Arc<str>,
    /// What it was made from: it is made again when a certificate that it names changes.
    pub(super) source: Arc<spec::Host>,
    /// Why it could not be made; it says so to its clients.
    pub(super) fault: Option<BuildProblem>,
    root: Place,
    /// Longest path first; paths in normal form without a slash at their end.
    locations: Vec<(Box<[u8]>, Place)>,
    pub(crate) force_https: bool,
    pub(crate) access: Option<Access>,
    pub(crate) http2: bool,
    /// Its own policy of TLS.
    pub(crate) tls_policy: Option<TlsPolicy>,
    /// Whose certificates clients have to show.
    pub(crate) client_auth: Option<Arc<ClientAuth>>,
    /// It is reached only over connections that were made for it.
    pub(crate) is_protected: bool,
    /// Why it is not served, for its clients.
    pub(crate) unavailable: Option<Box<str>>,
    pub(crate) certificate: Option<Arc<rustls::sign::CertifiedKey>>,
}

impl Host {
    pub(crate) fn new(source: Arc<spec::Host>, root: Place) -> Self {
        Self {
            id: source.id.as_str().into(),
            source,
            fault: None,
            root,
            locations: Vec::new(),
            force_https: false,
            access: None,
            http2: true,
            tls_policy: None,
            client_auth: None,
            is_protected: false,
            unavailable: None,
            certificate: None,
        }
    }

    /// Adds a location. `path` is in normal form.
    pub(crate) fn add_location(&mut self, path: &[u8], place: Place) {
        let path = path.strip_suffix(b"/").unwrap_or(path);
        let at = self.locations.partition_point(|(other, _)| other.len() >= path.len());
        self.locations.insert(at, (path.into(), place));
    }

    /// The location that takes this path.
    pub(crate) fn location(&self, path: &[u8]) -> Option<usize> {
        self.locations.iter().position(|(prefix, _)| path::takes(prefix, path))
    }

    /// Where its requests can go: its own upstream and those of its locations.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        let places = std::iter::once(&self.root).chain(self.locations.iter().map(|(_, place)| place));
        places.filter_map(|place| place.target.as_ref())
    }

    /// What stands at this location.
    pub(crate) fn place(&self, location: Option<usize>) -> &Place {
        location.and_then(|index| self.locations.get(index)).map_or(&self.root, |(_, place)| place)
    }
}

/// All hosts, by name.
#[derive(Debug, Default)]
pub(crate) struct Hosts {
    all: Vec<Arc<Host>>,
    by_id: AHashMap<Arc<str>, usize>,
    exact: AHashMap<Box<[u8]>, usize>,
    /// By what follows the first label: `example.com` for `*.example.com`.
    wildcard: AHashMap<Box<[u8]>, usize>,
}

impl Hosts {
    /// With room for so many hosts.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self {
            all: Vec::with_capacity(count),
            by_id: AHashMap::with_capacity(count),
            exact: AHashMap::with_capacity(count),
            wildcard: AHashMap::new(),
        }
    }

    pub(crate) fn all(&self) -> &[Arc<Host>] {
        &self.all
    }

    /// All upstreams of all hosts.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &Arc<Target>> {
        self.all.iter().flat_map(|host| host.targets())
    }

    /// The host with this id.
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Host>> {
        self.by_id.get(id).map(|index| &self.all[*index])
    }

    /// Adds a host under its names; names that an earlier host has are returned.
    pub(super) fn add(&mut self, host: Arc<Host>) -> Vec<String> {
        let index = self.all.len();
        let mut taken = Vec::new();
        for domain in &host.source.domains {
            let (names, name) = match domain.wildcard_parent() {
                Some(parent) => (&mut self.wildcard, parent),
                None => (&mut self.exact, domain.as_str()),
            };
            match names.entry(name.as_bytes().into()) {
                std::collections::hash_map::Entry::Vacant(free) => _ = free.insert(index),
                std::collections::hash_map::Entry::Occupied(other) if *other.get() == index => {}
                std::collections::hash_map::Entry::Occupied(_) => taken.push(domain.as_str().to_owned()),
            }
        }
        self.by_id.insert(host.id.clone(), index);
        self.all.push(host);
        taken
    }

    /// The host of a name in lower case, with its place in [`Hosts::all`].
    pub(crate) fn find(&self, name: &[u8]) -> Option<(usize, &Host)> {
        let index = *self.exact.get(name).or_else(|| {
            let dot = memchr::memchr(b'.', name)?;
            self.wildcard.get(&name[dot + 1..])
        })?;
        Some((index, &self.all[index]))
    }
}
