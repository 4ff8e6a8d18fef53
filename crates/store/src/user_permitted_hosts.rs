//! Which hosts a user of the auth gateway may reach, or may not, by `users.permission_mode`.

use sea_orm::entity::prelude::*;

/// One row of `user_permitted_hosts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_permitted_hosts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub proxy_host_id: i64,
}

/// Both sides take their rows along when they are deleted.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::users::Entity",
        from = "Column::UserId",
        to = "super::users::Column::Id",
        on_delete = "Cascade"
    )]
    User,
    #[sea_orm(
        belongs_to = "super::proxy_hosts::Entity",
        from = "Column::ProxyHostId",
        to = "super::proxy_hosts::Column::Id",
        on_delete = "Cascade"
    )]
    ProxyHost,
}

impl ActiveModelBehavior for ActiveModel {}
