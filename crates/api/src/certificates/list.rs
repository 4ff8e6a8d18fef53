//! `GET /certificates`.

use super::view::{CertificateView, UsedBy, attended};
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use std::collections::HashMap;
use store::{proxy_hosts, ssl_certificates};

/// All certificates
#[utoipa::path(
    get, path = "/certificates", operation_id = "listCertificates", tag = "certificates",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "The certificates, oldest first.", body = Vec<CertificateView>))
)]
pub(crate) async fn list(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Vec<CertificateView>>> {
    let now = state.clock.now();
    let mut users: HashMap<i64, Vec<UsedBy>> = HashMap::new();
    for host in proxy_hosts::presenters(&state.store, None).await? {
        users.entry(host.certificate).or_default().push(host.into());
    }
    let mut attended = attended(&state, None).await?;
    let rows = ssl_certificates::list(&state.store).await?;
    let shown = rows.into_iter().filter(|row| row.provider != ssl_certificates::INTERNAL_CA).map(|row| {
        let users = users.remove(&row.id).unwrap_or_default();
        let attended = attended.remove(&row.uuid);
        CertificateView::new(row, users, attended, now)
    });
    Ok(Json(shown.collect()))
}
