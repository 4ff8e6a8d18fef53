//! `GET /system/migration-report`.

use crate::access::Admin;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What migrations and takeovers found and did.
#[derive(Serialize, ToSchema)]
pub(crate) struct MigrationReports {
    /// Newest first; may be empty.
    #[schema(value_type = Vec<Object>)]
    reports: Vec<Value>,
}

/// What migrations did with each row
#[utoipa::path(
    get, path = "/system/migration-report", operation_id = "getMigrationReport", tag = "system",
    extensions(("x-charon-role" = json!("admin"))),
    responses((status = 200, description = "The reports.", body = MigrationReports))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Admin) -> Result<Json<MigrationReports>> {
    let reports = store::migration_reports::list(&state.store).await?;
    Ok(Json(MigrationReports { reports: reports.into_iter().filter(Value::is_object).collect() }))
}
