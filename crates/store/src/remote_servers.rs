//! Machines that are offered as upstreams and watched.

use sea_orm::entity::prelude::*;

/// One row of `remote_servers`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "remote_servers")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "", indexed)]
    pub name: String,
    #[sea_orm(default_value = "generic")]
    pub provider: String,
    #[sea_orm(default_value = "")]
    pub host: String,
    #[sea_orm(default_value = 0)]
    pub port: i64,
    #[sea_orm(default_value = "")]
    pub scheme: String,
    #[sea_orm(default_value = "")]
    pub tags: String,
    #[sea_orm(default_value = "")]
    pub description: String,
    #[sea_orm(default_value = true)]
    pub enabled: bool,
    pub last_checked: Option<i64>,
    #[sea_orm(default_value = false)]
    pub reachable: bool,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
