//! `/certificates`: uploaded certificates. Private keys go in and come out only by `export`.

mod create;
mod delete;
mod export;
mod get;
mod internal_ca;
mod list;
mod update;
mod view;

use crate::error::{Error, Result};
use crate::state::State;
use base::{FieldError, Secret};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(internal_ca::get))
        .routes(routes!(export::export))
        .routes(routes!(get::get, update::update, delete::delete))
}

/// The certificate, or the answer that there is none. The internal authority is none.
async fn find(state: &State, uuid: &str) -> Result<store::ssl_certificates::Certificate> {
    match store::ssl_certificates::get(&state.store, uuid).await {
        Ok(row) if row.provider != store::ssl_certificates::INTERNAL_CA => Ok(row),
        Ok(_) | Err(store::Error::NotFound(_)) => Err(Error::NotFound("certificate")),
        Err(error) => Err(error.into()),
    }
}

/// Reads a chain and its key and puts the chain in order; faults name the field that is wrong.
fn accept(state: &State, chain: &str, key: &Secret<String>) -> Result<certs::Accepted> {
    let accepted = certs::accept(chain, key)
        .map_err(|error| Error::Validation(vec![FieldError::new(error.field(), error.to_string())]))?;
    let info = &accepted.info;
    let now = state.clock.now();
    if certs::validity(info.not_before, info.expires_at, now) == certs::Validity::Expired {
        let message = format!("the certificate has expired on {}; upload a new one", info.expires_at);
        return Err(Error::field("certificate", message));
    }
    Ok(accepted)
}
