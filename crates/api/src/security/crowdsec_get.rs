//! `GET /security/crowdsec`.

use super::{CrowdSec, CrowdSecMode};
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// CrowdSec: what is wished, what is the case, and what was proven
#[utoipa::path(
    get, path = "/security/crowdsec", operation_id = "getCrowdSec", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "How it stands.", body = CrowdSec))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Viewer) -> Result<Json<CrowdSec>> {
    now(&state).await.map(Json)
}

/// How it stands, with the wish as it is stored.
pub(super) async fn now(state: &State) -> Result<CrowdSec> {
    let wishes = store::security_configs::wishes(&state.store).await?;
    let mode = if wishes.external { CrowdSecMode::External } else { CrowdSecMode::Local };
    Ok(CrowdSec {
        enabled: wishes.crowdsec,
        mode,
        never_banned: wishes.never_banned,
        ..state.engines.crowdsec()
    })
}
