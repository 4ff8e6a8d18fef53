//! `GET /proxy-hosts`.

use super::view::{HostView, Shown};
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// All hosts
#[utoipa::path(
    get, path = "/proxy-hosts", operation_id = "listProxyHosts", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "The hosts, oldest first.", body = Vec<HostView>))
)]
pub(crate) async fn list(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Vec<HostView>>> {
    let hosts = store::proxy_hosts::list(&state.store).await?;
    let shown = Shown::load(&state).await?;
    Ok(Json(hosts.into_iter().map(|host| shown.host(host)).collect()))
}
