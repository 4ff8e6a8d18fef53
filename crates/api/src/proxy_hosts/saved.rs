//! What creating and changing a host have in common: checks against other rows, and the wait until it is served.

use super::reach;
use super::upstream::client_certificate;
use super::view::{HostView, Shown};
use crate::engines::HostPhase;
use crate::error::{Error, Result};
use crate::state::State;
use base::FieldError;
use std::time::Duration;
use store::proxy_hosts::{HostValues, ProxyHost};

/// How long a save waits until it is served.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Puts the row id of the certificate with this uuid into `values`.
pub(super) async fn certificate(
    state: &State,
    sent: Option<Option<String>>,
    values: &mut HostValues,
    errors: &mut Vec<FieldError>,
) -> Result<()> {
    let Some(sent) = sent else { return Ok(()) };
    values.certificate_id = match sent.filter(|uuid| !uuid.is_empty()) {
        None => None,
        Some(uuid) => match store::ssl_certificates::get(&state.store, &uuid).await {
            Ok(row) if row.provider == store::ssl_certificates::INTERNAL_CA => {
                let message = "this is the authority itself, not a certificate for a host; leave it out";
                errors.push(FieldError::new("certificate_uuid", message));
                None
            }
            Ok(row) => Some(row.id),
            Err(store::Error::NotFound(_)) => {
                let message = "there is no such certificate; choose one of the list, or null";
                errors.push(FieldError::new("certificate_uuid", message));
                None
            }
            Err(error) => return Err(error.into()),
        },
    };
    Ok(())
}

/// Refuses what cannot be served: a client certificate that is not there, and all that the data plane's compiler
/// says. What was wrong before and stays so is no fault of this change.
pub(super) async fn check_rules(
    state: &State,
    before: Option<&HostValues>,
    values: &HostValues,
) -> Result<()> {
    let known = before.map(|before| state.engines.check_host(before)).unwrap_or_default();
    let mut errors = state.engines.check_host(values);
    if !state.link_local {
        let known = before.map(reach::addresses).unwrap_or_default();
        let kept = |error: &FieldError| known.iter().any(|(field, _)| *field == error.field);
        // A host that led there before may go on doing so while something else of it is changed.
        let same = before.is_some_and(|before| reach::addresses(before) == reach::addresses(values));
        errors.extend(reach::faults(values).into_iter().filter(|error| !(same && kept(error))));
    }
    errors.retain(|error| !known.contains(error));
    let of_locations = values.locations.iter().enumerate();
    let places = std::iter::once((String::new(), &values.upstream))
        .chain(of_locations.map(|(at, location)| (format!("locations.{at}."), &location.upstream)));
    for (path, upstream) in places {
        let Some(uuid) = client_certificate(upstream) else { continue };
        let field = format!("{path}upstream.tls.client_certificate_uuid");
        let message = match store::ssl_certificates::get(&state.store, uuid).await {
            Ok(row) if row.has_key && row.provider != store::ssl_certificates::INTERNAL_CA => continue,
            Ok(_) => "this certificate has no key of its own to show; choose another, or null",
            Err(store::Error::NotFound(_)) => "there is no such certificate; choose one of the list, or null",
            Err(error) => return Err(error.into()),
        };
        errors.push(FieldError::new(field, message));
    }
    let was_so = before.is_some_and(|before| before.automatic_certificate);
    if values.automatic_certificate
        && !was_so
        && let Some(wildcard) = values.domain_names.iter().find(|name| name.starts_with("*."))
        && store::dns_credentials::list(&state.store).await?.is_empty()
    {
        let message = format!(
            "{wildcard} can be proven by a DNS provider alone, and there is none; add one under Certificates, DNS \
             providers, or name each host, or upload a certificate"
        );
        errors.push(FieldError::new("automatic_certificate", message));
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Validation(errors)) }
}

/// Refuses domains that another enabled host has. Call it while holding the lock of `State::hosts`.
pub(super) async fn check_domains(state: &State, values: &HostValues, own: Option<&str>) -> Result<()> {
    if !values.enabled {
        return Ok(());
    }
    let owners = store::proxy_hosts::owners(&state.store, &values.domain_names, own).await?;
    if owners.is_empty() {
        return Ok(());
    }
    let names = |owner: &store::proxy_hosts::DomainOwner| {
        let host = if owner.name.is_empty() { &owner.domain } else { &owner.name };
        format!("{} belongs to the host {host} already; change or disable that one first", owner.domain)
    };
    let errors = owners.iter().map(|owner| FieldError::new("domain_names", names(owner)));
    Err(Error::Conflict(errors.collect()))
}

/// Waits until everything that is stored is served. `Err` says why it is not.
async fn applied(state: &State) -> Result<std::result::Result<Option<u64>, String>> {
    let change = state.store.change_number().await?;
    let applied = state.engines.applied(change, PATIENCE).await;
    Ok(applied.outcome.map(|()| applied.revision))
}

/// [`applied`] for changes that are not a host: `what` begins the sentence that says that it is not served.
pub(crate) async fn wait_until_applied(state: &State, what: &str) -> Result<Option<u64>> {
    applied(state).await?.map_err(|message| Error::NotApplied(format!("{what}: {message}")))
}

/// The host as it stands after the wait.
pub(super) async fn answer(state: &State, host: ProxyHost) -> Result<HostView> {
    let outcome = applied(state).await?;
    let mut view = Shown::load_for(state, &host).await?.host(host);
    if let Err(message) = outcome
        && view.status.state != HostPhase::LeftOut
    {
        view.status.state = HostPhase::Pending;
        view.status.message = message;
        view.status.remedy =
            "look at Needs attention; the change is stored and will be tried again".to_owned();
    }
    Ok(view)
}

/// The name of a host in sentences.
pub(crate) fn name_of(values: &HostValues) -> String {
    match (values.name.as_str(), values.domain_names.first()) {
        ("", Some(domain)) => domain.clone(),
        ("", None) => "without a name".to_owned(),
        (name, _) => name.to_owned(),
    }
}
