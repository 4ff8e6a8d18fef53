//! Upstream machines whose monitors belong together.

use sea_orm::entity::prelude::*;

/// One row of `uptime_hosts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "uptime_hosts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    #[sea_orm(unique)]
    pub host: String,
    #[sea_orm(default_value = "")]
    pub name: String,
    #[sea_orm(default_value = "pending")]
    pub status: String,
    pub last_check: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub latency: i64,
    pub last_notified_down: Option<i64>,
    pub last_notified_up: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub notified_service_count: i64,
    pub last_status_change: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
