//! What migrations and takeovers found and did, as JSON documents.

use crate::{Error, Store};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

/// One row of `migration_reports`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "migration_reports")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(default_value = "{}")]
    pub document: String,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
}

/// Reports point at nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The newest report as it was stored, if there is one.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest(store: &Store) -> Result<Option<serde_json::Value>, Error> {
    let row = Entity::find().order_by_desc(Column::Id).one(store.read()).await?;
    Ok(row.and_then(|row| serde_json::from_str(&row.document).ok()))
}

/// All reports as they were stored, newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<serde_json::Value>, Error> {
    let rows = Entity::find().order_by_desc(Column::Id).all(store.read()).await?;
    Ok(rows.iter().filter_map(|row| serde_json::from_str(&row.document).ok()).collect())
}
