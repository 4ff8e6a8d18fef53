//! `DELETE /security/crowdsec/console`.

use crate::access::Admin;
use crate::error::Result;
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use store::crowdsec_console_enrollments as rows;

/// Forget the enrolment and the account at crowdsec.net
///
/// The agent talks to crowdsec.net no longer. The entry of this machine in the console stays; remove it there.
#[utoipa::path(
    delete, path = "/security/crowdsec/console", operation_id = "leaveCrowdSecConsole", tag = "security",
    extensions(("x-charon-role" = json!("admin"))),
    responses((status = 204, description = "It is forgotten."),
              (status = 409, description = "An attempt is under way (`conflict`)."))
)]
pub(crate) async fn leave(Ax(state): Ax<State>, facts: Meta, Admin(caller): Admin) -> Result<StatusCode> {
    let audit = facts.audit(&caller.actor(), "crowdsec", "leave", "Left CrowdSec's console");
    rows::clear(&state.store, audit).await?;
    Ok(StatusCode::NO_CONTENT)
}
