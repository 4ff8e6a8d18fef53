//! `GET /system/migration-report`.

use crate::access::Admin;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Timestamp;
use serde::Serialize;
use serde_json::Value;
use store::MigrationReport;
use utoipa::ToSchema;

/// What migrations and takeovers found and did.
#[derive(Serialize, ToSchema)]
pub(crate) struct MigrationReports {
    /// Newest first; may be empty.
    reports: Vec<MigrationReportView>,
}

/// What one migration or takeover did with each row.
#[derive(Serialize, ToSchema)]
#[schema(as = MigrationReport)]
pub(crate) struct MigrationReportView {
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// `takeover` of the original's database, or `migration`.
    kind: String,
    /// Copy of the file as it was; null when there is none.
    backup_path: Option<String>,
    /// The whole report in words.
    text: String,
    tables: Vec<MigrationTable>,
    /// Tables that Charon does not know, with their rows; they stay as they were.
    extra_tables: Vec<String>,
    /// Required tables that were missing and were made.
    repaired: Vec<String>,
}

/// The account of one table. `rows_in` is the sum of `carried`, `changed` and `set_aside`.
#[derive(Serialize, ToSchema)]
pub(crate) struct MigrationTable {
    table: String,
    rows_in: u64,
    carried: u64,
    changed: u64,
    set_aside: u64,
    changes: Vec<MigrationChange>,
    set_aside_rows: Vec<MigrationSetAside>,
}

/// A change, and in how many rows it was made.
#[derive(Serialize, ToSchema)]
pub(crate) struct MigrationChange {
    rows: u64,
    what: String,
}

/// A row that could not be carried.
#[derive(Serialize, ToSchema)]
pub(crate) struct MigrationSetAside {
    key: String,
    reason: String,
}

/// What migrations did with each row
#[utoipa::path(
    get, path = "/system/migration-report", operation_id = "getMigrationReport", tag = "system",
    extensions(("x-charon-role" = json!("admin"))),
    responses((status = 200, description = "The reports.", body = MigrationReports))
)]
pub(crate) async fn get(Ax(state): Ax<State>, _: Admin) -> Result<Json<MigrationReports>> {
    let stored = store::migration_reports::list(&state.store).await?;
    Ok(Json(MigrationReports { reports: stored.into_iter().map(view).collect() }))
}

fn view(stored: Value) -> MigrationReportView {
    let Ok(report) = serde_json::from_value::<MigrationReport>(stored.clone()) else {
        // A report in a form that this version does not know is shown as it is: no account may vanish.
        return MigrationReportView {
            created_at: Timestamp::default(),
            kind: "unknown".to_owned(),
            backup_path: None,
            text: stored.to_string(),
            tables: Vec::new(),
            extra_tables: Vec::new(),
            repaired: Vec::new(),
        };
    };
    MigrationReportView {
        created_at: report.started_at,
        text: report.to_string(),
        kind: report.kind,
        backup_path: report.backup_path.map(|path| path.display().to_string()),
        extra_tables: report
            .extra_tables
            .into_iter()
            .map(|one| format!("{} ({} rows)", one.table, one.rows))
            .collect(),
        repaired: report.missing_tables,
        tables: report.tables.into_iter().map(table).collect(),
    }
}

fn table(report: store::TableReport) -> MigrationTable {
    let aside = |row: store::SetAsideRow| MigrationSetAside { key: row.key, reason: row.reason };
    MigrationTable {
        table: report.table,
        rows_in: report.rows_in,
        carried: report.carried,
        changed: report.changed,
        set_aside: report.set_aside,
        changes: report
            .changes
            .into_iter()
            .map(|one| MigrationChange { rows: one.rows, what: one.what })
            .collect(),
        set_aside_rows: report.set_aside_rows.into_iter().map(aside).collect(),
    }
}
