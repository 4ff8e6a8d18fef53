//! The upstreams of a host that is not served yet, ready to be tried.

use super::{Fault, upstream};
use base::{DomainPattern, FieldError};
use proxy::spec::{Certificate, Upstream};
use std::collections::BTreeSet;
use store::proxy_hosts::HostValues;

/// One upstream: its location's path (`None` for the host's own), and itself.
pub type Place = (Option<String>, Upstream);

/// The upstreams of a host and of its locations, and the domains of the host.
///
/// # Errors
/// What cannot be compiled, by field of the API.
pub fn places(
    values: &HostValues,
    client_certificates: &[Certificate],
) -> Result<(Vec<Place>, Vec<DomainPattern>), Vec<FieldError>> {
    let is_usable = |id: &str| client_certificates.iter().any(|certificate| certificate.id == id);
    let mut shared = upstream::Shared { is_usable: &is_usable, shown: BTreeSet::new(), cookie_fault: None };
    let own = (None, "upstream".to_owned(), upstream::Columns::from(values));
    let of_locations = values.locations.iter().enumerate().map(|(at, location)| {
        (Some(location.path.clone()), format!("locations.{at}.upstream"), upstream::Columns::from(location))
    });
    let (mut places, mut faults) = (Vec::new(), Vec::new());
    for (location, field, columns) in std::iter::once(own).chain(of_locations) {
        match upstream::compile(columns, &mut shared) {
            Ok(upstream) => places.push((location, upstream)),
            Err(Fault { message, remedy }) => {
                faults.push(FieldError::new(field, format!("{message}; {remedy}")))
            }
        }
    }
    let domains = values.domain_names.iter().filter_map(|domain| DomainPattern::parse(domain).ok()).collect();
    if faults.is_empty() { Ok((places, domains)) } else { Err(faults) }
}
