//! `POST /security/crowdsec/changes`.

use super::{AgentAction, AgentChange};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use serde::Deserialize;
use std::time::Duration;
use store::crowdsec_preset_events as events;
use utoipa::ToSchema;

/// A change that is wished.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentChangeInput {
    /// What is to be done.
    pub(super) action: AgentAction,
    /// What it is about: an item (`scenarios:crowdsecurity/http-probing`) or a preset (`wordpress`) for `install`,
    /// `remove` and `upgrade`; the number of an edition for `restore`; nothing else.
    #[serde(default)]
    #[schema(max_length = 220, pattern = "HUB_ITEM", default = "", example = "wordpress")]
    pub(super) about: String,
}

impl Input for AgentChangeInput {}

/// How long an answer waits until the change is made; short of the time that a request has.
const PATIENCE: Duration = Duration::from_secs(20);

/// Change what the CrowdSec agent looks for
///
/// The change is made in a draft, which the agent reads as a whole (`crowdsec -t`) before it counts. Then the agent is
/// started with it; when it does not run, the configuration before is put in force again. One change at a time.
#[utoipa::path(
    post, path = "/security/crowdsec/changes", operation_id = "changeCrowdSec", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = AgentChangeInput,
    responses((status = 200, description = "It is done, or was refused: the status says which.", body = AgentChange),
              (status = 202, description = "It is under way; ask for it again by its number.", body = AgentChange),
              (status = 409, description = "Another change is under way (`conflict`)."))
)]
pub(crate) async fn create(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<AgentChangeInput>,
) -> Result<(StatusCode, Json<AgentChange>)> {
    crate::security::local_only(&state).await?;
    let about = input.about.trim();
    // What cannot be carried out at all is refused before it is asked for.
    let shown = state.engines.agent_configuration().preview(input.action, about.to_owned()).await;
    shown.map_err(|message| Error::field("about", message))?;
    let deed = format!("CrowdSec's configuration: {} {about}", input.action.as_str());
    let audit = facts.audit(&caller.actor(), "crowdsec", input.action.as_str(), deed.trim_end());
    super::ask(&state, audit, (input.action.as_str(), about), None).await
}

/// Waits until a change is over, for as long as a request may take.
pub(super) async fn wait(state: &State, id: i64) -> Result<(StatusCode, Json<AgentChange>)> {
    let end = state.clock.monotonic() + PATIENCE;
    loop {
        let event = events::get(&state.store, id).await?;
        if event.is_over() {
            return Ok((StatusCode::OK, Json(event.into())));
        }
        if state.clock.monotonic() >= end {
            return Ok((StatusCode::ACCEPTED, Json(event.into())));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
