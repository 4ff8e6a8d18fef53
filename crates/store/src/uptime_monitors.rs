//! What is probed, and its state.

use sea_orm::entity::prelude::*;

/// One row of `uptime_monitors`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "uptime_monitors")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub proxy_host_id: Option<i64>,
    pub remote_server_id: Option<i64>,
    pub uptime_host_id: Option<String>,
    #[sea_orm(default_value = "")]
    pub name: String,
    #[sea_orm(default_value = "http")]
    pub r#type: String,
    #[sea_orm(default_value = "")]
    pub url: String,
    #[sea_orm(default_value = "")]
    pub upstream_host: String,
    #[sea_orm(default_value = 60)]
    pub interval: i64,
    #[sea_orm(default_value = false)]
    pub enabled: bool,
    #[sea_orm(default_value = "pending")]
    pub status: String,
    pub last_check: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub latency: i64,
    #[sea_orm(default_value = 0)]
    pub failure_count: i64,
    pub last_status_change: Option<i64>,
    #[sea_orm(default_value = 3)]
    pub max_retries: i64,
    pub last_notified_down: Option<i64>,
    #[sea_orm(default_value = false)]
    pub notified_in_batch: bool,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
