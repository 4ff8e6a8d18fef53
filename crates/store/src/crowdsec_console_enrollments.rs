//! The enrolment in the CrowdSec console. `enroll_key` is encrypted.

use sea_orm::entity::prelude::*;

/// One row of `crowdsec_console_enrollments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "crowdsec_console_enrollments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "not_enrolled", indexed)]
    pub status: String,
    #[sea_orm(default_value = "")]
    pub tenant: String,
    #[sea_orm(default_value = "")]
    pub agent_name: String,
    #[sea_orm(default_value = "")]
    pub enroll_key: String,
    #[sea_orm(default_value = "")]
    pub last_error: String,
    #[sea_orm(default_value = "", indexed)]
    pub last_correlation_id: String,
    pub last_attempt_at: Option<i64>,
    pub enrolled_at: Option<i64>,
    pub last_heartbeat_at: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
