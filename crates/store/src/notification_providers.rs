//! Where messages are sent. `url`, `config` and `token` are encrypted, since they hold credentials.

use sea_orm::entity::prelude::*;

/// One row of `notification_providers`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification_providers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    #[sea_orm(default_value = "")]
    pub name: String,
    #[sea_orm(default_value = "")]
    pub r#type: String,
    #[sea_orm(default_value = "")]
    pub url: String,
    #[sea_orm(default_value = "")]
    pub config: String,
    #[sea_orm(default_value = "")]
    pub token: String,
    #[sea_orm(default_value = "minimal")]
    pub template: String,
    #[sea_orm(default_value = false)]
    pub enabled: bool,
    #[sea_orm(default_value = true)]
    pub notify_proxy_hosts: bool,
    #[sea_orm(default_value = true)]
    pub notify_remote_servers: bool,
    #[sea_orm(default_value = true)]
    pub notify_domains: bool,
    #[sea_orm(default_value = true)]
    pub notify_certs: bool,
    #[sea_orm(default_value = true)]
    pub notify_uptime: bool,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
