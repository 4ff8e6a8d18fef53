//! The domains of a host. Of two hosts with one domain the newer one has it, as in the original product, and
//! the older one says so.

use super::{Fault, Owners, about, display_name};
use base::{Code, DomainPattern, Problem};
use store::proxy_hosts::ProxyHost;

/// The domains of a host that are domains.
pub(super) fn parsed(row: &ProxyHost) -> Vec<DomainPattern> {
    row.domain_names.iter().filter_map(|text| DomainPattern::parse(text).ok()).collect()
}

pub(super) fn compile(
    row: &ProxyHost,
    owners: &Owners<'_>,
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
