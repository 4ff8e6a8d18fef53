//! `POST /proxy-hosts`.

use super::input::HostInput;
use super::saved;
use super::view::HostView;
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::Body;
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use store::proxy_hosts::HostValues;

/// Add a host
///
/// Answers when the host is served, or after five seconds; `status` tells which.
#[utoipa::path(
    post, path = "/proxy-hosts", operation_id = "createProxyHost", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("admin"))), request_body = HostInput,
    responses((status = 201, description = "The new host.", body = HostView),
              (status = 409, description = "Another host has one of the domains (`conflict`)."))
)]
pub(crate) async fn create(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    Body(HostInput(mut input)): Body<HostInput>,
) -> Result<(StatusCode, Json<HostView>)> {
    let (mut values, mut errors) = (HostValues::default(), Vec::new());
    saved::certificate(&state, input.certificate_uuid.take(), &mut values, &mut errors).await?;
    input.apply(&mut values, &mut errors);
    if !errors.is_empty() {
        return Err(Error::Validation(errors));
    }
    saved::check_rules(&state, None, &values).await?;
    let host = {
        let _alone = state.hosts.lock().await;
        saved::check_domains(&state, &values, None).await?;
        let details = format!("Added host {}", saved::name_of(&values));
        let audit = facts.audit(&caller.actor(), "proxy_host", "create", details);
        store::proxy_hosts::insert(&state.store, &values, audit).await?
    };
    Ok((StatusCode::CREATED, Json(saved::answer(&state, host).await?)))
}
