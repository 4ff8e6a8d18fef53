//! `GET /proxy-hosts/{uuid}`.

use super::view::{HostView, Shown};
use crate::access::Viewer;
use crate::error::Result;
use crate::input::Segment;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// One host
#[utoipa::path(
    get, path = "/proxy-hosts/{uuid}", operation_id = "getProxyHost", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("viewer"))),
    params(("uuid" = String, Path, description = "The host's uuid.")),
    responses((status = 200, description = "The host.", body = HostView))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Viewer, uuid: Segment) -> Result<Json<HostView>> {
    let host = super::find(&state, &uuid.0).await?;
    Ok(Json(Shown::load_for(&state, &host).await?.host(host)))
}
