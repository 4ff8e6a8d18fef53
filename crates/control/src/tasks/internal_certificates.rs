//! Sees to it that the internal CA exists, and that every enabled host has a certificate that fits its domains:
//! an uploaded one, or one of the internal CA, renewed after two thirds of its life.

use crate::compile::{CertificateRow, DEFAULT_CERTIFICATE_NAME, INTERNAL, Rows};
use anyhow::Context;
use base::{DomainPattern, Timestamp};
use certs::InternalCa;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use store::proxy_hosts::ProxyHost;
use store::ssl_certificates::{self, Certificate, CertificateValues, INTERNAL_CA};
use store::{Audit, Store};

/// So many are issued before they are stored: a crash on the way loses no more than these.
const AT_ONCE: usize = 500;

/// Issues what is missing or due. Returns the first names of what was issued; usually nothing.
pub(super) async fn ensure(store: &Store, rows: &Rows, now: Timestamp) -> anyhow::Result<Vec<String>> {
    let wanted = wanted(&rows.hosts, &rows.certificates, now);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let ca = authority(store, now).await?;
    let own = rows.certificates.iter().map(|one| &one.row).filter(|row| row.provider == INTERNAL);
    let known: HashMap<&[String], &str> =
        own.map(|row| (row.domains.as_slice(), row.uuid.as_str())).collect();
    let mut issued = Vec::with_capacity(wanted.len());
    for some in wanted.chunks(AT_ONCE) {
        let mut leaves = Vec::with_capacity(some.len());
        for names in some {
            let leaf = ca.issue(names, now).with_context(|| format!("for {}", names.join(", ")))?;
            let values = values(INTERNAL, &format!("Internal: {}", names[0]), &leaf)?;
            let details = format!("internal certificate for {}", names.join(", "));
            let known = known.get(names.as_slice()).map(|uuid| (*uuid).to_owned());
            let audit = audit(if known.is_some() { "renew" } else { "issue" }, details);
            leaves.push((known, values, audit));
            issued.push(names[0].clone());
        }
        ssl_certificates::put(store, &leaves).await?;
    }
    Ok(issued)
}

/// The sets of names that need a certificate now. Pure, and linear: there may be ten thousand hosts.
fn wanted(
    hosts: &[Arc<ProxyHost>],
    certificates: &[Arc<CertificateRow>],
    now: Timestamp,
) -> Vec<Vec<String>> {
    let is_due = |row: &Certificate| match (row.not_before, row.expires_at) {
        (Some(start), Some(end)) => certs::renewal_due(start, end, now),
        _ => true,
    };
    // Names that another certificate covers, and sets of names that have a fresh internal one.
    let mut covered: HashSet<Cow<'_, str>> = HashSet::new();
    let mut done: HashSet<Cow<'_, [String]>> = HashSet::new();
    for row in certificates.iter().map(|one| &one.row) {
        match row.provider.as_str() {
            INTERNAL_CA => {}
            INTERNAL if !is_due(row) => _ = done.insert(Cow::Borrowed(row.domains.as_slice())),
            INTERNAL => {}
            _ if row.has_key && row.expires_at.is_some_and(|end| end > now) => {
                covered.extend(row.domains.iter().map(|name| Cow::Owned(name.to_ascii_lowercase())));
            }
            _ => {}
        }
    }
    let is_covered = |name: &String| {
        covered.contains(name.as_str())
            || name
                .split_once('.')
                .is_some_and(|(_, parent)| covered.contains(format!("*.{parent}").as_str()))
    };
    let mut wanted = Vec::new();
    let default = DEFAULT_CERTIFICATE_NAME.to_owned();
    if !is_covered(&default) && done.insert(Cow::Owned(vec![default.clone()])) {
        wanted.push(vec![default]);
    }
    for host in hosts.iter().filter(|host| host.enabled && host.certificate_id.is_none()) {
        // As they are stored, they are usually right.
        if done.contains(host.domain_names.as_slice()) || host.domain_names.iter().all(is_covered) {
            continue;
        }
        let names = host.domain_names.iter().filter_map(|name| DomainPattern::parse(name).ok());
        let names: Vec<String> = names.map(|name| name.as_str().to_owned()).collect();
        if !names.iter().all(is_covered) && done.insert(Cow::Owned(names.clone())) {
            wanted.push(names);
        }
    }
    wanted
}

async fn authority(store: &Store, now: Timestamp) -> anyhow::Result<InternalCa> {
    let row = match ssl_certificates::internal_ca(store).await? {
        Some(row) => row,
        None => {
            let root = InternalCa::create(now)?;
            let root = CertificateValues {
                domains: Vec::new(),
                ..values_of(INTERNAL_CA, "Charon internal CA", &root.chain_pem, root.key_pem)
            };
            ssl_certificates::insert(store, &root, audit("create", "the internal CA".to_owned())).await?
        }
    };
    let key = ssl_certificates::private_key(store, &row.uuid).await?;
    InternalCa::from_pem(&row.certificate, &key).context("the internal certificate authority cannot be used")
}

fn values(provider: &str, name: &str, leaf: &certs::Issued) -> anyhow::Result<CertificateValues> {
    let info = certs::inspect(&leaf.chain_pem, &leaf.key_pem)?;
    Ok(CertificateValues {
        domains: info.domains,
        fingerprint: info.fingerprint,
        issuer: info.issuer,
        not_before: Some(info.not_before),
        expires_at: Some(info.expires_at),
        ..values_of(provider, name, &leaf.chain_pem, leaf.key_pem.clone())
    })
}

fn values_of(provider: &str, name: &str, chain: &str, key: base::Secret<String>) -> CertificateValues {
    CertificateValues {
        name: name.to_owned(),
        provider: provider.to_owned(),
        domains: Vec::new(),
        certificate: chain.to_owned(),
        private_key: Some(key),
        fingerprint: String::new(),
        issuer: "Charon internal CA".to_owned(),
        not_before: None,
        expires_at: None,
        auto_renew: true,
    }
}

fn audit(action: &str, details: String) -> Audit {
    let action = format!("certificate.{action}");
    Audit { resource_type: "certificate".to_owned(), ..Audit::system(&action, "certificate", details) }
}
