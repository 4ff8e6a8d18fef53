//! Accounts. E-mail addresses are stored in lower case. The last enabled admin cannot be taken away.

use crate::{Audit, Error, Store, api_tokens, sessions};
use base::{Secret, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One row of `users`.
#[derive(Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(unique)]
    pub email: String,
    #[sea_orm(default_value = "")]
    pub password_hash: String,
    #[sea_orm(default_value = "")]
    pub name: String,
    #[sea_orm(default_value = "user")]
    pub role: String,
    #[sea_orm(default_value = true)]
    pub enabled: bool,
    #[sea_orm(default_value = 0)]
    pub failed_login_attempts: i64,
    pub locked_until: Option<i64>,
    pub last_login: Option<i64>,
    #[sea_orm(default_value = "", indexed)]
    pub invite_token_hash: String,
    pub invite_expires: Option<i64>,
    pub invited_at: Option<i64>,
    pub invited_by: Option<i64>,
    #[sea_orm(default_value = "")]
    pub invite_status: String,
    #[sea_orm(default_value = "allow_all")]
    pub permission_mode: String,
    pub password_changed_at: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub session_epoch: i64,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("users::Model")
            .field("id", &self.id)
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

/// Users point at nothing that must exist.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What an account may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything.
    Admin,
    /// Manages hosts, not accounts and settings.
    User,
    /// Looks, changes nothing.
    Viewer,
}

impl Role {
    /// The role's stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Viewer => "viewer",
        }
    }

    /// Reads a stored name. An unknown one is the role that may do least.
    pub fn from_stored(name: &str) -> Self {
        match name {
            "admin" => Self::Admin,
            "user" => Self::User,
            _ => Self::Viewer,
        }
    }
}

/// A stored account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct User {
    /// Row id.
    pub id: i64,
    /// Public id.
    pub uuid: String,
    /// E-mail address in lower case.
    pub email: String,
    /// Display name.
    pub name: String,
    /// What the account may do.
    pub role: Role,
    /// The account may log in.
    pub enabled: bool,
    /// PHC string (Argon2id), or bcrypt of the original product; empty when there is no password yet.
    #[serde(skip)]
    pub password_hash: Secret<String>,
    /// Wrong passwords since the last right one.
    pub failed_login_attempts: i64,
    /// No login before this moment.
    pub locked_until: Option<Timestamp>,
    /// Last login.
    pub last_login: Option<Timestamp>,
    /// Empty, `pending`, `accepted` or `expired`.
    pub invite_status: String,
    /// `allow_all` or `deny_all`: how the list of permitted hosts is read.
    pub permission_mode: String,
    /// Last change of the password.
    pub password_changed_at: Option<Timestamp>,
    /// Grows when every session of the account ends.
    pub session_epoch: i64,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row was last written.
    pub updated_at: Timestamp,
}

impl From<Model> for User {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            uuid: row.uuid,
            email: row.email,
            name: row.name,
            role: Role::from_stored(&row.role),
            enabled: row.enabled,
            password_hash: Secret::new(row.password_hash),
            failed_login_attempts: row.failed_login_attempts,
            locked_until: row.locked_until.map(Timestamp::from_millis),
            last_login: row.last_login.map(Timestamp::from_millis),
            invite_status: row.invite_status,
            permission_mode: row.permission_mode,
            password_changed_at: row.password_changed_at.map(Timestamp::from_millis),
            session_epoch: row.session_epoch,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        }
    }
}

/// A new account.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// E-mail address in any case.
    pub email: String,
    /// Display name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// It may log in.
    pub enabled: bool,
    /// PHC string; empty for none.
    pub password_hash: Secret<String>,
}

/// A change of an account; `None` leaves a value as it is.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// E-mail address in any case.
    pub email: Option<String>,
    /// Display name.
    pub name: Option<String>,
    /// What it may do. A change ends all sessions of the account.
    pub role: Option<Role>,
    /// It may log in. A change ends all sessions of the account.
    pub enabled: Option<bool>,
}

/// How many accounts there are.
///
/// # Errors
/// When the database cannot be read.
pub async fn count(store: &Store) -> Result<u64, Error> {
    Ok(Entity::find().count(store.read()).await?)
}

/// All accounts, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<User>, Error> {
    let rows = Entity::find().order_by_asc(Column::Id).all(store.read()).await?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// The account with this public id.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be read.
pub async fn get(store: &Store, uuid: &str) -> Result<User, Error> {
    get_on(store.read(), uuid).await.map(User::from)
}

