//! All rows in, what differs out. What comes out depends on the rows alone; what is remembered of the rows before only
//! saves making again what is the same.

use super::parts::{self, Digest};
use super::{
    CertificateRow, Fault, Owners, Rows, UNAVAILABLE, about, certificates, default_site, display_name,
    domains, tls, trusted_proxies, upstream,
};
use crate::{Change, Kind};
use base::{Code, DomainPattern, Problem};
use proxy::spec::{self, Patch, Spec};
use sha2::{Digest as _, Sha256};
use std::cell::LazyCell;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use store::access_lists::AccessList;
use store::proxy_hosts::ProxyHost;
use store::revision_parts::Part;

/// What came of the rows before.
#[derive(Debug, Default)]
pub struct Compiler {
    /// In the order of row ids.
    hosts: Vec<Made>,
    /// In the order of row ids.
    certificates: Vec<Arc<CertificateRow>>,
    rest: Spec,
    access_lists: Option<Digest>,
    settings: Option<Digest>,
    cookie_fault: Option<String>,
}

/// What was made from one row.
#[derive(Debug)]
struct Made {
    row: Arc<ProxyHost>,
    domains: Vec<DomainPattern>,
    digest: Digest,
    from: From,
    out: Outcome,
}

/// The other things that the outcome follows from.
#[derive(PartialEq, Debug)]
struct From {
    list: Option<Arc<AccessList>>,
    certificate: Option<String>,
    /// Another host has one of its domains.
    is_contested: bool,
}

/// What a row comes to.
#[derive(Debug, Default)]
struct Outcome {
    /// What the data plane gets; nothing of a host that is disabled or has no domain left.
    host: Option<Arc<spec::Host>>,
    fault: Option<Fault>,
    problems: Vec<Problem>,
    /// Ids of certificates that it shows to servers.
    shown: BTreeSet<String>,
}

/// What came out.
#[derive(Debug)]
pub struct Compiled {
    /// What differs from what was compiled before. Its revision is 0; the caller numbers it.
    pub patch: Patch,
    /// The data plane is to do what it does already.
    pub is_same: bool,
    /// SHA-256 of all parts (without their moments), lower-case hexadecimal.
    pub hash: String,
    /// Hosts that are not served, by their id, and why.
    pub left_out: HashMap<String, Fault>,
    /// Everything that a person should know about it, the left-out hosts included.
    pub problems: Vec<Problem>,
    /// The enabled hosts whose state is another than before, with their names; and those that are none any more.
    pub touched: Vec<(String, Option<String>)>,
    /// What differs, in words.
    pub changes: Vec<Change>,
    /// The parts of the history that differ.
    pub parts: Vec<Part>,
}

