//! `GET /logs/access`.

use crate::access::Member;
use crate::engines::{LogEntry, LogFilter};
use crate::error::Result;
use crate::input::{Params, limit, wanted};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which requests are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// uuid of a host, or a part of the name that was asked for.
    #[param(max_length = 253)]
    host: Option<String>,
    /// A class like `5xx` or a status like `502`.
    #[param(pattern = "^([1-5]xx|[1-5][0-9]{2})$", example = "5xx")]
    status: Option<String>,
    /// Text in the path, the host, the client's address or the browser's name.
    #[param(max_length = 200)]
    q: Option<String>,
    /// At most so many, newest first. Default 200.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// The newest requests
#[utoipa::path(
    get, path = "/logs/access", operation_id = "listAccessLog", tag = "traffic",
    extensions(("x-charon-role" = json!("user"))), params(LogQuery),
    responses((status = 200, description = "Newest first, of the last thousand.", body = Vec<LogEntry>))
)]
pub(crate) async fn list(
    Ax(state): Ax<State>,
    _: Member,
    Params(query): Params<LogQuery>,
) -> Result<Json<Vec<LogEntry>>> {
    let limit = usize::try_from(limit(query.limit, 200, 1000)?).unwrap_or(1000);
    let filter = LogFilter {
        host: wanted("host", query.host, 253)?,
        status: super::status(query.status)?,
        text: wanted("q", query.q, 200)?,
    };
    let found = state.engines.recent_log(&filter, limit);
    Ok(Json(found.iter().map(|entry| LogEntry::clone(entry)).collect()))
}
