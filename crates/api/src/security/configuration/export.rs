//! `GET /security/crowdsec/export`.

use crate::access::Admin;
use crate::error::{Error, Result};
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The CrowdSec agent's configuration as a file
///
/// The choice of items and all files of your own. Keys, passwords and the agent's database are left out; a file in the
/// archive names them.
#[utoipa::path(
    get, path = "/security/crowdsec/export", operation_id = "exportCrowdSec", tag = "security",
    extensions(("x-charon-role" = json!("admin"))),
    responses((status = 200, description = "A `tar.gz`.", body = Vec<u8>, content_type = "application/gzip"))
)]
pub(crate) async fn export(Ax(state): Ax<State>, _: Admin) -> Result<Response> {
    crate::security::local_only(&state).await?;
    let archive = state.engines.agent_configuration().export().await.map_err(Error::Internal)?;
    let day = state.clock.now().to_string().chars().take(10).collect::<String>();
    let name = format!("attachment; filename=\"charon-crowdsec-{day}.tar.gz\"");
    Ok((
        [(header::CONTENT_TYPE, "application/gzip".to_owned()), (header::CONTENT_DISPOSITION, name)],
        archive,
    )
        .into_response())
}
