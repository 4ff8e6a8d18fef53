//! `PUT /security/crowdsec/external`.

use super::External;
use super::input::ExternalInput;
use crate::access::Admin;
use crate::error::Result;
use crate::input::Body;
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use store::crowdsec_external as stored;

/// Set the LAPI of another machine
///
/// It is used once the mode is `external` (`PUT /security/crowdsec`); then a change holds within seconds. Nothing is
/// asked here: try it out before, with `POST /security/crowdsec/external/test`.
#[utoipa::path(
    put, path = "/security/crowdsec/external", operation_id = "updateExternalCrowdSec", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = ExternalInput,
    responses((status = 200, description = "It is stored.", body = External))
)]
pub(super) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<ExternalInput>,
) -> Result<Json<External>> {
    let before = stored::get(&state.store).await?;
    let after = input.over(&before)?;
    if after != before {
        let deed = format!("Set the LAPI of another machine: {}", after.url);
        let audit = facts.audit(&caller.actor(), "crowdsec", "update", deed);
        stored::set(&state.store, &after, audit).await?;
    }
    super::now(&state).await.map(Json)
}
