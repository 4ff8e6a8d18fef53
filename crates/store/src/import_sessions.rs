//! Imports that a person has begun, with what was read and decided.

use sea_orm::entity::prelude::*;

/// One row of `import_sessions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "import_sessions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "")]
    pub source_file: String,
    #[sea_orm(default_value = "pending")]
    pub status: String,
    #[sea_orm(default_value = "")]
    pub parsed_data: String,
    #[sea_orm(default_value = "")]
    pub conflict_report: String,
    #[sea_orm(default_value = "")]
    pub user_resolutions: String,
    #[sea_orm(default_value = "")]
    pub error_msg: String,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
    pub committed_at: Option<i64>,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
