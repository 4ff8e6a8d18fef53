//! Rule sets of the web application firewall.

use sea_orm::entity::prelude::*;

/// One row of `security_rule_sets`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "security_rule_sets")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "", indexed)]
    pub name: String,
    #[sea_orm(default_value = "")]
    pub source_url: String,
    #[sea_orm(default_value = "")]
    pub mode: String,
    #[sea_orm(default_value = "")]
    pub content: String,
    #[sea_orm(default_value = true)]
    pub enabled: bool,
    pub last_updated: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
