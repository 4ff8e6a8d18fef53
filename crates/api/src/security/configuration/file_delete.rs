//! `POST /security/crowdsec/files/delete`.

use super::AgentChange;
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

/// A file that is to go.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentFileDelete {
    /// Its path in the agent's folder.
    #[schema(
        min_length = 1,
        max_length = 300,
        pattern = "AGENT_PATH",
        example = "config/scenarios/mine.yaml"
    )]
    path: String,
}

impl Input for AgentFileDelete {}

/// Take a file of your own out of the CrowdSec agent's configuration
///
/// What it replaced is back.
#[utoipa::path(
    post, path = "/security/crowdsec/files/delete", operation_id = "deleteCrowdSecFile", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = AgentFileDelete,
    responses((status = 200, description = "It is done, or was refused: the status says which.", body = AgentChange),
              (status = 202, description = "It is under way; ask for it again by its number.", body = AgentChange),
              (status = 409, description = "Another change is under way (`conflict`)."))
)]
pub(crate) async fn delete(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<AgentFileDelete>,
) -> Result<(StatusCode, Json<AgentChange>)> {
    crate::security::local_only(&state).await?;
    let path = input.path;
    if let Some(message) = state.engines.agent_configuration().refuse_path(&path) {
        return Err(Error::field("path", message));
    }
    let deed = format!("Took {path} out of CrowdSec's configuration");
    let audit = facts.audit(&caller.actor(), "crowdsec", "delete", deed);
    super::ask(&state, audit, ("delete", &path), None).await
}
