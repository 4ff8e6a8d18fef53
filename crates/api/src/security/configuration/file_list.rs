//! `GET /security/crowdsec/files`.

use super::AgentFile;
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// The files of the CrowdSec agent's configuration
///
/// Keys, passwords and the agent's database are not among them.
#[utoipa::path(
    get, path = "/security/crowdsec/files", operation_id = "listCrowdSecFiles", tag = "security",
    extensions(("x-charon-role" = json!("admin"))),
    responses((status = 200, description = "All files, by path.", body = Vec<AgentFile>),
              (status = 409, description = "CrowdSec is not installed (`conflict`)."))
)]
pub(crate) async fn list(Ax(state): Ax<State>, _: Admin) -> Result<Json<Vec<AgentFile>>> {
    crate::security::local_only(&state).await?;
    let files = state.engines.agent_configuration().files().await;
    files.map(Json).map_err(|message| Error::conflict("", message))
}
