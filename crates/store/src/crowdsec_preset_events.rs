//! What was done with presets of the CrowdSec hub.

use sea_orm::entity::prelude::*;

/// One row of `crowdsec_preset_events`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "crowdsec_preset_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(default_value = "", indexed)]
    pub slug: String,
    #[sea_orm(default_value = "")]
    pub action: String,
    #[sea_orm(default_value = "")]
    pub status: String,
    #[sea_orm(default_value = "")]
    pub cache_key: String,
    #[sea_orm(default_value = "")]
    pub backup_path: String,
    #[sea_orm(default_value = "")]
    pub error: String,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
