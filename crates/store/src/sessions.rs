//! Login sessions. Only the hash of the cookie's token is stored.

use crate::users::{self, User};
use crate::{Error, Store};
use base::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder};
use serde::Serialize;

/// One row of `sessions`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub token_hash: String,
    #[sea_orm(indexed)]
    pub user_id: i64,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub last_seen_at: i64,
    #[sea_orm(default_value = 0, indexed)]
    pub expires_at: i64,
    #[sea_orm(default_value = "")]
    pub ip_address: String,
    #[sea_orm(default_value = "")]
    pub user_agent: String,
}

/// A session goes with its user.
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

/// A stored session, without the token's hash.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Session {
    /// Row id.
    pub id: i64,
    /// Row id of the account.
    pub user_id: i64,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Address from which it began.
    pub ip_address: String,
    /// `User-Agent` with which it began.
    pub user_agent: String,
}

impl From<Model> for Session {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            created_at: Timestamp::from_millis(row.created_at),
            last_seen_at: Timestamp::from_millis(row.last_seen_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            ip_address: row.ip_address,
            user_agent: row.user_agent,
        }
    }
}

/// A session to be stored.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Hash of the token in the cookie.
    pub token_hash: String,
    /// Row id of the account.
    pub user_id: i64,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Address of the client.
    pub ip_address: String,
    /// `User-Agent` of the client.
    pub user_agent: String,
}

/// Stores a new session that begins now.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(store: &Store, session: &NewSession) -> Result<Session, Error> {
    let write = store.write().await?;
    let now = store.now().millis();
    let row = ActiveModel {
        id: NotSet,
        token_hash: Set(session.token_hash.clone()),
        user_id: Set(session.user_id),
        created_at: Set(now),
        last_seen_at: Set(now),
        expires_at: Set(session.expires_at.millis()),
        ip_address: Set(session.ip_address.clone()),
        user_agent: Set(session.user_agent.clone()),
    }
    .insert(&*write)
    .await?;
    write.commit().await?;
    Ok(row.into())
}

/// The session with this token hash, and its account. An expired session, and that of a disabled account, is none.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_by_token_hash(store: &Store, token_hash: &str) -> Result<Option<(Session, User)>, Error> {
    let found = Entity::find()
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::ExpiresAt.gt(store.now().millis()))
        .find_also_related(users::Entity)
        .one(store.read())
        .await?;
    Ok(match found {
        Some((session, Some(user))) if user.enabled => Some((session.into(), user.into())),
        _ => None,
    })
}

/// Notes that a session is in use, and sets its new end.
///
/// # Errors
/// When the database cannot be written.
pub async fn touch(store: &Store, id: i64, expires_at: Timestamp) -> Result<(), Error> {
    let write = store.write().await?;
    Entity::update_many()
        .col_expr(Column::LastSeenAt, Expr::value(store.now().millis()))
        .col_expr(Column::ExpiresAt, Expr::value(expires_at.millis()))
        .filter(Column::Id.eq(id))
        .exec(&*write)
        .await?;
    write.commit().await
}

/// Ends one session. It is no error when there is none.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete(store: &Store, id: i64) -> Result<(), Error> {
    let write = store.write().await?;
    Entity::delete_by_id(id).exec(&*write).await?;
    write.commit().await
}

/// Ends all sessions of an account (by row id) but `except` (a session's row id). Returns how many.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete_for_user(store: &Store, user_id: i64, except: Option<i64>) -> Result<u64, Error> {
    let write = store.write().await?;
    let ended = delete_of(&*write, user_id, except).await?;
    write.commit().await?;
    Ok(ended)
}

/// The sessions of an account that have not expired, the last used first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list_for_user(store: &Store, user_id: i64) -> Result<Vec<Session>, Error> {
    let rows = Entity::find()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::ExpiresAt.gt(store.now().millis()))
        .order_by_desc(Column::LastSeenAt)
        .all(store.read())
        .await?;
    Ok(rows.into_iter().map(Session::from).collect())
}

/// Removes expired sessions. Returns how many.
///
/// # Errors
/// When the database cannot be written.
pub async fn prune(store: &Store) -> Result<u64, Error> {
    let write = store.write().await?;
    let expired = Column::ExpiresAt.lte(store.now().millis());
    let removed = Entity::delete_many().filter(expired).exec(&*write).await?.rows_affected;
    write.commit().await?;
    Ok(removed)
}

pub(crate) async fn delete_of(
    connection: &impl ConnectionTrait,
    user_id: i64,
    except: Option<i64>,
) -> Result<u64, Error> {
    let mut delete = Entity::delete_many().filter(Column::UserId.eq(user_id));
    if let Some(except) = except {
        delete = delete.filter(Column::Id.ne(except));
    }
    Ok(delete.exec(connection).await?.rows_affected)
}
