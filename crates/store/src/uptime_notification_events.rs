//! Which messages about a machine were sent.

use sea_orm::entity::prelude::*;

/// One row of `uptime_notification_events`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "uptime_notification_events")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    #[sea_orm(default_value = "", indexed)]
    pub host_id: String,
    #[sea_orm(default_value = "")]
    pub event_type: String,
    #[sea_orm(default_value = "[]")]
    pub monitor_ids: String,
    #[sea_orm(default_value = "")]
    pub message: String,
    pub sent_at: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
