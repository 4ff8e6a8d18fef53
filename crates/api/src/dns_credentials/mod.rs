//! `/dns-credentials`: DNS providers that prove names by TXT records (DNS-01). Secrets go in and never come out.
//! Forms are those of the crate `dns01`. To add an endpoint: a file, and a line below.

mod create;
mod delete;
mod get;
mod input;
mod kinds;
mod list;
mod test;
mod update;
mod view;

use crate::error::{Error, Result};
use crate::state::State;
use store::dns_credentials::DnsCredential;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list::list, create::create))
        .routes(routes!(kinds::kinds))
        .routes(routes!(get::get, update::update, delete::delete))
        .routes(routes!(test::test))
}

async fn find(state: &State, uuid: &str) -> Result<DnsCredential> {
    store::dns_credentials::get(&state.store, uuid).await.map_err(|error| match error {
        store::Error::NotFound(_) => Error::NotFound("DNS provider"),
        other => other.into(),
    })
}
