//! `POST /system/backups`.

use super::backups::BackupItem;
use crate::access::Admin;
use crate::error::{Error, Result};
use crate::meta::Meta;
use crate::state::State;
use axum::Json;
use axum::extract::State as Ax;
use axum::http::StatusCode;
use serde_json::json;

/// Take a backup of the database
///
/// It is complete and checked when the answer comes. On PostgreSQL use `pg_dump`.
#[utoipa::path(
    post, path = "/system/backups", operation_id = "createBackup", tag = "system",
    extensions(("x-charon-role" = json!("admin"))),
    responses((status = 201, description = "The new backup.", body = BackupItem),
              (status = 409, description = "The database is on PostgreSQL (`conflict`)."))
)]
pub(crate) async fn create(
    Ax(state): Ax<State>,
    facts: Meta,
    Admin(caller): Admin,
) -> Result<(StatusCode, Json<BackupItem>)> {
    if state.store.describe().await?.kind == "postgresql" {
        return Err(Error::conflict("", "the database is on PostgreSQL; use pg_dump for its backups"));
    }
    let path = state.store.backup_now("manual").await?;
    let taken = state.store.list_backups().await?.into_iter().find(|backup| backup.path == path);
    let item = BackupItem::from(taken.ok_or_else(|| Error::Internal(format!("{} is gone", path.display())))?);
    let mut audit =
        facts.audit(&caller.actor(), "backup", "create", format!("Took the backup {}", item.name()));
    audit.resource_id = item.name().to_owned();
    audit.after = Some(json!({"name": item.name()}));
    store::security_audits::insert(&state.store, audit).await?;
    Ok((StatusCode::CREATED, Json(item)))
}
