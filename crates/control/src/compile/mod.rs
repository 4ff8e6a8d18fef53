//! Rows in, `proxy::Spec` and problems out. Pure: no I/O, no clock. One bad host never stops the others.
//!
//! To add a feature of a host: one file here, one line in [`host`], one field in `proxy::spec::Host`.

mod access;
mod certificates;
mod check;
mod default_site;
mod domains;
mod headers;
mod locations;
mod traffic;
mod trial;
mod trusted_proxies;
mod upstream;

pub use certificates::{DEFAULT_NAME as DEFAULT_CERTIFICATE_NAME, INTERNAL};
pub use check::check;
pub use trial::{Place, places};

use base::{Code, Port, Problem, Secret};
use proxy::spec::{Host, Hsts, Spec};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::access_lists::AccessList;
use store::proxy_hosts::ProxyHost;
use store::ssl_certificates::Certificate;

/// Everything that the configuration of the data plane is made from.
#[derive(Debug, Default)]
pub struct Rows {
    /// All hosts, oldest first.
    pub hosts: Vec<ProxyHost>,
    /// All certificates with their keys, which fit; otherwise why one cannot be presented.
    pub certificates: Vec<(Certificate, Result<Secret<String>, String>)>,
    /// All access lists.
    pub access_lists: Vec<AccessList>,
    /// Settings that are not secret.
    pub settings: BTreeMap<String, String>,
    /// The key that signs cookies of upstreams; `None` while no host needs one, or why it cannot be had.
    pub cookie_key: Option<Result<Secret<String>, String>>,
    /// The port of the HTTPS listener as clients see it, when it is not 443.
    pub https_port: Option<Port>,
}

/// What came out.
#[derive(Debug)]
pub struct Compiled {
    /// The configuration. Its revision is 0; the caller numbers it.
    pub spec: Spec,
    /// The same in the terms of rows, for the history: what a person can read, compare and restore.
    pub document: Value,
    /// SHA-256 of the document (without its moments), lower-case hexadecimal.
    pub hash: String,
    /// Hosts that are not in it, by their id, and why.
    pub left_out: HashMap<String, Fault>,
    /// Everything that a person should know about it, the left-out hosts included.
    pub problems: Vec<Problem>,
}

/// Why something cannot be served, and what mends it. Each is one sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// What mends it.
    pub remedy: String,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { message: message.into(), remedy: remedy.into() }
    }
}

/// Compiles rows.
pub fn compile(rows: &Rows) -> Compiled {
    let mut problems = Vec::new();
    let (certificates, usable) = certificates::compile(&rows.certificates, &mut problems);
    let owners = domains::owners(&rows.hosts);
    let lists = rows.access_lists.iter().map(|list| (list.id, list)).collect();
    let mut shared = upstream::Shared {
        certificates: &certificates,
        shown: BTreeSet::new(),
        cookie_fault: match &rows.cookie_key {
            Some(Ok(_)) => None,
            Some(Err(reason)) => Some(reason),
            None => Some("they have no key yet"),
        },
    };
    let mut hosts = Vec::new();
    let mut left_out = HashMap::new();
    for row in rows.hosts.iter().filter(|row| row.enabled) {
        match host(row, &lists, &owners, &usable, &mut shared, &mut problems) {
            Ok(host) => hosts.push(host),
            Err(fault) => {
                problems.push(about(row, Code::HostLeftOut, &fault));
                left_out.insert(row.uuid.clone(), fault);
                // Its domains are known: whoever asks for them learns that the host is not gone.
                if let Ok(domains) = domains::compile(row, &owners, &mut Vec::new()) {
                    hosts.push(Host::unavailable(&row.uuid, display_name(row), domains, UNAVAILABLE));
                }
            }
        }
    }
    let shown = shared.shown;
    let client_certificates =
        certificates.iter().filter(|certificate| shown.contains(&certificate.id)).cloned().collect();
    let default_certificate = certificates::default(&rows.certificates, &certificates);
    let spec = Spec {
        revision: 0,
        hosts,
        certificates,
        default_certificate,
        default_site: default_site::compile(&rows.settings, &mut problems),
        trusted_proxies: trusted_proxies::compile(&rows.settings, &mut problems),
        https_port: rows.https_port,
        client_certificates,
        cookie_key: rows.cookie_key.clone().and_then(Result::ok).unwrap_or_default(),
    };
    let document = document(rows);
    let hash = hash(&document);
    Compiled { spec, document, hash, left_out, problems }
}

