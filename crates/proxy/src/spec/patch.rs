//! From one specification to the next: what a change of one host among ten thousand consists of.

use super::{Certificate, Host, Spec, shared};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What makes one specification into another; see [`Spec::apply`].
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Everything but hosts and certificates, as it is afterwards. Its own hosts and certificates do not count.
    pub rest: Spec,
    /// Hosts that differ, which keep their place, and new ones, which come last.
    #[serde(with = "shared")]
    pub hosts: Vec<Arc<Host>>,
    /// Ids of hosts that are gone.
    pub gone_hosts: Vec<String>,
    /// Certificates that differ, which keep their place, and new ones, which come last.
    #[serde(with = "shared")]
    pub certificates: Vec<Arc<Certificate>>,
    /// Ids of certificates that are gone.
    pub gone_certificates: Vec<String>,
}

impl From<Spec> for Patch {
    /// What makes an empty specification into this one.
    fn from(mut spec: Spec) -> Self {
        let hosts = std::mem::take(&mut spec.hosts).into_iter().map(Arc::new).collect();
        let certificates = std::mem::take(&mut spec.certificates);
        Self { rest: spec, hosts, certificates, ..Self::default() }
    }
}

impl Spec {
    /// Takes a patch over.
    pub fn apply(&mut self, patch: &Patch) {
        let ids = self.hosts.iter().map(|host| &*host.id);
        let order = order(ids, patch.hosts.iter().map(|host| &*host.id), &patch.gone_hosts);
        let host = |place: &Place| match *place {
            Place::Kept(at) => self.hosts[at].clone(),
            Place::Changed(at) => (*patch.hosts[at]).clone(),
        };
        let hosts = order.iter().map(host).collect();
        let certificates = certificates(&self.certificates, patch);
        *self = Self { hosts, certificates, ..patch.rest.clone() };
    }
}

/// The certificates after a patch.
pub(crate) fn certificates(before: &[Arc<Certificate>], patch: &Patch) -> Vec<Arc<Certificate>> {
    let changed = patch.certificates.iter().map(|one| &*one.id);
    let order = order(before.iter().map(|one| &*one.id), changed, &patch.gone_certificates);
    let certificate = |place: &Place| match *place {
        Place::Kept(at) => before[at].clone(),
        Place::Changed(at) => patch.certificates[at].clone(),
    };
    order.iter().map(certificate).collect()
}

/// Where an entry of a list after a patch comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// From this place of the list before.
    Kept(usize),
    /// From this place of the patch.
    Changed(usize),
}

/// What a list consists of after a patch.
pub(crate) fn order<'a>(
    before: impl Iterator<Item = &'a str>,
    changed: impl Iterator<Item = &'a str>,
    gone: &'a [String],
) -> Vec<Place> {
    let gone: HashSet<&str> = gone.iter().map(String::as_str).collect();
    let changed: Vec<&str> = changed.collect();
    let by_id: HashMap<&str, usize> = changed.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    let mut known: HashSet<&str> = HashSet::new();
    let mut after = Vec::new();
    for (at, id) in before.enumerate() {
        match by_id.get(id) {
            Some(changed) => {
                known.insert(id);
                after.push(Place::Changed(*changed));
            }
            None if gone.contains(id) => {}
            None => after.push(Place::Kept(at)),
        }
    }
    let new = changed.iter().enumerate().filter(|(_, id)| !known.contains(*id));
    after.extend(new.map(|(at, _)| Place::Changed(at)));
    after
}
