//! `POST /acme/orders/{uuid}/renew`.

use super::view::{AcmeOrderView, show};
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::Segment;
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;

/// Ask for a certificate at once
///
/// Whatever is planned, but never so that more than five validations of a name fail within an hour. The certificate
/// that serves goes on until the new one is there.
#[utoipa::path(
    post, path = "/acme/orders/{uuid}/renew", operation_id = "renewAcmeOrder", tag = "certificates",
    extensions(("x-charon-role" = json!("admin"))),
    params(("uuid" = String, Path, description = "The uuid of the set of names.")),
    responses((status = 202, description = "It begins; ask for the orders to see how it goes.", body = AcmeOrderView))
)]
pub(super) async fn renew(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
    uuid: Segment,
) -> Result<(StatusCode, Json<AcmeOrderView>)> {
    let audit = facts.audit(&caller.actor(), "acme", "renew", "Asked for an automatic certificate at once");
    let order = store::acme_orders::ask(&state.store, &uuid.0, audit).await?;
    let shown = show(&state, vec![order]).await?.pop().ok_or(Error::NotFound("automatic certificate"))?;
    Ok((StatusCode::ACCEPTED, Json(shown)))
}
