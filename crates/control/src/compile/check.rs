//! Whether a host could be served, before it is stored: compiled and built like all others, part by part, so that
//! the fault can be told by the field of the API.

use super::traffic::HEADERS;
use super::{Fault, tls, traffic, upstream};
use base::{DomainPattern, FieldError, Secret};
use proxy::spec::{Host, Spec, Traffic, Upstream};
use std::collections::BTreeSet;
use store::proxy_hosts::HostValues;

/// What could not be served of a host with these values. Whether other rows allow it (domains, certificates), it
/// does not say.
pub fn check(values: &HostValues) -> Vec<FieldError> {
    let mut faults = place("", values.into(), traffic::of_host(values));
    faults.extend(client_certificates(values).err());
    for (at, location) in values.locations.iter().enumerate() {
        faults.extend(place(&format!("locations.{at}."), location.into(), traffic::of_location(location)));
    }
    faults
}

/// What is wrong with one place of a host; `path` leads to it.
fn place(path: &str, columns: upstream::Columns<'_>, rules: Result<Traffic, Fault>) -> Vec<FieldError> {
    let whole = |name: &str, fault: Fault| {
        FieldError::new(format!("{path}{name}"), format!("{}; {}", fault.message, fault.remedy))
    };
    let upstream = compiled(columns).and_then(built).map_err(|fault| whole("upstream", fault));
    let rules = rules.map_err(|fault| whole("traffic", fault)).and_then(|rules| {
        rules.check().map_err(|error| {
            let own = HEADERS.iter().any(|name| error.field.starts_with(name));
            let part = if own { "" } else { "traffic." };
            FieldError::new(format!("{path}{part}{}", error.field), error.message)
        })
    });
    [upstream.err(), rules.err()].into_iter().flatten().collect()
}

/// Whether the authorities of client certificates can be used.
fn client_certificates(values: &HostValues) -> Result<(), FieldError> {
    let field = "tls.client_certificates.ca_pem";
    let tls = tls::of_host(values).map_err(|fault| FieldError::new("tls", fault.message))?;
    let host = Host { tls, ..Host::unavailable("trial", "trial", trial_domains(), "on trial") };
    served(host).map_err(|fault| FieldError::new(field, format!("{}; {}", fault.message, fault.remedy)))
}

fn compiled(columns: upstream::Columns<'_>) -> Result<Upstream, Fault> {
    let mut options = columns.options.clone();
    // Certificates are rows of their own.
    if let Some(tls) = options.get_mut("tls").and_then(serde_json::Value::as_object_mut) {
        tls.remove("client_certificate_uuid");
    }
    let mut shared = upstream::Shared { is_usable: &|_| false, shown: BTreeSet::new(), cookie_fault: None };
    upstream::compile(upstream::Columns { options: &options, ..columns }, &mut shared)
}

/// What the data plane says to an upstream.
fn built(upstream: Upstream) -> Result<(), Fault> {
    served(Host { unavailable: None, upstream, ..Host::unavailable("trial", "trial", trial_domains(), "") })
}

fn trial_domains() -> Vec<DomainPattern> {
    DomainPattern::parse("trial.invalid").into_iter().collect()
}

fn served(host: Host) -> Result<(), Fault> {
    let spec = Spec {
        hosts: vec![host],
        cookie_key: Secret::new("a key that signs nothing".to_owned()),
        ..Spec::default()
    };
    match proxy::Config::build(&spec).1.into_iter().next() {
        None => Ok(()),
        Some(problem) => {
            let message = problem.message.trim_start_matches("the host trial is left out: ");
            Err(Fault::new(message, problem.remedy))
        }
    }
}
