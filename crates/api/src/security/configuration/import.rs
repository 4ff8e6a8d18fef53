//! `POST /security/crowdsec/import`.

use super::AgentChange;
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use utoipa::ToSchema;

/// A configuration that is to be put in the place of the one that counts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentImport {
    /// A `tar.gz` of at most 700 kB, in base64 (RFC 4648, section 4).
    #[schema(
        min_length = 1,
        max_length = 960000,
        pattern = "BASE64",
        example = "H4sIAAAAAAAAA+3BAQ0AAADCoPdPbQ43oAAAAAAAAAAAAIA3A5reHScAKAAA"
    )]
    archive: String,
}

impl Input for AgentImport {}

/// Replace the CrowdSec agent's configuration by that of a file
///
/// The archive is looked at as a whole before anything of it is used: no links, nothing that leads out of it, nothing
/// that has no place in a configuration. Then the agent tries it out, as with every change.
#[utoipa::path(
    post, path = "/security/crowdsec/import", operation_id = "importCrowdSec", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = AgentImport,
    responses((status = 200, description = "It is done, or was refused: the status says which.", body = AgentChange),
              (status = 202, description = "It is under way; ask for it again by its number.", body = AgentChange),
              (status = 409, description = "Another change is under way (`conflict`)."))
)]
pub(crate) async fn import(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<AgentImport>,
) -> Result<(StatusCode, Json<AgentChange>)> {
    crate::security::local_only(&state).await?;
    let archive = STANDARD
        .decode(input.archive.trim())
        .map_err(|_| Error::field("archive", "this is not base64; send the file's content in base64"))?;
    let audit = facts.audit(&caller.actor(), "crowdsec", "import", "Imported a configuration for CrowdSec");
    super::ask(&state, audit, ("import", ""), Some(archive)).await
}
