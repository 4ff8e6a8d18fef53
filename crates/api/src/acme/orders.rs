//! `GET /acme/orders`.

use super::view::{AcmeOrderView, show};
use crate::access::Viewer;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;

/// How it goes with automatic certificates
///
/// One entry for each set of names that hosts want a certificate for, with the steps of its order as they happen.
#[utoipa::path(
    get, path = "/acme/orders", operation_id = "listAcmeOrders", tag = "certificates",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 200, description = "The sets of names, oldest first.", body = Vec<AcmeOrderView>))
)]
pub(super) async fn list(Ax(state): Ax<State>, _: Viewer) -> Result<Json<Vec<AcmeOrderView>>> {
    let orders = store::acme_orders::list(&state.store).await?;
    Ok(Json(show(&state, orders).await?))
}
