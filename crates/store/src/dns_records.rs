//! TXT records that were written for orders of certificates, from before they are written until they are removed: a
//! crash leaves none behind.

use crate::{Error, Store};
use base::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;

/// One row of `dns_records`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "dns_records")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(default_value = "", indexed)]
    pub credential_uuid: String,
    #[sea_orm(default_value = "")]
    pub order_uuid: String,
    #[sea_orm(default_value = "")]
    pub order_url: String,
    #[sea_orm(default_value = "")]
    pub domain: String,
    #[sea_orm(default_value = "")]
    pub record: String,
    #[sea_orm(default_value = "")]
    pub value: String,
    pub written_at: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub failures: i64,
    pub next_at: Option<i64>,
    #[sea_orm(default_value = "")]
    pub message: String,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
}

/// Records name their credentials by public id.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A record that was written, or is about to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DnsRecord {
    /// Row id.
    pub id: i64,
    /// Public id of the credentials.
    pub credential_uuid: String,
    /// Public id of the set of names that it is for.
    pub order_uuid: String,
    /// Address of the order that it proves a name for.
    pub order_url: String,
    /// The name that it proves, without the `*.` of a wildcard.
    pub domain: String,
    /// The name at which it stands.
    pub record: String,
    /// Its value.
    pub value: String,
    /// When the provider said that it was written.
    pub written_at: Option<Timestamp>,
    /// How often it could not be removed.
    pub failures: u32,
    /// When its removal is tried next; `None` at once.
    pub next_at: Option<Timestamp>,
    /// Why it could not be removed.
    pub message: String,
}

impl From<Model> for DnsRecord {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            credential_uuid: row.credential_uuid,
            order_uuid: row.order_uuid,
            order_url: row.order_url,
            domain: row.domain,
            record: row.record,
            value: row.value,
            written_at: row.written_at.map(Timestamp::from_millis),
            failures: u32::try_from(row.failures).unwrap_or(u32::MAX),
            next_at: row.next_at.map(Timestamp::from_millis),
            message: row.message,
        }
    }
}

/// All of them, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<DnsRecord>, Error> {
    let rows = Entity::find().order_by_asc(Column::Id).all(store.read()).await?;
    Ok(rows.into_iter().map(DnsRecord::from).collect())
}

/// What is known of a record before it is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewDnsRecord<'a> {
    /// Public id of the credentials.
    pub credential_uuid: &'a str,
    /// Public id of the set of names that it is for.
    pub order_uuid: &'a str,
    /// Address of the order that it proves a name for.
    pub order_url: &'a str,
    /// The name that it proves, without the `*.` of a wildcard.
    pub domain: &'a str,
    /// The name at which it stands.
    pub record: &'a str,
    /// Its value.
    pub value: &'a str,
}

/// Notes a record before it is written.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(store: &Store, new: NewDnsRecord<'_>) -> Result<DnsRecord, Error> {
    let write = store.write().await?;
    let row = ActiveModel {
        id: NotSet,
        credential_uuid: Set(new.credential_uuid.to_owned()),
        order_uuid: Set(new.order_uuid.to_owned()),
        order_url: Set(new.order_url.to_owned()),
        domain: Set(new.domain.to_owned()),
        record: Set(new.record.to_owned()),
        value: Set(new.value.to_owned()),
        created_at: Set(store.now().millis()),
        ..Default::default()
    };
    let row = row.insert(&*write).await?;
    write.commit().await?;
    Ok(row.into())
}

/// Notes that it is written, from now on.
///
/// # Errors
/// When the database cannot be written.
pub async fn written(store: &Store, id: i64) -> Result<(), Error> {
    let now = Set(Some(store.now().millis()));
    write(store, ActiveModel { id: Unchanged(id), written_at: now, ..Default::default() }).await
}

/// Notes that it could not be removed, why, and when that is tried again.
///
/// # Errors
/// When the database cannot be written.
pub async fn stays(
    store: &Store,
    record: &DnsRecord,
    message: &str,
    next_at: Timestamp,
) -> Result<(), Error> {
    let row = ActiveModel {
        id: Unchanged(record.id),
        failures: Set(i64::from(record.failures) + 1),
        next_at: Set(Some(next_at.millis())),
        message: Set(message.to_owned()),
        ..Default::default()
    };
    write(store, row).await
}

/// Forgets a record that is removed.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete(store: &Store, id: i64) -> Result<(), Error> {
    let write = store.write().await?;
    Entity::delete_by_id(id).exec(&*write).await?;
    write.commit().await
}

async fn write(store: &Store, row: ActiveModel) -> Result<(), Error> {
    let write = store.write().await?;
    match row.update(&*write).await {
        // Its credentials were deleted meanwhile.
        Err(sea_orm::DbErr::RecordNotUpdated) => return Ok(()),
        other => other?,
    };
    write.commit().await
}
