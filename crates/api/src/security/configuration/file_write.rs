//! `PUT /security/crowdsec/files`.

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

/// A file that is to be written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentFileInput {
    /// Its path in the agent's folder.
    #[schema(
        min_length = 1,
        max_length = 300,
        pattern = "AGENT_PATH",
        example = "config/scenarios/mine.yaml"
    )]
    path: String,
    /// Its new text.
    #[schema(max_length = 262144, format = "text", example = "type: trigger")]
    content: String,
    /// The digest that came with the text that was edited; null for a new file.
    #[serde(default)]
    #[schema(max_length = 64, pattern = "HEX_OR_NONE")]
    digest: Option<String>,
}

impl Input for AgentFileInput {}

/// Write a file of the CrowdSec agent's configuration
///
/// The whole configuration with it is tried out by the agent before it counts, as with every change.
#[utoipa::path(
    put, path = "/security/crowdsec/files", operation_id = "writeCrowdSecFile", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = AgentFileInput,
    responses((status = 200, description = "It is done, or was refused: the status says which.", body = AgentChange),
              (status = 202, description = "It is under way; ask for it again by its number.", body = AgentChange),
              (status = 409, description = "Another change is under way, or the file was changed meanwhile \
                                            (`conflict`)."))
)]
pub(crate) async fn write(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<AgentFileInput>,
) -> Result<(StatusCode, Json<AgentChange>)> {
    crate::security::local_only(&state).await?;
    let AgentFileInput { path, content, digest } = input;
    let agent = state.engines.agent_configuration();
    if let Some(message) = agent.refuse_path(&path) {
        return Err(Error::field("path", message));
    }
    let there = agent.file(path.clone()).await.map_err(|message| Error::conflict("", message))?;
    if there.map(|file| file.digest) != digest {
        let message = format!("{path} was changed meanwhile; load it again and repeat your change");
        return Err(Error::conflict("digest", message));
    }
    let audit = facts.audit(
        &caller.actor(),
        "crowdsec",
        "write",
        format!("Wrote {path} of CrowdSec's configuration"),
    );
    let staged = format!("{}\n{content}", digest.unwrap_or_default()).into_bytes();
    super::ask(&state, audit, ("write", &path), Some(staged)).await
}
