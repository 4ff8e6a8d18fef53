//! `POST /certificates`.

use super::view::CertificateView;
use crate::access::Admin;
use crate::error::Result;
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::proxy_hosts::wait_until_applied;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use base::Secret;
use serde::Deserialize;
use serde_json::json;
use store::ssl_certificates::{self, CertificateValues};
use utoipa::ToSchema;

/// A certificate with its key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateInput {
    /// Display name.
    #[schema(min_length = 1, max_length = 100, example = "shop.example.com 2026")]
    name: String,
    /// The server's certificate and its issuers as PEM, in any order.
    #[schema(
        min_length = 1,
        max_length = 200000,
        format = "pem",
        example = "-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----\n"
    )]
    certificate: String,
    /// The private key as PEM, not encrypted. It is stored encrypted.
    #[schema(
        min_length = 1,
        max_length = 50000,
        format = "pem",
        write_only,
        example = "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n"
    )]
    private_key: String,
}

impl Input for CertificateInput {}

/// Upload a certificate
#[utoipa::path(
    post, path = "/certificates", operation_id = "createCertificate", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))), request_body = CertificateInput,
    responses((status = 201, description = "The new certificate.", body = CertificateView))
)]
pub(crate) async fn create(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<CertificateInput>,
) -> Result<(StatusCode, Json<CertificateView>)> {
    let key = Secret::new(input.private_key);
    let certs::Accepted { chain_pem, info, .. } = super::accept(&state, &input.certificate, &key)?;
    let name = input.name.trim().to_owned();
    let mut audit =
        facts.audit(&caller.actor(), "certificate", "create", format!("Added certificate {name}"));
    audit.after = Some(json!({"name": name, "domains": info.domains, "issuer": info.issuer,
        "fingerprint": info.fingerprint, "expires_at": info.expires_at, "private_key": "***"}));
    let values = CertificateValues {
        name,
        provider: "custom".to_owned(),
        domains: info.domains,
        certificate: chain_pem,
        private_key: Some(key),
        fingerprint: info.fingerprint,
        issuer: info.issuer,
        not_before: Some(info.not_before),
        expires_at: Some(info.expires_at),
        auto_renew: false,
    };
    let row = ssl_certificates::insert(&state.store, &values, audit).await?;
    wait_until_applied(&state, "the certificate is stored, but not in use").await?;
    Ok((StatusCode::CREATED, Json(CertificateView::new(row, Vec::new(), None, state.clock.now()))))
}
