//! `PUT /security/crowdsec`.

use super::{CrowdSec, CrowdSecMode};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::FieldError;
use serde::Deserialize;
use store::security_configs::{self, Change};
use utoipa::ToSchema;

/// What is wished. What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CrowdSecInput {
    /// CrowdSec shall protect.
    #[serde(default)]
    #[schema(nullable = false)]
    enabled: Option<bool>,
    /// Where it runs.
    #[serde(default)]
    #[schema(nullable = false)]
    mode: Option<CrowdSecMode>,
    /// Addresses and networks that are never banned, by nobody.
    #[serde(default)]
    #[schema(nullable = false, max_items = 100, example = json!(["192.168.0.0/16"]))]
    never_banned: Option<Vec<NeverBannedInput>>,
}

/// An address or a network.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(min_length = 2, max_length = 43, pattern = "NETWORK", example = "192.168.0.0/16")]
pub(crate) struct NeverBannedInput(String);

impl Input for CrowdSecInput {}

/// Switch CrowdSec on or off, and say where it runs and who is never banned
///
/// The wish is stored and kept. What is the case follows it within seconds; ask for it again to see it.
#[utoipa::path(
    put, path = "/security/crowdsec", operation_id = "updateCrowdSec", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = CrowdSecInput,
    responses((status = 200, description = "The wish is stored; this is how it stands now.", body = CrowdSec))
)]
pub(crate) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<CrowdSecInput>,
) -> Result<Json<CrowdSec>> {
    let mut errors = Vec::new();
    let never_banned = input.never_banned.map(|list| {
        let read = list
            .iter()
            .enumerate()
            .map(|(index, entry)| super::network(&format!("never_banned[{index}]"), &entry.0));
        let mut entries: Vec<String> = Vec::new();
        for entry in read {
            match entry {
                Ok(network) => entries.push(super::shown(network)),
                Err(error) => errors.push(error),
            }
        }
        entries
    });
    let external = input.mode.map(|mode| mode == CrowdSecMode::External);
    if external == Some(true) && store::crowdsec_external::get(&state.store).await?.url.is_empty() {
        let message = "no address of a LAPI is stored yet; store it first (PUT /security/crowdsec/external)";
        errors.push(FieldError::new("mode", message));
    }
    if !errors.is_empty() {
        return Err(Error::Validation(errors));
    }
    let mut deeds = Vec::new();
    if let Some(external) = external {
        let place = if external { "another machine" } else { "this machine" };
        deeds.push(format!("Set that CrowdSec runs on {place}"));
    }
    if let Some(enabled) = input.enabled {
        deeds.push(format!("Switched CrowdSec {}", if enabled { "on" } else { "off" }));
    }
    if never_banned.is_some() {
        deeds.push("Changed who is never banned".to_owned());
    }
    if !deeds.is_empty() {
        let audit = facts.audit(&caller.actor(), "security", "update", deeds.join("; "));
        let change = Change { crowdsec: input.enabled, external, never_banned };
        security_configs::update(&state.store, change, audit).await?;
    }
    super::crowdsec_get::now(&state).await.map(Json)
}
