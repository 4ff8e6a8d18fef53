//! Who was blocked or let through, by whom and why.

use sea_orm::entity::prelude::*;

/// One row of `security_decisions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "security_decisions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "")]
    pub source: String,
    #[sea_orm(default_value = "block")]
    pub action: String,
    #[sea_orm(default_value = "", indexed)]
    pub ip: String,
    #[sea_orm(default_value = "")]
    pub host: String,
    #[sea_orm(default_value = "")]
    pub rule_id: String,
    #[sea_orm(default_value = "")]
    pub reason: String,
    #[sea_orm(default_value = "")]
    pub details: String,
    pub expires_at: Option<i64>,
    #[sea_orm(default_value = 0, indexed)]
    pub created_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
