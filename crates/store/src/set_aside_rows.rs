//! Rows and columns of an older database that could not be carried. Nothing vanishes: they wait here, encrypted.

use crate::{Error, Store};
use base::{Secret, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};
use serde::Serialize;

/// One row of `set_aside_rows`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "set_aside_rows")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(default_value = "", indexed)]
    pub table_name: String,
    #[sea_orm(default_value = "")]
    pub row_key: String,
    #[sea_orm(default_value = "")]
    pub reason: String,
    #[sea_orm(default_value = "")]
    pub data: String,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
}

/// Set-aside rows point at nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) const PLACE: &str = "set_aside_rows.data";

/// A row that was set aside, without its data.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SetAside {
    /// Row id.
    pub id: i64,
    /// The table that it stood in.
    pub table: String,
    /// Which row it was there.
    pub key: String,
    /// Why it was not carried.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
}

impl From<Model> for SetAside {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            table: row.table_name,
            key: row.row_key,
            reason: row.reason,
            created_at: Timestamp::from_millis(row.created_at),
        }
    }
}

/// How many rows are set aside.
///
/// # Errors
/// When the database cannot be read.
pub async fn count(store: &Store) -> Result<u64, Error> {
    Ok(Entity::find().count(store.read()).await?)
}

/// Rows set aside, oldest first, after the row id `after`, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store, after: i64, limit: u64) -> Result<Vec<SetAside>, Error> {
    let find = Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit);
    Ok(find.all(store.read()).await?.into_iter().map(SetAside::from).collect())
}

/// The columns of a row that was set aside, as JSON text.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Secret`] when it cannot be opened.
pub async fn data(store: &Store, id: i64) -> Result<Secret<String>, Error> {
    let row =
        Entity::find_by_id(id).one(store.read()).await?.ok_or(Error::NotFound("row that was set aside"))?;
    store.vault().open_sealed(PLACE, &row.data)
}
