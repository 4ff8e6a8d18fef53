//! `POST /dns-credentials/{uuid}/test`.

use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input, Segment};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Secret;
use dns01::{Outcome, TrialStep};
use serde::{Deserialize, Serialize};
use store::dns_credentials::{self, Secrets};
use utoipa::ToSchema;

/// For what a DNS provider is tried.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DnsTrialInput {
    /// One of its zones, or a name in one; the first zone when it is left out.
    #[serde(default)]
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 253,
        pattern = "NAME_OF_HOST",
        example = "example.com"
    )]
    zone: Option<String>,
}

impl Input for DnsTrialInput {}

/// What came of trying a DNS provider.
#[derive(Serialize, ToSchema)]
#[schema(as = DnsTrial)]
pub(super) struct DnsTrialView {
    /// The name whose proof was tried.
    zone: String,
    /// No step failed.
    works: bool,
    steps: Vec<DnsTrialStepView>,
}

/// One step of a trial.
#[derive(Serialize, ToSchema)]
#[schema(as = DnsTrialStep)]
struct DnsTrialStepView {
    name: DnsTrialStepName,
    outcome: DnsTrialOutcome,
    /// A sentence.
    message: String,
}

/// Find where the record stands, write it, look for it at the servers of the zone, remove it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DnsTrialStepName {
    Find,
    Write,
    Look,
    Remove,
}

/// What came of a step; `unclear` cannot be told from here.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DnsTrialOutcome {
    Done,
    Failed,
    Unclear,
    Skipped,
}

impl From<TrialStep> for DnsTrialStepView {
    fn from(step: TrialStep) -> Self {
        Self {
            name: match step.name {
                "find" => DnsTrialStepName::Find,
                "write" => DnsTrialStepName::Write,
                "look" => DnsTrialStepName::Look,
                _ => DnsTrialStepName::Remove,
            },
            outcome: match step.outcome {
                Outcome::Done => DnsTrialOutcome::Done,
                Outcome::Failed => DnsTrialOutcome::Failed,
                Outcome::Unclear => DnsTrialOutcome::Unclear,
                Outcome::Skipped => DnsTrialOutcome::Skipped,
            },
            message: step.message,
        }
    }
}

/// Try a DNS provider
///
/// Writes a harmless TXT value where a proof would stand, looks for it at the servers of the zone, and removes it.
#[utoipa::path(
    post, path = "/dns-credentials/{uuid}/test", operation_id = "testDnsCredential", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The provider's uuid.")), request_body = DnsTrialInput,
    responses((status = 200, description = "It was tried; this came of it.", body = DnsTrialView),
              (status = 409, description = "What is stored cannot be used (`conflict`)."))
)]
pub(super) async fn test(
    Ax(state): Ax<State>,
    _: Admin,
    uuid: Segment,
    Body(input): Body<DnsTrialInput>,
) -> Result<Json<DnsTrialView>> {
    let row = super::find(&state, &uuid.0).await?;
    let zone = match input.zone {
        Some(zone) => zone.trim().trim_end_matches('.').to_ascii_lowercase(),
        None => row.values.zones.first().cloned().unwrap_or_default(),
    };
    if row.zone_of(&zone).is_none() {
        let message = format!("is not in a zone of this provider; they are {}", row.values.zones.join(", "));
        return Err(Error::field("zone", message));
    }
    let secrets = match dns_credentials::secrets(&state.store, &row.uuid).await {
        Ok(secrets) => secrets,
        Err(store::Error::Secret(message)) => return Err(Error::conflict("uuid", message)),
        Err(error) => return Err(error.into()),
    };
    let Some(kind) = dns01::kind(&row.values.kind) else {
        return Err(Error::conflict("kind", "is not known to this version; choose another one"));
    };
    let plain = row.values.settings.into_iter().map(|(name, value)| (name, Secret::new(value)));
    let given: Secrets = plain.chain(secrets).collect();
    let steps = state.engines.try_dns(kind, given, zone.clone()).await;
    let steps =
        steps.map_err(|error| Error::conflict(format!("fields.{}", error.field), error.reason.clone()))?;
    let works = steps.iter().all(|step| matches!(step.outcome, Outcome::Done | Outcome::Unclear));
    Ok(Json(DnsTrialView { zone, works, steps: steps.into_iter().map(DnsTrialStepView::from).collect() }))
}
