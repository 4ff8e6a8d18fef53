//! `GET /system/backups`.

use crate::access::Admin;
use crate::error::Result;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use base::Timestamp;
use serde::Serialize;
use store::backups::Backup;
use utoipa::ToSchema;

/// A backup of the database in the data folder.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupItem {
    /// Name of the file.
    name: String,
    size_bytes: u64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Why it was taken.
    reason: String,
    /// It passes the database's own check.
    good: bool,
}

impl BackupItem {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl From<Backup> for BackupItem {
    fn from(backup: Backup) -> Self {
        Self {
            name: backup.name,
            size_bytes: backup.size_bytes,
            created_at: backup.created_at,
            reason: backup.reason,
            good: backup.good,
        }
    }
}

/// Backups of the database
///
/// Empty on PostgreSQL, which has its own tools.
#[utoipa::path(
    get, path = "/system/backups", operation_id = "listBackups", tag = "system",
    extensions(("x-charon-role" = json!("admin"))),
    responses((status = 200, description = "Newest first.", body = Vec<BackupItem>))
)]
pub(crate) async fn list(Ax(state): Ax<State>, _: Admin) -> Result<Json<Vec<BackupItem>>> {
    if state.store.describe().await?.kind == "postgresql" {
        return Ok(Json(Vec::new()));
    }
    let backups = state.store.list_backups().await?;
    Ok(Json(backups.into_iter().map(BackupItem::from).collect()))
}
