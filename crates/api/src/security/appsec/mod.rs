//! `/security/appsec`: CrowdSec's AppSec component. To add an endpoint: a file, and a line below.

mod get;
mod update;
mod view;

pub use view::{AppSecCounts, AppSecStanding, AppSecState};

use crate::error::Result;
use crate::state::State;
use store::crowdsec_appsec as stored;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(get::get, update::update))
}

/// As it is stored, and as it stands.
async fn now(state: &State) -> Result<view::AppSec> {
    let stored::AppSec { plain, key } = stored::get(&state.store).await?;
    Ok(view::AppSec::new(plain, !key.expose().is_empty(), state.engines.appsec()))
}
