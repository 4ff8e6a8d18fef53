//! DNS providers as they are shown.

use crate::error::Result;
use crate::state::State;
use base::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use store::dns_credentials::{self, DnsCredential, holder};
use utoipa::ToSchema;

/// A DNS provider. Its secrets are never in it.
#[derive(Serialize, ToSchema)]
#[schema(as = DnsCredential)]
pub(super) struct DnsCredentialView {
    uuid: String,
    /// Display name.
    name: String,
    /// Its kind, as `/dns-credentials/kinds` lists them.
    kind: String,
    /// The zones that it writes to.
    zones: Vec<String>,
    /// What was typed in the fields that are no secrets.
    fields: Vec<DnsFieldView>,
    /// The secrets that are stored, by the names of their fields.
    secret_fields: Vec<String>,
    /// Every name of the zones is proven by it, not only wildcards and the names beside them.
    every_name: bool,
    /// How many seconds a record may take until all servers of its zone show it.
    wait_seconds: u64,
    /// The hosts with an automatic certificate that it proves.
    used_by: Vec<DnsHostView>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// A field of the form and what was typed.
#[derive(Serialize, ToSchema)]
#[schema(as = DnsField)]
struct DnsFieldView {
    name: String,
    value: String,
}

/// A host whose names are proven.
#[derive(Serialize, ToSchema)]
#[schema(as = DnsHost)]
struct DnsHostView {
    uuid: String,
    name: String,
}

impl DnsCredentialView {
    /// Shows these, with who uses them.
    pub(super) async fn show(state: &State, rows: Vec<DnsCredential>) -> Result<Vec<Self>> {
        let all = dns_credentials::list(&state.store).await?;
        let wishes = store::proxy_hosts::wishes(&state.store).await?;
        let show = |row: DnsCredential| {
            let used_by = wishes.iter().filter(|wish| {
                let has_wildcard = wish.domains.iter().any(|name| name.starts_with("*."));
                (has_wildcard || row.values.every_name)
                    && wish
                        .domains
                        .iter()
                        .any(|name| holder(&all, name).is_some_and(|found| found.uuid == row.uuid))
            });
            let used_by = used_by
                .map(|wish| DnsHostView { uuid: wish.uuid.clone(), name: wish.name.clone() })
                .collect();
            let values = row.values;
            let field = |(name, value)| DnsFieldView { name, value };
            Self {
                uuid: row.uuid,
                name: values.name,
                kind: values.kind,
                zones: values.zones,
                fields: values.settings.into_iter().map(field).collect(),
                secret_fields: row.secret_fields,
                every_name: values.every_name,
                wait_seconds: values.wait.as_secs(),
                used_by,
                created_at: row.created_at,
                updated_at: row.updated_at,
            }
        };
        Ok(rows.into_iter().map(show).collect())
    }

    /// Shows this one.
    pub(super) async fn one(state: &State, row: DnsCredential) -> Result<Self> {
        let mut shown = Self::show(state, vec![row]).await?;
        shown.pop().ok_or(crate::error::Error::NotFound("DNS provider"))
    }
}

/// What an audit entry holds of it.
pub(super) fn audited(row: &DnsCredential) -> Value {
    let values = &row.values;
    let secrets: Vec<String> = row.secret_fields.iter().map(|name| format!("{name}: ***")).collect();
    json!({"name": values.name, "kind": values.kind, "zones": values.zones, "settings": values.settings,
        "secrets": secrets, "every_name": values.every_name, "wait_seconds": values.wait.as_secs()})
}
