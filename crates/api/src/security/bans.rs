//! `GET /security/bans`, also as a table.

use super::{BanFilter, Bans};
use crate::access::Viewer;
use crate::error::{Error, Result};
use crate::input::{Params, limit, wanted};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::{HeaderName, header};
use serde::Deserialize;
use utoipa::IntoParams;

/// Rows of a table.
const MOST_ROWS: usize = 200_000;

/// Which bans are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BanQuery {
    /// A part of what they are about; or an address, which also finds the networks around it.
    #[param(max_length = 100, example = "203.0.113.7")]
    value: Option<String>,
    /// A scope: `ip`, `range`, `country`, `as` ...
    #[param(max_length = 50, example = "ip")]
    scope: Option<String>,
    /// `ban`, `captcha` ...
    #[param(max_length = 50, example = "ban")]
    r#type: Option<String>,
    /// A part of the scenario, or of what a person wrote.
    #[param(max_length = 200, example = "http-probing")]
    reason: Option<String>,
    /// Who decided: `manual`, `crowdsec`, `cscli`, `CAPI` ...
    #[param(max_length = 50, example = "crowdsec")]
    origin: Option<String>,
    /// How many to leave out at the beginning.
    #[param(minimum = 0, maximum = 10000000)]
    offset: Option<u64>,
    /// At most so many. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

impl BanQuery {
    fn filter(self) -> Result<BanFilter> {
        let offset = self.offset.unwrap_or(0);
        if offset > 10_000_000 {
            return Err(Error::field("offset", "write a number from 0 to 10000000"));
        }
        Ok(BanFilter {
            value: wanted("value", self.value, 100)?,
            scope: wanted("scope", self.scope, 50)?,
            kind: wanted("type", self.r#type, 50)?,
            reason: wanted("reason", self.reason, 200)?,
            origin: wanted("origin", self.origin, 50)?,
            around: None,
            id: None,
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            limit: usize::try_from(limit(self.limit, 100, 1000)?).unwrap_or(100),
        })
    }
}

/// Who is banned, by whom, why and until when
#[utoipa::path(
    get, path = "/security/bans", operation_id = "listBans", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))), params(BanQuery),
    responses((status = 200, description = "Bans by people first, then decisions of CrowdSec.", body = Bans))
)]
pub(crate) async fn list(
    Ax(state): Ax<State>,
    _: Viewer,
    Params(query): Params<BanQuery>,
) -> Result<Json<Bans>> {
    Ok(Json(state.engines.bans(&query.filter()?)))
}

/// The same as a table
///
/// Comma-separated values (RFC 4180) of all bans that are wanted; `offset` and `limit` are not looked at.
#[utoipa::path(
    get, path = "/security/bans.csv", operation_id = "exportBans", tag = "security",
    extensions(("x-charon-role" = json!("viewer"))), params(BanQuery),
    responses((status = 200, description = "A table with a line of names.", body = String, content_type = "text/csv"))
)]
pub(crate) async fn table(
    Ax(state): Ax<State>,
    _: Viewer,
    Params(query): Params<BanQuery>,
) -> Result<([(HeaderName, &'static str); 2], String)> {
    let filter = BanFilter { offset: 0, limit: MOST_ROWS, ..query.filter()? };
    let mut text = "value,scope,type,origin,reason,expires_at,enforced,id\r\n".to_owned();
    for ban in state.engines.bans(&filter).items {
        let until = ban.expires_at.map(|until| until.to_string()).unwrap_or_default();
        let enforced = if ban.enforced { "yes" } else { "no" };
        let id = ban.id.map(|id| id.to_string()).unwrap_or_default();
        let cells =
            [&ban.value, &ban.scope, &ban.kind, &ban.origin, &ban.reason, &until, enforced, &id].map(cell);
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"charon-bans.csv\""),
    ];
    Ok((headers, text))
}

/// A cell that no program takes for a formula.
fn cell(text: &str) -> String {
    let text =
        if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        for (text, expected) in [
            ("203.0.113.0/24", "203.0.113.0/24"),
            ("a, \"b\"", "\"a, \"\"b\"\"\""),
            ("=1+1", "'=1+1"),
            ("@x,\r\n", "\"'@x,\r\n\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
