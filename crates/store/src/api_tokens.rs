//! API tokens: scoped, with an expiry, stored as a hash.

use crate::users::{self, User};
use crate::{Audit, Error, Store};
use base::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde::Serialize;

/// One row of `api_tokens`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "api_tokens")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(indexed)]
    pub user_id: i64,
    #[sea_orm(default_value = "")]
    pub name: String,
    #[sea_orm(unique)]
    pub token_hash: String,
    #[sea_orm(default_value = "")]
    pub prefix: String,
    #[sea_orm(default_value = "[]")]
    pub scopes: String,
    pub expires_at: Option<i64>,
    pub last_used_at: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
}

/// A token goes with its user.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::users::Entity",
        from = "Column::UserId",
        to = "super::users::Column::Id",
        on_delete = "Cascade"
    )]
    User,
}

impl Related<users::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}

impl ActiveModelBehavior for ActiveModel {}

/// A stored token, without its hash.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ApiToken {
    /// Row id.
    pub id: i64,
    /// Public id.
    pub uuid: String,
    /// Row id of the account that it acts for.
    pub user_id: i64,
    /// Name given by a person.
    pub name: String,
    /// First characters of the token, to recognise it by.
    pub prefix: String,
    /// `read`, `write`, `admin`. Broken stored values count as no scope at all.
    pub scopes: Vec<String>,
    /// When it ends; none: never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl From<Model> for ApiToken {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            uuid: row.uuid,
            user_id: row.user_id,
            name: row.name,
            prefix: row.prefix,
            scopes: serde_json::from_str(&row.scopes).unwrap_or_default(),
            expires_at: row.expires_at.map(Timestamp::from_millis),
            last_used_at: row.last_used_at.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
        }
    }
}

/// A token to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Row id of the account that it acts for.
    pub user_id: i64,
    /// Name given by a person.
    pub name: String,
    /// Hash of the token.
    pub token_hash: String,
    /// First characters of the token.
    pub prefix: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// Stores a new token.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(store: &Store, token: &NewToken, audit: Audit) -> Result<ApiToken, Error> {
    let write = store.write().await?;
    let row = ActiveModel {
        id: NotSet,
        uuid: Set(base::random::uuid()),
        user_id: Set(token.user_id),
        name: Set(token.name.clone()),
        token_hash: Set(token.token_hash.clone()),
        prefix: Set(token.prefix.clone()),
        scopes: Set(serde_json::json!(token.scopes).to_string()),
        expires_at: Set(token.expires_at.map(Timestamp::millis)),
        last_used_at: Set(None),
        created_at: Set(store.now().millis()),
    }
    .insert(&*write)
    .await?;
    write.audit(audit.about(&row.uuid)).await?;
    write.commit().await?;
    Ok(row.into())
}

/// The token with this hash, and its account. An expired token, and that of a disabled account, is none.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_by_hash(store: &Store, token_hash: &str) -> Result<Option<(ApiToken, User)>, Error> {
    let found = Entity::find()
        .filter(Column::TokenHash.eq(token_hash))
        .find_also_related(users::Entity)
        .one(store.read())
        .await?;
    let now = store.now().millis();
    Ok(match found {
        Some((token, Some(user))) if user.enabled && token.expires_at.is_none_or(|end| end > now) => {
            Some((token.into(), user.into()))
        }
        _ => None,
    })
}

/// The tokens of one account, or all; the newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store, user_id: Option<i64>) -> Result<Vec<ApiToken>, Error> {
    let mut find = Entity::find().order_by_desc(Column::Id);
    if let Some(user_id) = user_id {
        find = find.filter(Column::UserId.eq(user_id));
    }
    Ok(find.all(store.read()).await?.into_iter().map(ApiToken::from).collect())
}

/// Revokes a token.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn delete(store: &Store, uuid: &str, audit: Audit) -> Result<ApiToken, Error> {
    let write = store.write().await?;
    let row = Entity::find().filter(Column::Uuid.eq(uuid)).one(&*write).await?;
    let row = row.ok_or(Error::NotFound("API token"))?;
    Entity::delete_by_id(row.id).exec(&*write).await?;
    write.audit(audit.about(uuid)).await?;
    write.commit().await?;
    Ok(row.into())
}

/// Notes that a token is in use.
///
/// # Errors
/// When the database cannot be written.
pub async fn touch(store: &Store, id: i64) -> Result<(), Error> {
    let write = store.write().await?;
    Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(Some(store.now().millis())))
        .filter(Column::Id.eq(id))
        .exec(&*write)
        .await?;
    write.commit().await
}
