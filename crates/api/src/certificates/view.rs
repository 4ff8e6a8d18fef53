//! A certificate as it is shown.

use crate::error::Result;
use crate::state::State;
use base::Timestamp;
use certs::Validity;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use store::acme_orders;
use store::proxy_hosts::Presenter;
use store::ssl_certificates::{ACME, Certificate, INTERNAL};
use utoipa::ToSchema;

/// A certificate, without its key.
#[derive(Serialize, ToSchema)]
#[schema(as = Certificate)]
pub(crate) struct CertificateView {
    uuid: String,
    /// Display name.
    name: String,
    /// `custom` (uploaded), `internal`, `acme` (automatic), or `letsencrypt` (carried from the original product).
    provider: String,
    /// Names that it is good for.
    domains: Vec<String>,
    /// Who signed it.
    issuer: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    not_before: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    status: CertificateStatus,
    /// What is the matter; empty when it is valid.
    message: String,
    /// SHA-256 of the certificate, hexadecimal.
    fingerprint: String,
    /// Hosts that present it by choice, or that asked for it to be issued.
    used_by: Vec<UsedBy>,
    /// Why the last attempt to renew it failed, with what mends it; empty when it did not.
    last_error: String,
    /// It is renewed without a person.
    auto_renew: bool,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// Whether a certificate can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CertificateStatus {
    Valid,
    /// It ends soon.
    Expiring,
    /// Its time is over.
    Expired,
    /// It cannot be presented; the message says why.
    Unusable,
}

/// A host that presents a certificate.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct UsedBy {
    uuid: String,
    name: String,
}

/// Which hosts present the certificate with this row id.
pub(super) async fn used_by(state: &State, id: i64) -> Result<Vec<UsedBy>> {
    let presenters = store::proxy_hosts::presenters(&state.store, Some(id)).await?;
    Ok(presenters.into_iter().map(UsedBy::from).collect())
}

/// Who has asked for an automatic certificate, and why its last renewal failed.
#[derive(Default)]
pub(super) struct Attended {
    pub(super) hosts: Vec<UsedBy>,
    pub(super) last_error: String,
}

/// What there is to say of automatic certificates, or of the one with this public id, by their public ids.
pub(super) async fn attended(state: &State, certificate: Option<&str>) -> Result<HashMap<String, Attended>> {
    let orders = acme_orders::attended(&state.store, certificate).await?;
    if orders.is_empty() {
        return Ok(HashMap::new());
    }
    let mut hosts: HashMap<Vec<String>, Vec<UsedBy>> = HashMap::new();
    for wish in store::proxy_hosts::wishes(&state.store).await? {
        let names: BTreeSet<String> = wish.domains.into_iter().collect();
        let host = UsedBy { uuid: wish.uuid, name: wish.name };
        hosts.entry(names.into_iter().collect()).or_default().push(host);
    }
    let known = orders.into_iter().map(|order| {
        let hosts = hosts.remove(&order.domains).unwrap_or_default();
        (order.certificate_uuid, Attended { hosts, last_error: order.last_error })
    });
    Ok(known.collect())
}

impl From<Presenter> for UsedBy {
    fn from(host: Presenter) -> Self {
        Self { uuid: host.uuid, name: host.name }
    }
}

impl UsedBy {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl CertificateView {
    pub(super) fn new(
        row: Certificate,
        mut used_by: Vec<UsedBy>,
        attended: Option<Attended>,
        now: Timestamp,
    ) -> Self {
        let (status, message) = status(&row, now);
        let Attended { hosts, last_error } = attended.unwrap_or_default();
        used_by.extend(hosts);
        // A row of the original may say so of one that was renewed there.
        let auto_renew = row.auto_renew && [INTERNAL, ACME].contains(&row.provider.as_str());
        Self {
            uuid: row.uuid,
            name: row.name,
            provider: row.provider,
            domains: row.domains,
            issuer: row.issuer,
            not_before: row.not_before,
            expires_at: row.expires_at,
            status,
            message,
            fingerprint: row.fingerprint,
            used_by,
            last_error,
            auto_renew,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

fn status(row: &Certificate, now: Timestamp) -> (CertificateStatus, String) {
    if row.certificate.trim().is_empty() {
        return (CertificateStatus::Unusable, "no certificate is stored; upload it anew".to_owned());
    }
    if !row.has_key {
        return (
            CertificateStatus::Unusable,
            "its private key is not stored; upload it anew with its key".to_owned(),
        );
    }
    // Rows of the original product may lack what stands in the certificate itself.
    let times = match (row.not_before, row.expires_at) {
        (Some(start), Some(end)) => Ok((start, end)),
        _ => certs::read_chain(&row.certificate).map(|info| (info.not_before, info.expires_at)),
    };
    let (start, end) = match times {
        Ok(times) => times,
        Err(error) => return (CertificateStatus::Unusable, error.to_string()),
    };
    match certs::validity(start, end, now) {
        Validity::Valid => (CertificateStatus::Valid, String::new()),
        Validity::Expiring => {
            let days = end.since(now).as_secs() / 86_400;
            let remedy = match row.provider.as_str() {
                ACME => "it is renewed before, see the automatic certificates",
                _ => "upload its successor",
            };
            (CertificateStatus::Expiring, format!("it ends in {days} days; {remedy}"))
        }
        Validity::Expired => {
            let remedy = match row.provider.as_str() {
                ACME => "the automatic certificates say why it was not renewed",
                _ => "upload its successor",
            };
            (CertificateStatus::Expired, format!("it ended on {end}; {remedy}"))
        }
        Validity::NotYet => (CertificateStatus::Unusable, format!("it is valid only from {start} on")),
    }
}

/// What the audit log says of a certificate.
pub(super) fn audited(row: &Certificate) -> Value {
    json!({"name": row.name, "domains": row.domains, "issuer": row.issuer, "fingerprint": row.fingerprint,
           "expires_at": row.expires_at})
}