impl Compiler {
    /// Compiles rows, which are in the order of their ids.
    pub fn compile(&mut self, rows: &Rows) -> Compiled {
        let mut out = Compiled {
            patch: Patch::default(),
            is_same: true,
            hash: String::new(),
            left_out: HashMap::new(),
            problems: Vec::new(),
            touched: Vec::new(),
            changes: Vec::new(),
            parts: Vec::new(),
        };
        let usable = certificates::usable(&rows.certificates, &mut out.problems);
        self.compare_certificates(rows, &mut out);
        let by_row: HashMap<i64, &str> = usable.iter().map(|(row, one)| (row.id, one.id.as_str())).collect();
        let by_id = LazyCell::new(|| {
            usable.iter().map(|(_, one)| (one.id.as_str(), *one)).collect::<HashMap<_, _>>()
        });
        let cookie_fault = match &rows.cookie_key {
            Some(Ok(_)) => None,
            Some(Err(reason)) => Some(reason.clone()),
            None => Some("they have no key yet".to_owned()),
        };
        let is_usable = |id: &str| by_id.contains_key(id);
        let mut shared = upstream::Shared {
            is_usable: &is_usable,
            shown: BTreeSet::new(),
            cookie_fault: cookie_fault.as_deref(),
        };

        let before = std::mem::take(&mut self.hosts);
        let (pairs, gone) = paired(before, &rows.hosts, |made| made.row.id, |row| row.id);
        let parsed: Vec<Option<Vec<DomainPattern>>> = pairs
            .iter()
            .map(|(made, row)| {
                let is_known = made.as_ref().is_some_and(|made| Arc::ptr_eq(&made.row, row));
                (!is_known).then(|| domains::parsed(row))
            })
            .collect();
        let names = |at: usize| -> &[DomainPattern] {
            match (&parsed[at], &pairs[at].0) {
                (Some(names), _) => names,
                (None, Some(made)) => &made.domains,
                (None, None) => &[],
            }
        };
        let mut owners: Owners<'_> = HashMap::with_capacity(pairs.len());
        for (at, (_, row)) in pairs.iter().enumerate().filter(|(_, (_, row))| row.enabled) {
            owners.extend(names(at).iter().map(|name| (name.as_str(), &***row)));
        }
        let lists: HashMap<i64, &Arc<AccessList>> =
            rows.access_lists.iter().map(|list| (list.id, list)).collect();
        let same_cookies = self.cookie_fault == cookie_fault;
        let mut fresh: Vec<Option<(From, Outcome)>> = Vec::with_capacity(pairs.len());
        for (at, (made, row)) in pairs.iter().enumerate() {
            let is_other =
                |name: &DomainPattern| owners.get(name.as_str()).is_some_and(|owner| owner.uuid != row.uuid);
            let from = From {
                list: row.access_list_id.and_then(|id| lists.get(&id)).map(|list| Arc::clone(list)),
                certificate: row.certificate_id.and_then(|id| by_row.get(&id)).map(|id| (*id).to_owned()),
                is_contested: row.enabled && names(at).iter().any(is_other),
            };
            let is_as_before = made.as_ref().is_some_and(|made| {
                Arc::ptr_eq(&made.row, row)
                    && made.from == from
                    && !from.is_contested
                    && (!depends(row)
                        || (same_cookies && made.out.shown.is_empty() && made.out.fault.is_none()))
            });
            fresh.push((!is_as_before).then(|| {
                let out = outcome(row, &from, &owners, &mut shared);
                (from, out)
            }));
        }
        drop(owners);

        let mut shown: BTreeSet<String> = BTreeSet::new();
        let mut sum = Sha256::new();
        let mut hosts = Vec::with_capacity(pairs.len());
        for (((made, row), parsed), fresh) in pairs.into_iter().zip(parsed).zip(fresh) {
            let made = match fresh {
                None => made,
                Some((from, fresh)) => Some(renewed(made, row, parsed, from, fresh, &mut out)),
            };
            let Some(made) = made else { continue };
            sum.update(made.row.uuid.as_bytes());
            sum.update(made.digest);
            out.problems.extend(made.out.problems.iter().cloned());
            if let Some(fault) = &made.out.fault {
                out.left_out.insert(made.row.uuid.clone(), fault.clone());
            }
            shown.extend(made.out.shown.iter().cloned());
            hosts.push(made);
        }
        for made in gone {
            // A host that was deleted and brought back has another row and the same id.
            if out.patch.hosts.iter().all(|host| host.id != made.row.uuid) {
                out.patch.gone_hosts.extend(made.out.host.map(|host| host.id.clone()));
            }
            if hosts.iter().all(|host: &Made| host.row.uuid != made.row.uuid) {
                out.touched.push((made.row.uuid.clone(), None));
                out.parts.push((parts::host_part(&made.row.uuid), String::new()));
                out.changes.push(Change { subject: known_as(&made.row), kind: Kind::Removed });
            }
        }
        self.hosts = hosts;

        let rest = Spec {
            revision: 0,
            hosts: Vec::new(),
            certificates: Vec::new(),
            default_certificate: certificates::default(&usable),
            tls_policy: tls::policy(&rows.settings, &mut out.problems),
            unknown_name: tls::unknown_name(&rows.settings, &mut out.problems),
            default_site: default_site::compile(&rows.settings, &mut out.problems),
            trusted_proxies: trusted_proxies::compile(&rows.settings, &mut out.problems),
            https_port: rows.ports.https,
            http3_port: rows.ports.http3,
            early_data: rows.settings.get("proxy.http3_early_data").is_some_and(|value| value == "true"),
            client_certificates: shown
                .iter()
                .filter_map(|id| by_id.get(id.as_str()))
                .map(|one| Arc::clone(one))
                .collect(),
            cookie_key: rows.cookie_key.clone().and_then(Result::ok).unwrap_or_default(),
        };
        self.cookie_fault.clone_from(&cookie_fault);
        self.compare_small(rows, &mut out, &mut sum);
        for certificate in &rows.certificates {
            sum.update(certificate.row.uuid.as_bytes());
            sum.update(certificate.row.fingerprint.as_bytes());
            sum.update(certificate.row.name.as_bytes());
        }
        out.hash = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let Patch { hosts, gone_hosts, certificates, gone_certificates, .. } = &out.patch;
        out.is_same = rest == self.rest
            && hosts.is_empty()
            && gone_hosts.is_empty()
            && certificates.is_empty()
            && gone_certificates.is_empty();
        self.rest = rest.clone();
        out.patch.rest = rest;
        out
    }

