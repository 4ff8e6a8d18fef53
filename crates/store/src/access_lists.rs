//! Who may reach a host: by address, country or local network.

use crate::{Error, Store};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde::Serialize;

/// One row of `access_lists`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_lists")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "", indexed)]
    pub name: String,
    #[sea_orm(default_value = "")]
    pub description: String,
    #[sea_orm(default_value = "whitelist")]
    pub r#type: String,
    #[sea_orm(default_value = "")]
    pub ip_rules: String,
    #[sea_orm(default_value = "")]
    pub country_codes: String,
    #[sea_orm(default_value = false)]
    pub local_network_only: bool,
    #[sea_orm(default_value = true)]
    pub enabled: bool,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A stored access list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AccessList {
    /// Row id.
    pub id: i64,
    /// Public id.
    pub uuid: String,
    /// Display name.
    pub name: String,
    /// `whitelist`, `blacklist`, `geo_whitelist` or `geo_blacklist`.
    #[serde(rename = "type")]
    pub kind: String,
    /// JSON array of `{"cidr", "description"}`.
    pub ip_rules: String,
    /// Country codes (ISO 3166-1 alpha-2), separated by commas.
    pub country_codes: String,
    /// Only private networks may.
    pub local_network_only: bool,
    /// The list has an effect.
    pub enabled: bool,
}

impl From<Model> for AccessList {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            uuid: row.uuid,
            name: row.name,
            kind: row.r#type,
            ip_rules: row.ip_rules,
            country_codes: row.country_codes,
            local_network_only: row.local_network_only,
            enabled: row.enabled,
        }
    }
}

/// All access lists, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<AccessList>, Error> {
    let rows = Entity::find().order_by_asc(Column::Id).all(store.read()).await?;
    Ok(rows.into_iter().map(AccessList::from).collect())
}
