//! `PUT /proxy-hosts/{uuid}`.

use super::input::HostChangeInput;
use super::saved;
use super::view::HostView;
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Body, Segment};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// Change a host
///
/// What is left out stays as it is. Answers when the change is served, or after five seconds; `status` tells which.
#[utoipa::path(
    put, path = "/proxy-hosts/{uuid}", operation_id = "updateProxyHost", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The host's uuid.")), request_body = HostChangeInput,
    responses((status = 200, description = "The host as it is now.", body = HostView),
              (status = 409, description = "Another host has one of the domains (`conflict`)."))
)]
pub(crate) async fn update(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
    Body(mut input): Body<HostChangeInput>,
) -> Result<Json<HostView>> {
    let host = {
        let _alone = state.hosts.lock().await;
        let before = super::find(&state, &uuid.0).await?;
        let (mut values, mut errors) = (before.values.clone(), Vec::new());
        saved::certificate(&state, input.certificate_uuid.take(), &mut values, &mut errors).await?;
        input.apply(&mut values, &mut errors);
        if !errors.is_empty() {
            return Err(Error::Validation(errors));
        }
        saved::check_rules(&state, Some(&before.values), &values).await?;
        saved::check_domains(&state, &values, Some(&before.uuid)).await?;
        let verb = match (before.enabled, values.enabled) {
            (true, false) => "Disabled",
            (false, true) => "Enabled",
            _ => "Changed",
        };
        let details = format!("{verb} host {}", saved::name_of(&values));
        let audit = facts.audit(&caller.actor(), "proxy_host", "update", details);
        store::proxy_hosts::update(&state.store, &before.uuid, &values, audit).await?
    };
    Ok(Json(saved::answer(&state, host).await?))
}
