//! The domains of a host. Of two hosts with one domain the newer one has it, as in the original product, and
//! the older one says so.

use super::{Fault, about, display_name};
use base::{Code, DomainPattern, Problem};
use std::collections::HashMap;
use store::proxy_hosts::ProxyHost;

/// Which enabled host has a domain.
pub(super) fn owners(rows: &[ProxyHost]) -> HashMap<String, &ProxyHost> {
    let mut owners = HashMap::new();
    for row in rows.iter().filter(|row| row.enabled) {
        for domain in &row.domain_names {
            if let Ok(domain) = DomainPattern::parse(domain) {
                owners.insert(domain.as_str().to_owned(), row);
            }
        }
    }
    owners
}

pub(super) fn compile(
    row: &ProxyHost,
    owners: &HashMap<String, &ProxyHost>,
    problems: &mut Vec<Problem>,
) -> Result<Vec<DomainPattern>, Fault> {
    let mut domains: Vec<DomainPattern> = Vec::new();
    let mut faults = Vec::new();
    for text in &row.domain_names {
        match DomainPattern::parse(text) {
            Err(message) => faults.push(Fault::new(message, "correct the domain of the host")),
            Ok(domain) => match owners.get(domain.as_str()) {
                Some(owner) if owner.uuid != row.uuid => faults.push(Fault::new(
                    format!("its domain {domain} belongs to the newer host {}", display_name(owner)),
                    "remove the domain from one of the two hosts",
                )),
                _ if domains.contains(&domain) => {}
                _ => domains.push(domain),
            },
        }
    }
    match (domains.is_empty(), faults.first()) {
        (true, Some(fault)) => Err(fault.clone()),
        (true, None) => Err(Fault::new("it has no domain", "give the host a domain")),
        (false, Some(fault)) => {
            problems.push(about(row, Code::HostSettingIgnored, fault));
            Ok(domains)
        }
        (false, None) => Ok(domains),
    }
}
