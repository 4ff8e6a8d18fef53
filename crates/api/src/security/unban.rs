//! `POST /security/bans/end`.

use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use serde::Deserialize;
use store::security_decisions;
use utoipa::ToSchema;

/// Whose bans are to end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnbanInput {
    /// The address or the network, exactly as it is banned.
    #[schema(min_length = 2, max_length = 43, pattern = "NETWORK", example = "203.0.113.7")]
    value: String,
}

impl Input for UnbanInput {}

/// End every ban of an address or a network
///
/// Bans by people and decisions of CrowdSec about exactly this value end at once. Networks around it stay banned.
#[utoipa::path(
    post, path = "/security/bans/end", operation_id = "unban", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = UnbanInput,
    responses((status = 204, description = "Nothing of it is enforced any more."))
)]
pub(crate) async fn end(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<UnbanInput>,
) -> Result<StatusCode> {
    let network = super::network("value", &input.value).map_err(|error| Error::Validation(vec![error]))?;
    let value = super::shown(network);
    let audit = facts.audit(&caller.actor(), "ban", "end", format!("Ended the bans of {value}"));
    security_decisions::release(&state.store, &value, audit).await?;
    let gone = |bans: &super::Bans| bans.items.iter().all(|item| item.value != value);
    if !super::wait_until(&state, gone).await {
        let message = "the end of the ban is stored and not in force yet; see the background tasks";
        return Err(Error::NotApplied(message.to_owned()));
    }
    Ok(StatusCode::NO_CONTENT)
}
