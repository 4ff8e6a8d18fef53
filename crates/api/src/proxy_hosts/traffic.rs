//! `GET /proxy-hosts/{uuid}/traffic`.

use crate::access::Viewer;
use crate::engines::HostTraffic;
use crate::error::Result;
use crate::input::Segment;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// Statistics of one host
#[utoipa::path(
    get, path = "/proxy-hosts/{uuid}/traffic", operation_id = "getProxyHostTraffic", tag = "proxy-hosts",
    extensions(("x-charon-role" = json!("viewer"))),
    params(("uuid" = String, Path, description = "The host's uuid.")),
    responses((status = 200, description = "Its traffic; zeros when it has had none since the start.", body = HostTraffic))
)]
pub(crate) async fn traffic(Ax(state): Ax<State>, _: Viewer, uuid: Segment) -> Result<Json<HostTraffic>> {
    let host = super::find(&state, &uuid.0).await?;
    let none = || HostTraffic { now: state.clock.now(), ..HostTraffic::default() };
    Ok(Json(state.engines.host_traffic(&host.uuid).unwrap_or_else(none)))
}
