//! Accounts at certificate authorities (ACME, RFC 8555), one for each directory. `credentials` are encrypted.

use crate::{Audit, Error, Store};
use base::{Secret, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

/// One row of `acme_accounts`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "acme_accounts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub directory: String,
    #[sea_orm(default_value = "")]
    pub contact: String,
    #[sea_orm(default_value = "")]
    pub credentials: String,
    #[sea_orm(default_value = false)]
    pub leaving: bool,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
}

/// Accounts point at nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Column that holds the credentials, for the vault.
const PLACE: &str = "acme_accounts.credentials";

/// An account, without its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Account {
    /// Address of the authority's directory.
    pub directory: String,
    /// The e-mail address that the authority was told.
    pub contact: String,
    /// A person has asked to give it up.
    pub leaving: bool,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// All accounts, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<Account>, Error> {
    let rows = Entity::find().order_by_asc(Column::Id).all(store.read()).await?;
    let account = |row: Model| Account {
        directory: row.directory,
        contact: row.contact,
        leaving: row.leaving,
        created_at: Timestamp::from_millis(row.created_at),
    };
    Ok(rows.into_iter().map(account).collect())
}

/// With what the account at this directory signs.
///
/// # Errors
/// [`Error::Secret`] when it cannot be opened, or when the database cannot be read.
pub async fn credentials(store: &Store, directory: &str) -> Result<Option<Secret<String>>, Error> {
    let row = Entity::find().filter(Column::Directory.eq(directory)).one(store.read()).await?;
    row.map(|row| store.vault().open_sealed(PLACE, &row.credentials)).transpose()
}

/// Keeps a new account, in the place of one at the same directory.
///
/// # Errors
/// When the database cannot be written.
pub async fn put(
    store: &Store,
    directory: &str,
    contact: &str,
    credentials: &Secret<String>,
) -> Result<(), Error> {
    let write = store.write().await?;
    Entity::delete_many().filter(Column::Directory.eq(directory)).exec(&*write).await?;
    let row = ActiveModel {
        id: NotSet,
        directory: Set(directory.to_owned()),
        contact: Set(contact.to_owned()),
        leaving: NotSet,
        credentials: Set(store.vault().seal(PLACE, credentials.expose())?),
        created_at: Set(store.now().millis()),
    };
    row.insert(&*write).await?;
    write.audit(Audit::system("acme.register", "acme", format!("Registered at {directory}"))).await?;
    write.commit().await
}

/// Asks for the account at this directory to be given up.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn leave(store: &Store, directory: &str, audit: Audit) -> Result<(), Error> {
    let mut write = store.write().await?;
    let left = Entity::update_many()
        .col_expr(Column::Leaving, true.into())
        .filter(Column::Directory.eq(directory))
        .exec(&*write)
        .await?;
    if left.rows_affected == 0 {
        return Err(Error::NotFound("account at that directory"));
    }
    write.audit(audit).await?;
    // Calls who carries it out.
    write.serves();
    write.commit().await
}

/// Forgets the account at this directory: the next order registers a new one.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete(store: &Store, directory: &str, why: &str) -> Result<(), Error> {
    let write = store.write().await?;
    Entity::delete_many().filter(Column::Directory.eq(directory)).exec(&*write).await?;
    let details = format!("Forgot the account at {directory}: {why}");
    write.audit(Audit::system("acme.forget", "acme", details)).await?;
    write.commit().await
}
