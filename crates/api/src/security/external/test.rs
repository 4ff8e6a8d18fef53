//! `POST /security/crowdsec/external/test`.

use super::input::ExternalInput;
use crate::access::Admin;
use crate::error::Result;
use crate::input::Body;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Serialize;
use store::crowdsec_external as stored;
use utoipa::ToSchema;

/// What came of trying a LAPI.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct ExternalTrial {
    /// It answers, is a LAPI, and takes all credentials.
    pub works: bool,
    /// What was found, as a sentence.
    pub message: String,
    /// What mends it; empty when it works.
    pub remedy: String,
}

/// Try the LAPI of another machine
///
/// Nothing is stored or changed, neither here nor there. Secrets that are left out are those that are stored.
#[utoipa::path(
    post, path = "/security/crowdsec/external/test", operation_id = "testExternalCrowdSec", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = ExternalInput,
    responses((status = 200, description = "It was tried; this came of it.", body = ExternalTrial))
)]
pub(super) async fn test(
    Ax(state): Ax<State>,
    _: Admin,
    Body(input): Body<ExternalInput>,
) -> Result<Json<ExternalTrial>> {
    let wanted = input.over(&stored::get(&state.store).await?)?;
    Ok(Json(state.engines.try_external(wanted).await))
}
