//! Certificates: uploaded ones and the internal CA. Private keys are encrypted and never part of a list.

use crate::{Audit, Error, Store};
use base::{Secret, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder};
use serde::Serialize;

/// One row of `ssl_certificates`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "ssl_certificates")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "")]
    pub name: String,
    #[sea_orm(default_value = "custom", indexed)]
    pub provider: String,
    #[sea_orm(default_value = "")]
    pub domains: String,
    #[sea_orm(default_value = "")]
    pub certificate: String,
    #[sea_orm(default_value = "")]
    pub private_key: String,
    #[sea_orm(default_value = "")]
    pub fingerprint: String,
    #[sea_orm(default_value = "")]
    pub issuer: String,
    pub not_before: Option<i64>,
    pub expires_at: Option<i64>,
    #[sea_orm(default_value = false)]
    pub auto_renew: bool,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// Certificates point at nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) const PLACE: &str = "ssl_certificates.private_key";

/// `provider` of the internal CA's row.
pub const INTERNAL_CA: &str = "internal-ca";

/// A stored certificate without its key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Certificate {
    /// Row id.
    pub id: i64,
    /// Public id.
    pub uuid: String,
    /// Display name.
    pub name: String,
    /// `custom`, `internal-ca`, `letsencrypt` ...
    pub provider: String,
    /// Names in the certificate.
    pub domains: Vec<String>,
    /// The chain as PEM.
    pub certificate: String,
    /// Whether a private key is stored.
    pub has_key: bool,
    /// SHA-256 of the leaf, hexadecimal.
    pub fingerprint: String,
    /// Who signed it.
    pub issuer: String,
    /// Valid from.
    pub not_before: Option<Timestamp>,
    /// Valid until.
    pub expires_at: Option<Timestamp>,
    /// Renewed without a person.
    pub auto_renew: bool,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When the row was last written.
    pub updated_at: Timestamp,
}

impl From<Model> for Certificate {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            uuid: row.uuid,
            name: row.name,
            provider: row.provider,
            domains: row
                .domains
                .split(',')
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty())
                .collect(),
            certificate: row.certificate,
            has_key: !row.private_key.is_empty(),
            fingerprint: row.fingerprint,
            issuer: row.issuer,
            not_before: row.not_before.map(Timestamp::from_millis),
            expires_at: row.expires_at.map(Timestamp::from_millis),
            auto_renew: row.auto_renew,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        }
    }
}

/// What is stored of a certificate.
#[derive(Clone, Debug)]
pub struct CertificateValues {
    /// Display name.
    pub name: String,
    /// `custom`, `internal-ca` ...
    pub provider: String,
    /// Names in the certificate.
    pub domains: Vec<String>,
    /// The chain as PEM.
    pub certificate: String,
    /// The key as PEM; on update `None` keeps the stored one.
    pub private_key: Option<Secret<String>>,
    /// SHA-256 of the leaf, hexadecimal.
    pub fingerprint: String,
    /// Who signed it.
    pub issuer: String,
    /// Valid from.
    pub not_before: Option<Timestamp>,
    /// Valid until.
    pub expires_at: Option<Timestamp>,
    /// Renewed without a person.
    pub auto_renew: bool,
}

/// All certificates, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<Certificate>, Error> {
    let rows = Entity::find().order_by_asc(Column::Id).all(store.read()).await?;
    Ok(rows.into_iter().map(Certificate::from).collect())
}

/// All certificates as [`list`] gives them, with the keys of those that `wanted` picks: as PEM, or why one cannot be
/// opened. One query, however many they are.
///
/// # Errors
/// When the database cannot be read.
pub async fn list_with_keys(
    store: &Store,
    wanted: impl Fn(&Certificate) -> bool,
) -> Result<Vec<(Certificate, Option<Result<Secret<String>, Error>>)>, Error> {
    let rows = Entity::find().order_by_asc(Column::Id).all(store.read()).await?;
    let open = |mut row: Model| {
        let sealed = std::mem::take(&mut row.private_key);
        let certificate = Certificate { has_key: !sealed.is_empty(), ..Certificate::from(row) };
        let key = wanted(&certificate).then(|| store.vault().open_sealed(PLACE, &sealed));
        (certificate, key)
    };
    Ok(rows.into_iter().map(open).collect())
}

/// The certificate with this public id.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be read.
pub async fn get(store: &Store, uuid: &str) -> Result<Certificate, Error> {
    get_on(store.read(), uuid).await.map(Certificate::from)
}

/// The private key of a certificate, as PEM. Empty when none is stored.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Secret`] when it cannot be opened.
pub async fn private_key(store: &Store, uuid: &str) -> Result<Secret<String>, Error> {
    let row = get_on(store.read(), uuid).await?;
    store.vault().open_sealed(PLACE, &row.private_key)
}

/// The internal CA, if it was made already.
///
/// # Errors
/// When the database cannot be read.
pub async fn internal_ca(store: &Store) -> Result<Option<Certificate>, Error> {
    let find = Entity::find().filter(Column::Provider.eq(INTERNAL_CA)).order_by_desc(Column::Id);
    Ok(find.one(store.read()).await?.map(Certificate::from))
}

/// A new certificate.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(store: &Store, values: &CertificateValues, audit: Audit) -> Result<Certificate, Error> {
    let mut write = store.write().await?;
    let now = store.now().millis();
    let mut row = to_row(store, values, now)?;
    row.uuid = Set(base::random::uuid());
    row.created_at = Set(now);
    let row = row.insert(&*write).await?;
    write.audit(audit.about(&row.uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(row.into())
}

/// Replaces a certificate.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn update(
    store: &Store,
    uuid: &str,
    values: &CertificateValues,
    audit: Audit,
) -> Result<Certificate, Error> {
    let mut write = store.write().await?;
    let before = get_on(&*write, uuid).await?;
    let row = to_row(store, values, store.now().millis())?;
    let row = ActiveModel { id: Unchanged(before.id), ..row }.update(&*write).await?;
    write.audit(audit.about(uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(row.into())
}

/// Deletes a certificate. Hosts that name it go on with one chosen by name.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn delete(store: &Store, uuid: &str, audit: Audit) -> Result<Certificate, Error> {
    let mut write = store.write().await?;
    let row = get_on(&*write, uuid).await?;
    Entity::delete_by_id(row.id).exec(&*write).await?;
    write.audit(audit.about(uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(row.into())
}

async fn get_on(connection: &impl ConnectionTrait, uuid: &str) -> Result<Model, Error> {
    Entity::find().filter(Column::Uuid.eq(uuid)).one(connection).await?.ok_or(Error::NotFound("certificate"))
}

fn to_row(store: &Store, values: &CertificateValues, now: i64) -> Result<ActiveModel, Error> {
    let private_key = match &values.private_key {
        Some(key) => Set(store.vault().seal(PLACE, key.expose())?),
        None => NotSet,
    };
    Ok(ActiveModel {
        id: NotSet,
        uuid: NotSet,
        name: Set(values.name.clone()),
        provider: Set(values.provider.clone()),
        domains: Set(values.domains.join(",")),
        certificate: Set(values.certificate.clone()),
        private_key,
        fingerprint: Set(values.fingerprint.clone()),
        issuer: Set(values.issuer.clone()),
        not_before: Set(values.not_before.map(Timestamp::millis)),
        expires_at: Set(values.expires_at.map(Timestamp::millis)),
        auto_renew: Set(values.auto_renew),
        created_at: NotSet,
        updated_at: Set(now),
    })
}
