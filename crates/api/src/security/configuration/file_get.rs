//! `GET /security/crowdsec/files/content`.

use super::AgentFileContent;
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::Params;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which file.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// Its path, as it is listed.
    #[param(max_length = 300, example = "simulation.yaml")]
    path: String,
}

/// One file of the CrowdSec agent's configuration
///
/// Only files that are listed can be read.
#[utoipa::path(
    get, path = "/security/crowdsec/files/content", operation_id = "getCrowdSecFile", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), params(FileQuery),
    responses((status = 200, description = "The file with its text.", body = AgentFileContent),
              (status = 404, description = "No file of the configuration has this path (`not-found`)."),
              (status = 409, description = "CrowdSec is not installed (`conflict`)."))
)]
pub(crate) async fn get(
    Ax(state): Ax<State>,
    _: Admin,
    Params(query): Params<FileQuery>,
) -> Result<Json<AgentFileContent>> {
    crate::security::local_only(&state).await?;
    let file = state.engines.agent_configuration().file(query.path).await;
    let file = file.map_err(|message| Error::conflict("", message))?;
    file.map(Json).ok_or(Error::NotFound("file of the configuration"))
}
