//! `POST /proxy-hosts/{uuid}/test-upstream`, and `POST /proxy-hosts/test-upstream` for values that are not saved.

use super::input::HostChangeInput;
use super::reach;
use super::upstream::client_certificate;
use crate::access::Admin;
use crate::engines::{ClientCertificate, UpstreamTrial};
use crate::error::{Error, Result};
use crate::input::{Body, Segment};
use crate::servers::ServerTest;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::FieldError;
use serde::Serialize;
use std::sync::Arc;
use store::proxy_hosts::HostValues;
use utoipa::ToSchema;

/// What came of trying the servers of a host.
#[derive(Serialize, ToSchema)]
pub(crate) struct UpstreamTest {
    /// Every server answered.
    ok: bool,
    /// The servers of the host, then those of its locations.
    servers: Vec<ServerTest>,
}

/// Try the servers of a host
///
/// Step by step: name, connection, TLS, first answer; each takes at most three seconds, and nothing is changed.
/// Charon's own interface and link-local addresses (where clouds keep secrets of the machine) are not tried.
#[utoipa::path(
    post, path = "/proxy-hosts/{uuid}/test-upstream", operation_id = "testUpstream", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The host's uuid.")),
    responses((status = 200, description = "What came of it.", body = UpstreamTest))
)]
pub(crate) async fn saved(Ax(state): Ax<State>, _: Admin, uuid: Segment) -> Result<Json<UpstreamTest>> {
    let host = super::find(&state, &uuid.0).await?;
    trial(&state, host.values).await
}

/// Try servers before they are saved
///
/// As for a host that is saved. What is left out is at its default; `forward_host` and `forward_port` must be there.
#[utoipa::path(
    post, path = "/proxy-hosts/test-upstream", operation_id = "testUnsavedUpstream", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("admin"))), request_body = HostChangeInput,
    responses((status = 200, description = "What came of it.", body = UpstreamTest))
)]
pub(crate) async fn unsaved(
    Ax(state): Ax<State>,
    _: Admin,
    Body(mut input): Body<HostChangeInput>,
) -> Result<Json<UpstreamTest>> {
    let (mut values, mut errors) = (HostValues::default(), Vec::new());
    for (field, missing) in
        [("forward_host", input.forward_host.is_none()), ("forward_port", input.forward_port.is_none())]
    {
        if missing {
            errors.push(FieldError::new(field, "is missing; say where the server is"));
        }
    }
    // What a client is shown has nothing to do with servers.
    input.certificate_uuid = None;
    if errors.is_empty() {
        input.apply(&mut values, &mut errors);
    }
    if errors.is_empty() {
        errors = state.engines.check_host(&values);
    }
    let refusal = |(field, address)| {
        Some(FieldError::new(field, reach::refusal(address, &state.own_ports, state.link_local)?))
    };
    errors.extend(reach::addresses(&values).into_iter().filter_map(refusal));
    if errors.is_empty() { trial(&state, values).await } else { Err(Error::Validation(errors)) }
}

async fn trial(state: &State, values: HostValues) -> Result<Json<UpstreamTest>> {
    let mut client_certificates = Vec::new();
    let places = std::iter::once(&values.upstream).chain(values.locations.iter().map(|each| &each.upstream));
    for uuid in places.filter_map(client_certificate) {
        let row = store::ssl_certificates::get(&state.store, uuid).await;
        // One that is gone is said by the compiler, where it is missing.
        let Ok(row) = row else { continue };
        let key = store::ssl_certificates::private_key(&state.store, uuid).await?;
        client_certificates.push(ClientCertificate { uuid: row.uuid, chain_pem: row.certificate, key });
    }
    let (own_ports, link_local) = (state.own_ports.clone(), state.link_local);
    let refuse = Arc::new(move |address| reach::refusal(address, &own_ports, link_local));
    let trial = UpstreamTrial { values, client_certificates, refuse };
    let servers = state.engines.test_upstream(trial).await.map_err(Error::Validation)?;
    Ok(Json(UpstreamTest { ok: servers.iter().all(|server| server.ok), servers }))
}