    /// Everything that was compiled last, as a patch of nothing.
    pub fn whole(&self, revision: u64) -> Patch {
        let certificates = self.certificates.iter().filter_map(|one| presented(one)).cloned().collect();
        Patch {
            rest: Spec { revision, ..self.rest.clone() },
            hosts: self.hosts.iter().filter_map(|made| made.out.host.clone()).collect(),
            certificates,
            ..Patch::default()
        }
    }

    /// All parts of the history, with what was compiled last.
    pub fn parts(&self, rows: &Rows) -> Vec<Part> {
        let hosts = self
            .hosts
            .iter()
            .map(|made| (parts::host_part(&made.row.uuid), parts::host(&made.row).to_string()));
        let certificates = self
            .certificates
            .iter()
            .map(|one| (parts::certificate_part(&one.row.uuid), parts::certificate(one).to_string()));
        let small = [
            (parts::ACCESS_LISTS.to_owned(), parts::access_lists(rows).to_string()),
            (parts::SETTINGS.to_owned(), parts::settings(rows).to_string()),
        ];
        hosts.chain(certificates).chain(small).collect()
    }

    fn compare_certificates(&mut self, rows: &Rows, out: &mut Compiled) {
        let before = std::mem::take(&mut self.certificates);
        let (pairs, gone) = paired(before, &rows.certificates, |one| one.row.id, |one| one.row.id);
        let mut is_changed = !gone.is_empty();
        for (before, now) in &pairs {
            let same_part =
                before.as_ref().is_some_and(|before| parts::certificate(before) == parts::certificate(now));
            if before.as_ref().is_some_and(|before| Arc::ptr_eq(before, now)) {
                continue;
            }
            if !same_part {
                is_changed = true;
                out.parts.push((parts::certificate_part(&now.row.uuid), parts::certificate(now).to_string()));
            }
            let old = before.as_ref().and_then(presented);
            match presented(now) {
                Some(certificate) if old != Some(certificate) => {
                    out.patch.certificates.push(certificate.clone())
                }
                None => out.patch.gone_certificates.extend(old.map(|old| old.id.clone())),
                Some(_) => {}
            }
        }
        for one in &gone {
            out.parts.push((parts::certificate_part(&one.row.uuid), String::new()));
            out.patch.gone_certificates.extend(presented(one).map(|one| one.id.clone()));
        }
        if is_changed {
            out.changes.push(Change { subject: "certificates".to_owned(), kind: Kind::Changed });
        }
        self.certificates = rows.certificates.clone();
    }

    /// The parts of which there is one each.
    fn compare_small(&mut self, rows: &Rows, out: &mut Compiled, sum: &mut Sha256) {
        let small = [
            (parts::ACCESS_LISTS, parts::access_lists(rows), &mut self.access_lists),
            (parts::SETTINGS, parts::settings(rows), &mut self.settings),
        ];
        for (name, part, before) in small {
            let text = part.to_string();
            let digest = parts::digest(part);
            sum.update(digest);
            if *before != Some(digest) {
                out.parts.push((name.to_owned(), text));
                out.changes.push(Change { subject: name.replace('_', " "), kind: Kind::Changed });
                *before = Some(digest);
            }
        }
    }
}

/// What is presented of a certificate.
fn presented(one: &Arc<CertificateRow>) -> Option<&Arc<spec::Certificate>> {
    let is_wanted = one.row.has_key && one.row.provider != store::ssl_certificates::INTERNAL_CA;
    one.served.as_ref().ok().filter(|_| is_wanted)
}

