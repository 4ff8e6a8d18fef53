//! `GET /certificates/internal-ca.pem`.

use crate::error::{Error, Result};
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::{HeaderName, header};

/// The root certificate of the internal authority, to be installed on devices
///
/// It holds no secret. Devices that trust it accept the certificates that Charon gives to hosts by itself.
#[utoipa::path(
    get, path = "/certificates/internal-ca.pem", operation_id = "getInternalCa", tag = "certificates",
    extensions(("x-charon-role" = json!("public"))),
    responses((status = 200, description = "PEM.", body = String, content_type = "application/x-pem-file"),
              (status = 404, description = "It has not been made yet (`not-found`).",
               body = crate::error::ProblemDetails, content_type = "application/problem+json"))
)]
pub(crate) async fn get(Ax(state): Ax<State>) -> Result<([(HeaderName, &'static str); 2], String)> {
    let row = store::ssl_certificates::internal_ca(&state.store).await?;
    let row = row.ok_or(Error::NotFound("internal authority yet"))?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"charon-internal-ca.pem\""),
    ];
    Ok((headers, row.certificate))
}