/// The account with this e-mail address, in any case.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_by_email(store: &Store, email: &str) -> Result<Option<User>, Error> {
    let row = Entity::find().filter(Column::Email.eq(normal(email))).one(store.read()).await?;
    Ok(row.map(User::from))
}

/// A new account.
///
/// # Errors
/// [`Error::Conflict`] on `email` when it is taken, or when the database cannot be written.
pub async fn insert(store: &Store, user: &NewUser, audit: Audit) -> Result<User, Error> {
    let write = store.write().await?;
    let row = insert_on(store, &*write, user).await?;
    write.audit(audit.about(&row.uuid)).await?;
    write.commit().await?;
    Ok(row.into())
}

/// The first account. Two people who finish the set-up at the same moment get one account.
///
/// # Errors
/// [`Error::Conflict`] when there is an account already, or as with [`insert`].
pub async fn insert_first(store: &Store, user: &NewUser, audit: Audit) -> Result<User, Error> {
    let write = store.write().await?;
    if Entity::find().count(&*write).await? > 0 {
        return Err(Error::conflict(
            "email",
            "the set-up is done already: there is an account; log in with it",
        ));
    }
    let row = insert_on(store, &*write, user).await?;
    write.audit(audit.about(&row.uuid)).await?;
    write.commit().await?;
    Ok(row.into())
}

async fn insert_on(store: &Store, connection: &impl ConnectionTrait, user: &NewUser) -> Result<Model, Error> {
    let now = store.now().millis();
    let has_password = !user.password_hash.expose().is_empty();
    let row = ActiveModel {
        id: NotSet,
        uuid: Set(base::random::uuid()),
        email: Set(normal(&user.email)),
        password_hash: Set(user.password_hash.expose().clone()),
        name: Set(user.name.clone()),
        role: Set(user.role.as_str().to_owned()),
        enabled: Set(user.enabled),
        failed_login_attempts: Set(0),
        locked_until: Set(None),
        last_login: Set(None),
        invite_token_hash: Set(String::new()),
        invite_expires: Set(None),
        invited_at: Set(None),
        invited_by: Set(None),
        invite_status: Set(String::new()),
        permission_mode: Set("allow_all".to_owned()),
        password_changed_at: Set(has_password.then_some(now)),
        session_epoch: Set(0),
        created_at: Set(now),
        updated_at: Set(now),
    };
    Ok(row.insert(connection).await?)
}

/// Changes an account. A new role, or enabling and disabling, ends all its sessions.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] on `email` when it is taken, and on `role` or `enabled` when this is
/// the last enabled admin.
pub async fn update(store: &Store, uuid: &str, change: &UserChange, audit: Audit) -> Result<User, Error> {
    let write = store.write().await?;
    let before = get_on(&*write, uuid).await?;
    let role = change.role.map_or(before.role.clone(), |role| role.as_str().to_owned());
    let enabled = change.enabled.unwrap_or(before.enabled);
    if (role != Role::Admin.as_str() || !enabled) && is_last_admin(&*write, &before).await? {
        let field = if enabled { "role" } else { "enabled" };
        return Err(Error::conflict(field, LAST_ADMIN));
    }
    let ends_sessions = role != before.role || enabled != before.enabled;
    let mut row = ActiveModel { id: Unchanged(before.id), ..Default::default() };
    if let Some(email) = &change.email {
        row.email = Set(normal(email));
    }
    if let Some(name) = &change.name {
        row.name = Set(name.clone());
    }
    row.role = Set(role);
    row.enabled = Set(enabled);
    row.updated_at = Set(store.now().millis());
    if ends_sessions {
        row.session_epoch = Set(before.session_epoch + 1);
        sessions::delete_of(&*write, before.id, None).await?;
    }
    let after = row.update(&*write).await?;
    write.audit(audit.about(uuid)).await?;
    write.commit().await?;
    Ok(after.into())
}

const LAST_ADMIN: &str = "this is the last enabled admin; make another account an admin first";

/// Deletes an account with its sessions and tokens.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] when this is the last enabled admin.
pub async fn delete(store: &Store, uuid: &str, audit: Audit) -> Result<User, Error> {
    let write = store.write().await?;
    let before = get_on(&*write, uuid).await?;
    if is_last_admin(&*write, &before).await? {
        return Err(Error::conflict("role", LAST_ADMIN));
    }
    sessions::delete_of(&*write, before.id, None).await?;
    api_tokens::Entity::delete_many().filter(api_tokens::Column::UserId.eq(before.id)).exec(&*write).await?;
    Entity::delete_by_id(before.id).exec(&*write).await?;
    write.audit(audit.about(uuid)).await?;
    write.commit().await?;
    Ok(before.into())
}