/// Whether what comes of a row depends on more than [`From`].
fn depends(row: &ProxyHost) -> bool {
    upstream::depends(&row.upstream) || row.locations.iter().any(|one| upstream::depends(&one.upstream))
}

fn outcome(row: &ProxyHost, from: &From, owners: &Owners<'_>, shared: &mut upstream::Shared<'_>) -> Outcome {
    let mut out = Outcome::default();
    if !row.enabled {
        return out;
    }
    let made =
        super::host(row, from.list.as_deref(), owners, from.certificate.clone(), shared, &mut out.problems);
    out.shown = std::mem::take(&mut shared.shown);
    match made {
        Ok(host) => out.host = Some(Arc::new(host)),
        Err(fault) => {
            out.problems.push(about(row, Code::HostLeftOut, &fault));
            out.fault = Some(fault);
            // Its domains are known: whoever asks for them learns that the host is not gone.
            if let Ok(domains) = domains::compile(row, owners, &mut Vec::new()) {
                let host = spec::Host::unavailable(&row.uuid, display_name(row), domains, UNAVAILABLE);
                out.host = Some(Arc::new(host));
            }
        }
    }
    out
}

/// Puts a new outcome in the place of the one before, and says what differs.
fn renewed(
    before: Option<Made>,
    row: &Arc<ProxyHost>,
    parsed: Option<Vec<DomainPattern>>,
    from: From,
    mut fresh: Outcome,
    out: &mut Compiled,
) -> Made {
    let is_same_row = before.as_ref().is_some_and(|before| Arc::ptr_eq(&before.row, row));
    let digest = match &before {
        Some(before) if is_same_row => before.digest,
        _ => parts::digest(parts::host(row)),
    };
    let old = before.as_ref().and_then(|before| before.out.host.as_ref());
    match (old, &mut fresh.host) {
        (Some(old), Some(new)) if old == new => *new = old.clone(),
        (_, Some(new)) => out.patch.hosts.push(new.clone()),
        (Some(old), None) => out.patch.gone_hosts.push(old.id.clone()),
        (None, None) => {}
    }
    let is_changed = before.as_ref().is_none_or(|before| before.digest != digest);
    if is_changed {
        let kind = if before.is_some() { Kind::Changed } else { Kind::Added };
        out.parts.push((parts::host_part(&row.uuid), parts::host(row).to_string()));
        out.changes.push(Change { subject: known_as(row), kind });
    }
    if is_changed || before.as_ref().is_none_or(|before| before.out.fault != fresh.fault) {
        out.touched.push((row.uuid.clone(), row.enabled.then(|| known_as(row))));
    }
    let domains = match (parsed, before) {
        (Some(parsed), _) => parsed,
        (None, Some(before)) => before.domains,
        (None, None) => domains::parsed(row),
    };
    Made { row: row.clone(), domains, digest, from, out: fresh }
}

/// The name that people know a host by.
pub(crate) fn known_as(row: &ProxyHost) -> String {
    match (row.name.as_str(), row.domain_names.first()) {
        ("", Some(domain)) => domain.clone(),
        ("", None) => "a host without a name".to_owned(),
        (name, _) => name.to_owned(),
    }
}

/// Goes through two lists in the order of ids: what stands in the second, with its like of the first; and what
/// stands in the first alone.
fn paired<B, N>(
    before: Vec<B>,
    now: &[N],
    id_before: impl Fn(&B) -> i64,
    id_now: impl Fn(&N) -> i64,
) -> (Vec<(Option<B>, &N)>, Vec<B>) {
    let (mut pairs, mut gone) = (Vec::with_capacity(now.len()), Vec::new());
    let mut before = before.into_iter().peekable();
    for one in now {
        let mut like = None;
        while let Some(next) = before.peek() {
            match id_before(next).cmp(&id_now(one)) {
                Ordering::Less => gone.extend(before.next()),
                Ordering::Equal => {
                    like = before.next();
                    break;
                }
                Ordering::Greater => break,
            }
        }
        pairs.push((like, one));
    }
    gone.extend(before);
    (pairs, gone)
}
