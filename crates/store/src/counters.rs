//! Numbers that only grow; `change` counts the writes that alter what is served.

use sea_orm::entity::prelude::*;

/// One row of `counters`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "counters")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    #[sea_orm(default_value = 0)]
    pub value: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Counts writes that change what the data plane serves.
pub(crate) const CHANGE: &str = "change";

/// Counts looks at whether writes work again after one that failed.
pub(crate) const TRIES: &str = "tries";

pub(crate) async fn read(connection: &impl ConnectionTrait, name: &str) -> Result<u64, crate::Error> {
    let row = Entity::find_by_id(name).one(connection).await?;
    Ok(row.and_then(|row| u64::try_from(row.value).ok()).unwrap_or(0))
}

/// Returns the new value.
pub(crate) async fn increment(connection: &impl ConnectionTrait, name: &str) -> Result<u64, crate::Error> {
    let sql = format!(
        "INSERT INTO counters (name, value) VALUES ('{name}', 1) \
         ON CONFLICT (name) DO UPDATE SET value = counters.value + 1 RETURNING value"
    );
    let value = crate::sqlite::number(connection, &sql).await?;
    Ok(u64::try_from(value).unwrap_or(0))
}
