//! Rows in, `proxy::Spec` and problems out. Pure: no I/O, no clock. One bad host never stops the others.
//!
//! To add a feature of a host: one file here, one line in [`host`], one field in `proxy::spec::Host`.

mod access;
mod certificates;
mod check;
mod compiler;
mod default_site;
mod domains;
mod headers;
mod locations;
mod parts;
mod tls;
mod traffic;
mod trial;
mod trusted_proxies;
mod upstream;

pub use certificates::{DEFAULT_NAME as DEFAULT_CERTIFICATE_NAME, INTERNAL};
pub use check::check;
pub(crate) use compiler::known_as;
pub use compiler::{Compiled, Compiler};
pub(crate) use parts::{digest, host_name};
pub use trial::{Place, places};

use base::{Code, Port, Problem, Secret};
use proxy::spec::{self, Host};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use store::access_lists::AccessList;
use store::proxy_hosts::ProxyHost;
use store::ssl_certificates::Certificate;

/// Everything that the configuration of the data plane is made from. A row that is the same as before is the same
/// `Arc`: what was made from it is taken over.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// All hosts, oldest first.
    pub hosts: Vec<Arc<ProxyHost>>,
    /// All certificates, oldest first.
    pub certificates: Vec<Arc<CertificateRow>>,
    /// All access lists.
    pub access_lists: Vec<Arc<AccessList>>,
    /// Settings that are not secret.
    pub settings: BTreeMap<String, String>,
    /// The key that signs cookies of upstreams; `None` while no host needs one, or why it cannot be had.
    pub cookie_key: Option<Result<Secret<String>, String>>,
    /// Where is listened.
    pub ports: Ports,
}

/// What the configuration says about listening addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ports {
    /// The port of the HTTPS listener as clients see it, when it is not 443.
    pub https: Option<Port>,
    /// The port of HTTP/3, where it is served.
    pub http3: Option<Port>,
}

/// A certificate as it is held: its chain stands in what is presented, and not twice.
#[derive(Clone, Debug)]
pub struct CertificateRow {
    /// The row; its `certificate` is empty.
    pub row: Certificate,
    /// The chain with its key, which fits; otherwise why it cannot be presented.
    pub served: Result<Arc<spec::Certificate>, String>,
}

impl CertificateRow {
    /// From a row and its key, or why the key cannot be used.
    pub fn new(mut row: Certificate, key: Result<Secret<String>, String>) -> Self {
        let chain_pem = std::mem::take(&mut row.certificate);
        let served = key.map(|key| {
            let internal = row.provider == INTERNAL;
            let (id, key_pem) = (row.uuid.clone(), key.expose().clone());
            Arc::new(spec::Certificate { id, chain_pem, key_pem, internal })
        });
        Self { row, served }
    }
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

/// One host, feature by feature. The first fault leaves it out.
fn host(
    row: &ProxyHost,
    list: Option<&AccessList>,
    owners: &Owners<'_>,
    certificate: Option<String>,
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
    let access = access::compile(row, list, problems)?;
    let domains = domains::compile(row, owners, problems)?;
    Ok(Host {
        id: row.uuid.clone(),
        name: display_name(row),
        domains,
        upstream: upstream::compile((&row.values).into(), shared)?,
        locations: locations::compile(&row.locations, shared)?,
        force_https: row.ssl_forced,
        access,
        hsts: tls::hsts(row)?,
        http2: row.http2_support,
        tls: tls::of_host(row)?,
        traffic: traffic::of_host(row)?,
        unavailable: None,
        certificate,
    })
}

/// Which enabled host has a domain.
type Owners<'a> = HashMap<&'a str, &'a ProxyHost>;

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
pub const SERVED_SETTINGS: &[&str] = &[
    "default_site.action",
    "default_site.redirect_url",
    "trusted_proxies",
    "tls.policy",
    "tls.unknown_name",
    "proxy.http3_early_data",
];

#[cfg(test)]
mod sequence_tests;
#[cfg(test)]
mod tests;
