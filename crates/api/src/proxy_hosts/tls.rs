//! How TLS is spoken with clients of a host, as it is sent, stored and shown.

use crate::settings::known::TlsPolicy;
use base::FieldError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::proxy_hosts::HostValues;
use utoipa::ToSchema;

/// The least that the list of browsers takes (hstspreload.org): a year, in seconds.
const PRELOAD_AGE: i64 = 31_536_000;

/// How TLS is spoken with clients.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(default, as = HostTls)]
pub(super) struct TlsInput {
    /// Which clients are taken; null is the setting `tls.policy`.
    policy: Option<TlsPolicy>,
    /// Clients show certificates of their own; null asks for none.
    client_certificates: Option<ClientCertificatesInput>,
    /// Strict-Transport-Security asks for a place in the list that browsers bring along. Hard to take back. Needs
    /// `hsts_enabled`, `hsts_subdomains` and a `hsts_max_age` of a year.
    hsts_preload: bool,
}

/// Who may come with a certificate of their own. What it says is passed on in the headers `Client-Cert` (RFC 9440),
/// `X-Client-Cert-Subject` (RFC 4514) and `X-Client-Cert-SHA256`; those that clients send are dropped.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClientCertificates)]
struct ClientCertificatesInput {
    /// Clients without one get 403. One that does not verify ends the handshake in any case.
    required: bool,
    /// The authorities whose certificates are taken, PEM.
    #[schema(
        min_length = 1,
        max_length = 200000,
        format = "pem",
        example = "-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n"
    )]
    ca_pem: String,
}

impl TlsInput {
    /// The stored form: what is not at its default.
    pub(super) fn stored(&self) -> Map<String, Value> {
        let is_set = |value: &Value| !value.is_null() && *value != Value::Bool(false);
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields.into_iter().filter(|(_, value)| is_set(value)).collect(),
            _ => Map::new(),
        }
    }

    /// What is stored, complete; what cannot be read counts as the default, and the host says so as a problem.
    pub(super) fn shown(stored: &Map<String, Value>) -> Self {
        serde_json::from_value(Value::Object(stored.clone())).unwrap_or_default()
    }
}

/// What the list of browsers asks for is asked for here.
pub(super) fn check(values: &HostValues, errors: &mut Vec<FieldError>) {
    let asked = values.tls.get("hsts_preload") == Some(&Value::Bool(true));
    let is_fit = values.hsts_enabled && values.hsts_subdomains && values.hsts_max_age >= PRELOAD_AGE;
    if asked && !is_fit {
        let message = "browsers take only hosts that send Strict-Transport-Security for a year or more, subdomains \
                       included; switch both on, or leave preload off";
        errors.push(FieldError::new("tls.hsts_preload", message));
    }
}
