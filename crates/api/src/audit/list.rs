//! `GET /audit`.

use crate::access::Admin;
use crate::error::{Error, Result};
use crate::input::{Params, limit, wanted};
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::security_audits::{self, Entry, Filter};
use utoipa::{IntoParams, ToSchema};

/// Which entries are wanted.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only of this actor.
    #[param(max_length = 320)]
    actor: Option<String>,
    /// Only this action, such as `proxy_host.create`.
    #[param(max_length = 100)]
    action: Option<String>,
    /// Only about this kind of thing, such as `proxy_host`.
    #[param(max_length = 100)]
    resource_type: Option<String>,
    /// Only about the thing with this id.
    #[param(max_length = 100)]
    resource_id: Option<String>,
    /// Only entries with a smaller id: the next page.
    #[param(minimum = 1)]
    before: Option<i64>,
    /// At most so many, newest first. Default 50.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// One deed.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditItem {
    id: i64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Who: an e-mail address, with the name of the token if it was one.
    actor: String,
    /// What was done.
    action: String,
    /// The area.
    category: String,
    /// The kind of thing.
    resource_type: String,
    /// Its public id; may be empty.
    resource_id: String,
    /// Its name at that time; may be empty.
    resource_name: String,
    /// One sentence.
    details: String,
    /// The values before; null when there were none. Secrets are left out.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// The values after; null when there are none. Secrets are left out.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
    ip_address: String,
    user_agent: String,
    request_id: String,
}

impl From<Entry> for AuditItem {
    fn from(entry: Entry) -> Self {
        let resource_name = entry.after.as_ref().or(entry.before.as_ref()).map(name).unwrap_or_default();
        Self {
            id: entry.id,
            created_at: entry.created_at,
            actor: entry.actor,
            action: entry.action,
            category: entry.category,
            resource_type: entry.resource_type,
            resource_id: entry.resource_id,
            resource_name,
            details: entry.details,
            before: entry.before.filter(Value::is_object),
            after: entry.after.filter(Value::is_object),
            ip_address: entry.ip_address,
            user_agent: entry.user_agent,
            request_id: entry.request_id,
        }
    }
}

fn name(values: &Value) -> String {
    ["name", "email"]
        .iter()
        .map(|key| &values[key])
        .chain([&values["domain_names"][0]])
        .find_map(|value| value.as_str().filter(|text| !text.is_empty()))
        .unwrap_or_default()
        .to_owned()
}

/// Who did what
#[utoipa::path(
    get, path = "/audit", operation_id = "listAudit", tag = "audit",
    extensions(("x-charon-role" = json!("admin"))), params(AuditQuery),
    responses((status = 200, description = "Newest first.", body = Vec<AuditItem>))
)]
pub(crate) async fn list(
    Ax(state): Ax<State>,
    _: Admin,
    Params(query): Params<AuditQuery>,
) -> Result<Json<Vec<AuditItem>>> {
    let limit = limit(query.limit, 50, 200)?;
    if query.before.is_some_and(|before| before < 1) {
        return Err(Error::field("before", "write the id of an entry"));
    }
    let filter = Filter {
        actor: wanted("actor", query.actor, 320)?,
        action: wanted("action", query.action, 100)?,
        resource_type: wanted("resource_type", query.resource_type, 100)?,
        resource_id: wanted("resource_id", query.resource_id, 100)?,
        before_id: query.before,
    };
    let entries = security_audits::list(&state.store, &filter, limit).await?;
    Ok(Json(entries.into_iter().map(AuditItem::from).collect()))
}
