//! Results of probes. Latency in milliseconds.

use sea_orm::entity::prelude::*;

/// One row of `uptime_heartbeats`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "uptime_heartbeats")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(default_value = "", indexed)]
    pub monitor_id: String,
    #[sea_orm(default_value = "")]
    pub status: String,
    #[sea_orm(default_value = 0)]
    pub latency: i64,
    #[sea_orm(default_value = "")]
    pub message: String,
    #[sea_orm(default_value = 0, indexed)]
    pub created_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