async fn is_last_admin(connection: &impl ConnectionTrait, user: &Model) -> Result<bool, Error> {
    if user.role != Role::Admin.as_str() || !user.enabled {
        return Ok(false);
    }
    let others = Entity::find()
        .filter(Column::Role.eq(Role::Admin.as_str()))
        .filter(Column::Enabled.eq(true))
        .filter(Column::Id.ne(user.id));
    Ok(others.count(connection).await? == 0)
}

/// Sets a new password: clears the lock and ends every session but `keep_session` (a row id).
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn set_password_hash(
    store: &Store,
    uuid: &str,
    hash: &Secret<String>,
    keep_session: Option<i64>,
    audit: Audit,
) -> Result<(), Error> {
    let write = store.write().await?;
    let before = get_on(&*write, uuid).await?;
    let now = store.now().millis();
    ActiveModel {
        id: Unchanged(before.id),
        password_hash: Set(hash.expose().clone()),
        password_changed_at: Set(Some(now)),
        failed_login_attempts: Set(0),
        locked_until: Set(None),
        session_epoch: Set(before.session_epoch + 1),
        updated_at: Set(now),
        ..Default::default()
    }
    .update(&*write)
    .await?;
    sessions::delete_of(&*write, before.id, keep_session).await?;
    write.audit(audit.about(uuid)).await?;
    write.commit().await
}

/// Replaces the hash of the same password by a stronger one; sessions stay. Does nothing when the stored hash is
/// no longer `old`, since then another password was set meanwhile.
///
/// # Errors
/// When the database cannot be written.
pub async fn rehash(store: &Store, id: i64, old: &Secret<String>, new: &Secret<String>) -> Result<(), Error> {
    let write = store.write().await?;
    Entity::update_many()
        .col_expr(Column::PasswordHash, Expr::value(new.expose().clone()))
        .filter(Column::Id.eq(id))
        .filter(Column::PasswordHash.eq(old.expose().clone()))
        .exec(&*write)
        .await?;
    write.commit().await
}

/// Notes a login: clears the counter of wrong passwords and the lock.
///
/// # Errors
/// When the database cannot be written.
pub async fn record_login_success(store: &Store, id: i64, audit: Audit) -> Result<(), Error> {
    let write = store.write().await?;
    Entity::update_many()
        .col_expr(Column::FailedLoginAttempts, Expr::value(0_i64))
        .col_expr(Column::LockedUntil, Expr::value(None::<i64>))
        .col_expr(Column::LastLogin, Expr::value(Some(store.now().millis())))
        .filter(Column::Id.eq(id))
        .exec(&*write)
        .await?;
    write.audit(audit).await?;
    write.commit().await
}

/// Notes a wrong password. From the `limit`th in a row on, the account is locked for `lock`. Returns the moment
/// until which it is locked now.
///
/// # Errors
/// When the database cannot be written.
pub async fn record_login_failure(
    store: &Store,
    id: i64,
    limit: i64,
    lock: Duration,
    audit: Audit,
) -> Result<Option<Timestamp>, Error> {
    let write = store.write().await?;
    let row = Entity::find_by_id(id).one(&*write).await?.ok_or(Error::NotFound("user"))?;
    let attempts = row.failed_login_attempts.saturating_add(1);
    let until = match attempts >= limit {
        true => Some(store.now().plus(lock).millis()),
        false => row.locked_until,
    };
    ActiveModel {
        id: Unchanged(id),
        failed_login_attempts: Set(attempts),
        locked_until: Set(until),
        ..Default::default()
    }
    .update(&*write)
    .await?;
    write.audit(audit.about(&row.uuid)).await?;
    write.commit().await?;
    Ok(until.map(Timestamp::from_millis))
}

/// Ends the lock of an account and starts its counter of wrong passwords anew.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn unlock(store: &Store, uuid: &str, audit: Audit) -> Result<(), Error> {
    let write = store.write().await?;
    let before = get_on(&*write, uuid).await?;
    ActiveModel {
        id: Unchanged(before.id),
        failed_login_attempts: Set(0),
        locked_until: Set(None),
        updated_at: Set(store.now().millis()),
        ..Default::default()
    }
    .update(&*write)
    .await?;
    write.audit(audit.about(uuid)).await?;
    write.commit().await
}

async fn get_on(connection: &impl ConnectionTrait, uuid: &str) -> Result<Model, Error> {
    Entity::find().filter(Column::Uuid.eq(uuid)).one(connection).await?.ok_or(Error::NotFound("user"))
}

/// The form in which an e-mail address is stored and compared.
pub(crate) fn normal(email: &str) -> String {
    email.trim().to_lowercase()
}
