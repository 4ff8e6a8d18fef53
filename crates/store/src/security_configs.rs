//! The one row that says how the security modules stand.

use sea_orm::entity::prelude::*;

/// One row of `security_configs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "security_configs")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "", indexed)]
    pub name: String,
    #[sea_orm(default_value = false)]
    pub enabled: bool,
    #[sea_orm(default_value = "")]
    pub admin_whitelist: String,
    #[sea_orm(default_value = "")]
    pub break_glass_hash: String,
    #[sea_orm(default_value = "disabled")]
    pub crowdsec_mode: String,
    #[sea_orm(default_value = "")]
    pub crowdsec_api_url: String,
    #[sea_orm(default_value = "disabled")]
    pub waf_mode: String,
    #[sea_orm(default_value = "")]
    pub waf_rules_source: String,
    #[sea_orm(default_value = false)]
    pub waf_learning: bool,
    #[sea_orm(default_value = 1)]
    pub waf_paranoia_level: i64,
    #[sea_orm(default_value = "[]")]
    pub waf_exclusions: String,
    #[sea_orm(default_value = false)]
    pub rate_limit_enable: bool,
    #[sea_orm(default_value = "disabled")]
    pub rate_limit_mode: String,
    #[sea_orm(default_value = 0)]
    pub rate_limit_burst: i64,
    #[sea_orm(default_value = 0)]
    pub rate_limit_requests: i64,
    #[sea_orm(default_value = 0)]
    pub rate_limit_window_sec: i64,
    #[sea_orm(default_value = "")]
    pub rate_limit_bypass_list: String,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
