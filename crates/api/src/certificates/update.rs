//! `PUT /certificates/{uuid}`.

use super::view::{CertificateView, attended, audited, used_by};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input, Segment};
use crate::meta::Meta;
use crate::proxy_hosts::wait_until_applied;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Secret;
use serde::Deserialize;
use serde_json::json;
use store::ssl_certificates::{self, ACME, CertificateValues, INTERNAL};
use utoipa::ToSchema;

/// A change of a certificate. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateChangeInput {
    /// Display name.
    #[serde(default)]
    #[schema(nullable = false, min_length = 1, max_length = 100, example = "shop.example.com 2027")]
    name: Option<String>,
    /// The server's certificate and its issuers as PEM, in any order.
    #[serde(default)]
    #[schema(nullable = false, min_length = 1, max_length = 200000, format = "pem")]
    certificate: Option<String>,
    /// The private key as PEM, not encrypted; needed when the certificate has a new one.
    #[serde(default)]
    #[schema(nullable = false, min_length = 1, max_length = 50000, format = "pem", write_only)]
    private_key: Option<String>,
}

impl Input for CertificateChangeInput {}

/// Change a certificate
///
/// Its hosts go on with the new one, without a break.
#[utoipa::path(
    put, path = "/certificates/{uuid}", operation_id = "updateCertificate", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The certificate's uuid.")), request_body = CertificateChangeInput,
    responses((status = 200, description = "The certificate as it is now.", body = CertificateView),
              (status = 409, description = "Charon renews it and only its name can change (`conflict`)."))
)]
pub(crate) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
    Body(input): Body<CertificateChangeInput>,
) -> Result<Json<CertificateView>> {
    let before = super::find(&state, &uuid.0).await?;
    let name = input.name.map_or_else(|| before.name.clone(), |name| name.trim().to_owned());
    let mut values = CertificateValues {
        name,
        provider: before.provider.clone(),
        domains: before.domains.clone(),
        certificate: before.certificate.clone(),
        private_key: None,
        fingerprint: before.fingerprint.clone(),
        issuer: before.issuer.clone(),
        not_before: before.not_before,
        expires_at: before.expires_at,
        auto_renew: before.auto_renew,
    };
    let new_key = input.private_key.is_some();
    if input.certificate.is_some() || new_key {
        if before.auto_renew && [INTERNAL, ACME].contains(&before.provider.as_str()) {
            let message = "Charon renews this certificate itself; upload another one beside it";
            return Err(Error::conflict("certificate", message));
        }
        let chain = input.certificate.unwrap_or_else(|| before.certificate.clone());
        let key = match input.private_key {
            Some(key) => Secret::new(key),
            None => ssl_certificates::private_key(&state.store, &before.uuid).await?,
        };
        let certs::Accepted { chain_pem, info, .. } = super::accept(&state, &chain, &key)?;
        values = CertificateValues {
            domains: info.domains,
            certificate: chain_pem,
            private_key: new_key.then_some(key),
            fingerprint: info.fingerprint,
            issuer: info.issuer,
            not_before: Some(info.not_before),
            expires_at: Some(info.expires_at),
            // From now on it is one that a person has given.
            provider: "custom".to_owned(),
            auto_renew: false,
            ..values
        };
    }
    let details = format!("Changed certificate {}", values.name);
    let mut audit = facts.audit(&caller.actor(), "certificate", "update", details);
    audit.before = Some(audited(&before));
    let mut after = json!({"name": values.name, "domains": values.domains, "issuer": values.issuer,
        "fingerprint": values.fingerprint, "expires_at": values.expires_at});
    if new_key {
        after["private_key"] = "*** (new)".into();
    }
    audit.after = Some(after);
    let row = ssl_certificates::update(&state.store, &before.uuid, &values, audit).await?;
    wait_until_applied(&state, "the certificate is stored, but not in use").await?;
    let users = used_by(&state, row.id).await?;
    let mut attended = attended(&state, Some(&before.uuid)).await?;
    Ok(Json(CertificateView::new(row, users, attended.remove(&before.uuid), state.clock.now())))
}
