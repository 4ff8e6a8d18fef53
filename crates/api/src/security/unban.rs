//! `POST /security/bans/end`.

use super::{Ban, BanFilter};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::{Deserialize, Serialize};
use store::security_decisions;
use utoipa::ToSchema;

/// Whose bans are to end: all about a value, or one decision of CrowdSec.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnbanInput {
    /// The address or the network, exactly as it is banned.
    #[serde(default)]
    #[schema(
        nullable = false,
        min_length = 2,
        max_length = 43,
        pattern = "NETWORK",
        example = "203.0.113.7"
    )]
    value: Option<String>,
    /// Instead of `value`: LAPI's id of one decision. Others about the same stay.
    #[serde(default)]
    #[schema(nullable = false, minimum = 1, maximum = 9007199254740991_i64)]
    id: Option<i64>,
}

impl Input for UnbanInput {}

/// What has ended, and what has not.
#[derive(Serialize, ToSchema)]
pub(crate) struct Unbanned {
    /// What else holds for it: bans of networks around the address, which are let go only when they are named
    /// themselves; and of the same value, when one decision of several was ended.
    still_banned: Vec<Ban>,
}

/// End bans
///
/// With `value`, bans by people and decisions of CrowdSec about exactly this value end at once; networks around it
/// stay banned and stand in the answer. With `id`, one decision of CrowdSec ends.
#[utoipa::path(
    post, path = "/security/bans/end", operation_id = "unban", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = UnbanInput,
    responses((status = 200, description = "Nothing of it is enforced any more.", body = Unbanned),
              (status = 404, description = "No decision has this id (`not-found`)."))
)]
pub(crate) async fn end(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(input): Body<UnbanInput>,
) -> Result<Json<Unbanned>> {
    let (value, rest) = match (input.value, input.id) {
        (Some(value), None) => {
            let network = super::network("value", &value).map_err(|error| Error::Validation(vec![error]))?;
            let value = super::shown(network);
            let audit = facts.audit(&caller.actor(), "ban", "end", format!("Ended the bans of {value}"));
            security_decisions::release(&state.store, &value, audit).await?;
            (value, BanFilter::around(network))
        }
        (None, Some(id)) => {
            let known = state.engines.bans(&BanFilter::one(id)).items.into_iter().next();
            let known = known.ok_or(Error::NotFound("decision"))?;
            let what = format!("Ended decision {id} ({} of {}: {})", known.kind, known.value, known.reason);
            let audit = facts.audit(&caller.actor(), "ban", "end", what);
            security_decisions::release_one(&state.store, id, &known.value, audit).await?;
            (known.value, BanFilter::one(id))
        }
        _ => return Err(Error::field("value", "write either a value or an id")),
    };
    let gone = |bans: &super::Bans| bans.items.iter().all(|item| item.value != value);
    if !super::wait_until(&state, &rest, gone).await {
        let message = "the end of the ban is stored and not in force yet; see the background tasks";
        return Err(Error::NotApplied(message.to_owned()));
    }
    let still_banned = match super::network("", &value) {
        Ok(network) => state.engines.bans(&BanFilter::around(network)).items,
        Err(_) => Vec::new(),
    };
    Ok(Json(Unbanned { still_banned }))
}
