//! `GET /certificates`.

use super::view::{CertificateView, users_of};
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use store::{proxy_hosts, ssl_certificates};

/// All certificates
#[utoipa::path(
    get, path = "/certificates", operation_id = "listCertificates", tag = "certificates",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "The certificates, oldest first.", body = Vec<CertificateView>))
)]
pub(crate) async fn list(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Vec<CertificateView>>> {
    let now = state.clock.now();
    let hosts = proxy_hosts::list(&state.store).await?;
    let rows = ssl_certificates::list(&state.store).await?;
    let shown = rows.into_iter().filter(|row| row.provider != ssl_certificates::INTERNAL_CA).map(|row| {
        let users = users_of(&hosts, row.id);
        CertificateView::new(row, users, now)
    });
    Ok(Json(shown.collect()))
}
