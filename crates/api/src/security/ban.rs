//! `POST /security/bans`.

use super::Ban;
use super::hits::Own;
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Input};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use std::time::Duration;
use store::{security_configs, security_decisions};
use utoipa::ToSchema;

/// A ban.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BanInput {
    /// An address or a network.
    #[schema(min_length = 2, max_length = 43, pattern = "NETWORK", example = "203.0.113.7")]
    value: String,
    /// Why, for the list and the log.
    #[serde(default)]
    #[schema(max_length = 200, default = "")]
    reason: String,
    /// How many hours; null for ever.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 87600, example = 24)]
    hours: Option<u32>,
    /// It is meant, although it hits the address that one comes from, this machine, a trusted proxy or a gateway.
    #[serde(default)]
    #[schema(default = false)]
    confirm: bool,
}

impl Input for BanInput {}

/// Ban an address or a network
///
/// It holds for all hosts, also on connections that are open, and whether CrowdSec runs or not. A ban that hits the
/// address that one comes from, this machine, a trusted proxy or a gateway is refused with an error about `confirm`
/// that names them, unless that is true.
#[utoipa::path(
    post, path = "/security/bans", operation_id = "ban", tag = "security",
    extensions(("x-charon-role" = json!("admin"))), request_body = BanInput,
    responses((status = 201, description = "It is enforced.", body = Ban))
)]
pub(crate) async fn create(
    Ax(state): Ax<State>,
    facts: Meta,
    headers: HeaderMap,
    Admin(caller): Admin,
    Body(input): Body<BanInput>,
) -> Result<(StatusCode, Json<Ban>)> {
    let network = super::network("value", &input.value).map_err(|error| Error::Validation(vec![error]))?;
    let never = security_configs::wishes(&state.store).await?.never_banned;
    let covering =
        never.iter().find(|entry| super::network("", entry).is_ok_and(|never| never.contains(&network)));
    if let Some(entry) = covering {
        return Err(Error::field("value", format!("{entry} is never banned; take it off that list first")));
    }
    let hit =
        if input.confirm { Vec::new() } else { Own::of(&state, &facts, &headers).await.hit_by(network) };
    if !hit.is_empty() {
        let message = format!("this would ban {}; confirm it if that is meant", hit.join(" and "));
        return Err(Error::field("confirm", message));
    }
    let value = super::shown(network);
    let expires_at =
        input.hours.map(|hours| state.clock.now().plus(Duration::from_secs(u64::from(hours) * 3600)));
    let until = input.hours.map_or("for ever".to_owned(), |hours| format!("for {hours} h"));
    let audit = facts.audit(&caller.actor(), "ban", "create", format!("Banned {value} {until}"));
    let reason = input.reason.trim();
    let ban = security_decisions::ban(&state.store, &value, reason, expires_at, audit).await?;
    let there =
        |bans: &super::Bans| bans.items.iter().any(|item| item.origin == "manual" && item.value == value);
    let wanted = super::BanFilter::around(network);
    if !super::wait_until(&state, &wanted, there).await {
        return Err(Error::NotApplied(
            "the ban is stored and not enforced yet; see the background tasks".to_owned(),
        ));
    }
    let scope = if value.contains('/') { "range" } else { "ip" }.to_owned();
    let (origin, kind) = ("manual".to_owned(), "ban".to_owned());
    let shown = Ban {
        id: None,
        value,
        scope,
        origin,
        reason: ban.reason,
        kind,
        expires_at: ban.expires_at,
        enforced: true,
    };
    Ok((StatusCode::CREATED, Json(shown)))
}
