//! Tries the servers of a host for a person: what the data plane found, in the form of the API.

use api::engines::{ServerTest, TestCertificate, TestStep, TestStepName, UpstreamTrial};
use base::{Clock, FieldError};
use proxy::spec::{Certificate, Scheme};
use proxy::{ServerTrial, TrialKind, TrialStep};
use std::sync::Arc;

/// Tries them all.
///
/// # Errors
/// What cannot be tried at all, by field.
pub(crate) async fn run(
    trial: UpstreamTrial,
    clock: Arc<dyn Clock>,
) -> Result<Vec<ServerTest>, Vec<FieldError>> {
    let certificates: Vec<Certificate> = trial
        .client_certificates
        .into_iter()
        .map(|one| Certificate {
            id: one.uuid,
            chain_pem: one.chain_pem,
            key_pem: one.key.expose().clone(),
            internal: false,
        })
        .collect();
    let (places, domains) = control::compile::places(&trial.values, &certificates)?;
    let (locations, upstreams): (Vec<_>, Vec<_>) = places.into_iter().unzip();
    let tried = proxy::try_upstreams(upstreams, certificates, domains, trial.refuse, clock).await;
    let tried = tried.map_err(|(at, message)| {
        let field =
            at.checked_sub(1).map_or_else(|| "upstream".to_owned(), |at| format!("locations.{at}.upstream"));
        vec![FieldError::new(field, message)]
    })?;
    let places = locations.into_iter().zip(tried);
    Ok(places
        .flat_map(|(location, servers)| {
            servers.into_iter().map(move |server| shown(location.clone(), server))
        })
        .collect())
}

fn shown(location: Option<String>, server: ServerTrial) -> ServerTest {
    let certificate = server.certificates.first().and_then(|der| certs::shown(der));
    ServerTest {
        location,
        scheme: match server.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
        .to_owned(),
        address: server.address,
        ok: server.status.is_some(),
        steps: server.steps.into_iter().map(step).collect(),
        certificate: certificate.map(|certificate| TestCertificate {
            subject: certificate.subject,
            domains: certificate.domains,
            issuer: certificate.issuer,
            not_before: certificate.not_before,
            expires_at: certificate.expires_at,
        }),
        status: server.status,
    }
}

fn step(step: TrialStep) -> TestStep {
    TestStep {
        step: match step.kind {
            TrialKind::Name => TestStepName::Name,
            TrialKind::Connect => TestStepName::Connect,
            TrialKind::Tls => TestStepName::Tls,
            TrialKind::Answer => TestStepName::Answer,
        },
        ok: step.ok,
        milliseconds: u64::try_from(step.took.as_millis()).unwrap_or(u64::MAX),
        message: step.message,
        remedy: step.remedy.map(str::to_owned),
    }
}
