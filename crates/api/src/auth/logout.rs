//! `POST /auth/logout`.

use crate::access::{self, Viewer};
use crate::error::Result;
use crate::meta::Meta;
use crate::state::State;
use axum::extract::State as Ax;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};

/// Sign out
///
/// The session ends at once, everywhere.
#[utoipa::path(
    post, path = "/auth/logout", operation_id = "logout", tag = "auth",
    extensions(("x-charon-role" = json!("viewer"))),
    responses((status = 204, description = "Signed out."))
)]
pub(crate) async fn logout(
    Ax(state): Ax<State>,
    facts: Meta,
    Viewer(caller): Viewer,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1])> {
    let session = caller.session()?;
    store::sessions::delete(&state.store, session.id).await?;
    let details = format!("{} signed out", caller.user.email);
    let mut audit = facts.audit(&caller.actor(), "auth", "logout", details);
    audit.resource_id.clone_from(&caller.user.uuid);
    store::security_audits::insert(&state.store, audit).await?;
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, access::end_cookie(&facts)?)]))
}
