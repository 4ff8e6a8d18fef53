//! `/security/crowdsec/external`: CrowdSec of another machine. To add an endpoint: a file, and a line below.

mod get;
mod input;
mod test;
mod update;

pub use test::ExternalTrial;

use crate::error::Result;
use crate::state::State;
use base::Timestamp;
use serde::Serialize;
use store::crowdsec_external as stored;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(get::get, update::update)).routes(routes!(test::test))
}

/// The LAPI of another machine, and how Charon shows itself there. Secrets are never shown.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub(crate) struct External {
    /// Its address; empty while none is set.
    url: String,
    /// A key of a bouncer is stored.
    api_key_set: bool,
    /// The client certificate that is shown in place of a key; null when none is stored.
    certificate: Option<ExternalCertificate>,
    /// Authorities that are trusted beside the system's.
    authorities: Vec<ExternalCertificate>,
    /// The name of Charon as a machine; empty when none is set.
    machine: String,
    /// Its password is stored.
    password_set: bool,
}

/// What a certificate says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(crate) struct ExternalCertificate {
    /// Whom it names.
    subject: String,
    /// Who has signed it.
    issuer: String,
    /// Until when it holds.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<certs::Shown> for ExternalCertificate {
    fn from(shown: certs::Shown) -> Self {
        Self { subject: shown.subject, issuer: shown.issuer, expires_at: shown.expires_at }
    }
}

/// As it is stored.
async fn now(state: &State) -> Result<External> {
    let stored::External { url, api_key, certificate, authorities, machine, password, .. } =
        stored::get(&state.store).await?;
    // What was stored was read before; a text that cannot be read any more is shown as missing.
    let read = |pem: &str| certs::bundle(pem).unwrap_or_default().into_iter().map(ExternalCertificate::from);
    Ok(External {
        url,
        api_key_set: !api_key.expose().is_empty(),
        certificate: read(&certificate).next(),
        authorities: read(&authorities).collect(),
        machine,
        password_set: !password.expose().is_empty(),
    })
}
