//! `GET /security/alerts` and `GET /security/alerts/{id}`.

use super::{Alert, AlertEvidence};
use crate::access::{Member, Viewer};
use crate::error::{Error, Result};
use crate::input::{Params, Segment, limit, wanted};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which alerts are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertQuery {
    /// About exactly this address, network, country ...
    #[param(max_length = 100, example = "203.0.113.7")]
    value: Option<String>,
    /// A part of the scenario's name.
    #[param(max_length = 200, example = "http-probing")]
    scenario: Option<String>,
    /// Only alerts with a smaller id: the next page.
    #[param(minimum = 1)]
    before: Option<i64>,
    /// At most so many, newest first. Default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// What CrowdSec has found
///
/// The newest first. Alerts are kept for seven days; trials of Charon's own are left out.
#[utoipa::path(
    get, path = "/security/alerts", operation_id = "listAlerts", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))), params(AlertQuery),
    responses((status = 200, description = "Alerts.", body = Vec<Alert>),
              (status = 409, description = "CrowdSec does not run (`crowdsec-not-running`), or is that of another machine, of which no login is set
                (`crowdsec-no-login`).",
               body = crate::error::ProblemDetails, content_type = "application/problem+json"))
)]
pub(crate) async fn list(
    Ax(state): Ax<State>,
    _: Viewer,
    Params(query): Params<AlertQuery>,
) -> Result<Json<Vec<Alert>>> {
    if query.before.is_some_and(|before| before < 1) {
        return Err(Error::field("before", "write the id of an alert"));
    }
    let filter = super::AlertFilter {
        value: wanted("value", query.value, 100)?,
        scenario: wanted("scenario", query.scenario, 200)?,
        before: query.before,
        limit: usize::try_from(limit(query.limit, 50, 200)?).unwrap_or(50),
    };
    Ok(Json(state.engines.alerts(filter).await?))
}

/// What led to an alert
#[utoipa::path(
    get, path = "/security/alerts/{id}", operation_id = "getAlert", tag = "security",
    extensions(("x-charon-role" = json!("user"))), params(("id" = i64, Path, description = "LAPI's id.")),
    responses((status = 200, description = "The alert and its requests.", body = AlertEvidence),
              (status = 409, description = "CrowdSec does not run (`crowdsec-not-running`), or is that of another machine, of which no login is set
                (`crowdsec-no-login`).",
               body = crate::error::ProblemDetails, content_type = "application/problem+json"))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Member, id: Segment) -> Result<Json<AlertEvidence>> {
    let alert = state.engines.alert(id.number("alert")?).await?;
    alert.map(Json).ok_or(Error::NotFound("alert"))
}
