//! `GET` and `PUT /security/crowdsec/escalation`.

use crate::access::{Admin, Viewer};
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::{Deserialize, Serialize};
use store::security_configs;
use utoipa::ToSchema;

/// How long CrowdSec bans.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Escalation {
    /// Minutes of the first ban of an address, of its second, and so on; the last holds for all that follow. None is
    /// shorter than the one before. Decisions of the last seven days count.
    #[schema(min_items = 1, max_items = 8, example = json!([240, 480, 1440, 10080]))]
    minutes: Vec<Minutes>,
}

/// A number of minutes, at most a year.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(minimum = 1, maximum = 525600)]
pub(crate) struct Minutes(u32);

impl Input for Escalation {}

/// How long bans last
#[utoipa::path(
    get, path = "/security/crowdsec/escalation", operation_id = "getEscalation", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "What holds, or the default.", body = Escalation))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Escalation>> {
    let stored = security_configs::escalation(&state.store).await?;
    let minutes = state.engines.escalation(stored);
    Ok(Json(Escalation { minutes: minutes.into_iter().map(Minutes).collect() }))
}

/// Change how long bans last
///
/// The agent checks it before anything is stored; then it is started anew with it. Decisions that hold stay as they
/// are.
#[utoipa::path(
    put, path = "/security/crowdsec/escalation", operation_id = "updateEscalation", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = Escalation,
    responses((status = 200, description = "It is stored.", body = Escalation))
)]
pub(crate) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<Escalation>,
) -> Result<Json<Escalation>> {
    crate::security::local_only(&state).await?;
    let minutes: Vec<u32> = input.minutes.iter().map(|Minutes(minutes)| *minutes).collect();
    state.engines.check_escalation(minutes.clone()).await.map_err(|error| Error::Validation(vec![error]))?;
    let audit = facts.audit(&caller.actor(), "security", "update", "Changed how long CrowdSec bans");
    security_configs::set_escalation(&state.store, &minutes, audit).await?;
    Ok(Json(input))
}
