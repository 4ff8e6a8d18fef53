//! Messages inside the UI.

use sea_orm::entity::prelude::*;

/// One row of `notifications`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notifications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    #[sea_orm(default_value = "info")]
    pub r#type: String,
    #[sea_orm(default_value = "")]
    pub title: String,
    #[sea_orm(default_value = "")]
    pub message: String,
    #[sea_orm(default_value = false)]
    pub read: bool,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