/// One host, feature by feature. The first fault leaves it out.
fn host(
    row: &ProxyHost,
    lists: &HashMap<i64, &AccessList>,
    owners: &HashMap<String, &ProxyHost>,
    usable: &HashMap<i64, String>,
    shared: &mut upstream::Shared<'_>,
    problems: &mut Vec<Problem>,
) -> Result<Host, Fault> {
    // What cannot be read is not guessed: a header edit or a location may be what protects the host.
    if let Some(fault) = row.faults.first() {
        let remedy = "open the host in the user interface, set the field again, and save";
        return Err(Fault::new(
            format!("its stored {} cannot be read: {}", fault.field, fault.message),
            remedy,
        ));
    }
    let access = access::compile(row, lists, problems)?;
    let domains = domains::compile(row, owners, problems)?;
    Ok(Host {
        id: row.uuid.clone(),
        name: display_name(row),
        domains,
        upstream: upstream::compile((&row.values).into(), shared)?,
        locations: locations::compile(&row.locations, shared)?,
        force_https: row.ssl_forced,
        access,
        hsts: row.hsts_enabled.then(|| Hsts {
            max_age: u32::try_from(row.hsts_max_age).unwrap_or(31_536_000),
            include_subdomains: row.hsts_subdomains,
        }),
        http2: row.http2_support,
        traffic: traffic::of_host(row)?,
        unavailable: None,
        certificate: row.certificate_id.and_then(|id| usable.get(&id).cloned()),
    })
}

/// What clients are told of a host that is left out. What is wrong concerns its administrator.
const UNAVAILABLE: &str = "This host is configured here, but a fault in its settings keeps it from being served; its administrator sees \
     which.";

/// A stored object. A fault names the field by its path, like `upstream.servers[1].address`.
fn stored<T: DeserializeOwned>(fields: &Map<String, Value>, name: &str) -> Result<T, Fault> {
    read(&Value::Object(fields.clone()), name)
}

/// A stored value; see [`stored`].
fn read<T: DeserializeOwned>(value: &Value, name: &str) -> Result<T, Fault> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = match error.path().to_string().as_str() {
            "." => name.to_owned(),
            path if path.starts_with('[') => format!("{name}{path}"),
            path => format!("{name}.{path}"),
        };
        let message = format!("its stored {path} cannot be used: {}", error.into_inner());
        Fault::new(message, "open the host, set the field that is named again, and save")
    })
}

/// The name that people know a host by.
fn display_name(row: &ProxyHost) -> String {
    match row.name.trim() {
        "" => row.domain_names.first().map_or_else(|| "host without a name".to_owned(), Clone::clone),
        name => name.to_owned(),
    }
}

fn about(row: &ProxyHost, code: Code, fault: &Fault) -> Problem {
    let name = display_name(row);
    let message = match code {
        Code::HostLeftOut => format!("{name} is not served: {}", fault.message),
        _ => format!("{name}: {}", fault.message),
    };
    Problem::new(code, message, fault.remedy.clone())
        .about(format!("host {name}"))
        .link(format!("/proxy-hosts/{}", row.uuid))
}

/// Settings that change what is served.
pub const SERVED_SETTINGS: &[&str] = &["default_site.action", "default_site.redirect_url", "trusted_proxies"];

/// The rows in the form of the history. Holds no secret: certificates are named by their fingerprint.
fn document(rows: &Rows) -> Value {
    let settings: BTreeMap<&String, &String> =
        rows.settings.iter().filter(|(key, _)| SERVED_SETTINGS.contains(&key.as_str())).collect();
    let certificates: BTreeMap<&String, Value> = rows
        .certificates
        .iter()
        .map(|(row, _)| (&row.uuid, json!({ "name": row.name, "fingerprint": row.fingerprint })))
        .collect();
    json!({
        "hosts": rows.hosts, "access_lists": rows.access_lists, "settings": settings, "certificates": certificates,
    })
}

/// Moments and row ids change without a change of meaning, so they do not count.
fn hash(document: &Value) -> String {
    let mut plain = document.clone();
    for host in plain["hosts"].as_array_mut().into_iter().flatten() {
        if let Some(host) = host.as_object_mut() {
            host.retain(|key, _| !["id", "created_at", "updated_at"].contains(&key.as_str()));
        }
    }
    Sha256::digest(plain.to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
