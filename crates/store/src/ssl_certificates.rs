//! Certificates: uploaded ones and the internal CA. Private keys are encrypted and never part of a list.

use crate::handle::Write;
use crate::{Audit, Error, Store, Touched, proxy_hosts};
use base::{Secret, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, QueryOrder, QuerySelect};
use serde::Serialize;
use std::collections::{BTreeSet, HashMap};

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
/// The provider of certificates that the internal CA has issued. Charon renews these, and no others.
pub const INTERNAL: &str = "internal";
/// The provider of certificates that a public authority has issued automatically; see [`crate::acme_orders`].
pub const ACME: &str = "acme";

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

impl Certificate {
    /// Whether each of `domains` stands in it as it is written.
    pub fn domains_cover(&self, domains: &[String]) -> bool {
        domains.iter().all(|name| self.domains.contains(name))
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

/// All certificates as [`list`] gives them, or those of `uuids` that exist, with the keys of those that `wanted`
/// picks: as PEM, or why one cannot be opened.
///
/// # Errors
/// When the database cannot be read.
pub async fn with_keys(
    store: &Store,
    uuids: Option<&[String]>,
    wanted: impl Fn(&Certificate) -> bool,
) -> Result<Vec<(Certificate, Option<Result<Secret<String>, Error>>)>, Error> {
    let find = Entity::find().order_by_asc(Column::Id);
    let mut rows = Vec::new();
    match uuids {
        None => rows = find.all(store.read()).await?,
        Some(uuids) => {
            for some in uuids.chunks(500) {
                rows.extend(find.clone().filter(Column::Uuid.is_in(some)).all(store.read()).await?);
            }
            rows.sort_by_key(|row| row.id);
        }
    }
    let open = |mut row: Model| {
        let sealed = std::mem::take(&mut row.private_key);
        let certificate = Certificate { has_key: !sealed.is_empty(), ..Certificate::from(row) };
        let key = wanted(&certificate).then(|| store.vault().open_sealed(PLACE, &sealed));
        (certificate, key)
    };
    Ok(rows.into_iter().map(open).collect())
}

/// The public id of each certificate, by row id.
///
/// # Errors
/// When the database cannot be read.
pub async fn uuids(store: &Store) -> Result<HashMap<i64, String>, Error> {
    let find = Entity::find().select_only().columns([Column::Id, Column::Uuid]);
    let rows: Vec<(i64, String)> = find.into_tuple().all(store.read()).await?;
    Ok(rows.into_iter().collect())
}

/// The public id of the certificate with this row id.
///
/// # Errors
/// When the database cannot be read.
pub async fn uuid_of(store: &Store, id: i64) -> Result<Option<String>, Error> {
    let find = Entity::find_by_id(id).select_only().column(Column::Uuid);
    Ok(find.into_tuple().one(store.read()).await?)
}

/// A certificate that nobody renews by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unattended {
    /// Public id.
    pub uuid: String,
    /// Display name.
    pub name: String,
    /// Valid from.
    pub not_before: Option<Timestamp>,
    /// Valid until.
    pub expires_at: Option<Timestamp>,
}

/// Each certificate that has a key and that nobody renews by itself, or those of `uuids` that exist, oldest first. What
/// the row says of that does not count: those of the original that were renewed there are not renewed here.
///
/// # Errors
/// When the database cannot be read.
pub async fn unattended(store: &Store, uuids: Option<&BTreeSet<String>>) -> Result<Vec<Unattended>, Error> {
    let columns = [Column::Uuid, Column::Name, Column::NotBefore, Column::ExpiresAt];
    let find = Entity::find().select_only().columns(columns).order_by_asc(Column::Id);
    let find = find.filter(Column::PrivateKey.ne("")).filter(Column::Provider.is_not_in([
        INTERNAL,
        INTERNAL_CA,
        ACME,
    ]));
    type Row = (String, String, Option<i64>, Option<i64>);
    let mut rows: Vec<Row> = Vec::new();
    match uuids {
        None => rows = find.into_tuple().all(store.read()).await?,
        Some(uuids) => {
            let uuids: Vec<&str> = uuids.iter().map(String::as_str).collect();
            for some in uuids.chunks(500) {
                let find = find.clone().filter(Column::Uuid.is_in(some.iter().copied()));
                rows.extend(find.into_tuple::<Row>().all(store.read()).await?);
            }
        }
    }
    let moment = |millis: Option<i64>| millis.map(Timestamp::from_millis);
    let shown = rows.into_iter().map(|(uuid, name, start, end)| Unattended {
        uuid,
        name,
        not_before: moment(start),
        expires_at: moment(end),
    });
    Ok(shown.collect())
}

/// When the certificates of one provider end, by their public ids.
///
/// # Errors
/// When the database cannot be read.
pub async fn ends(store: &Store, provider: &str) -> Result<HashMap<String, Option<Timestamp>>, Error> {
    let find = Entity::find().select_only().columns([Column::Uuid, Column::ExpiresAt]);
    let find = find.filter(Column::Provider.eq(provider));
    let rows: Vec<(String, Option<i64>)> = find.into_tuple().all(store.read()).await?;
    Ok(rows.into_iter().map(|(uuid, end)| (uuid, end.map(Timestamp::from_millis))).collect())
}

/// The certificates of one provider, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_provider(store: &Store, provider: &str) -> Result<Vec<Certificate>, Error> {
    let find = Entity::find().filter(Column::Provider.eq(provider)).order_by_asc(Column::Id);
    Ok(find.all(store.read()).await?.into_iter().map(Certificate::from).collect())
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

/// The private key of a certificate, as PEM, for somebody who takes it along: not without the entry in the audit log.
///
/// # Errors
/// See [`private_key`]; or when the database cannot be written.
pub async fn take_key(store: &Store, uuid: &str, audit: Audit) -> Result<Secret<String>, Error> {
    let key = private_key(store, uuid).await?;
    let write = store.write().await?;
    write.audit(audit.about(uuid)).await?;
    write.commit().await?;
    Ok(key)
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
    write.touches(&Touched::certificate(&row.uuid));
    write.commit().await?;
    Ok(row.into())
}

/// Adds certificates, or replaces those that stand with their public id, all or none.
///
/// # Errors
/// When the database cannot be written.
pub async fn put(store: &Store, all: &[(Option<String>, CertificateValues, Audit)]) -> Result<(), Error> {
    let mut write = store.write().await?;
    let now = store.now().millis();
    for (uuid, values, audit) in all {
        let mut row = to_row(store, values, now)?;
        let row = match uuid {
            Some(uuid) => {
                row.id = Unchanged(get_on(&*write, uuid).await?.id);
                row.update(&*write).await?
            }
            None => {
                row.uuid = Set(base::random::uuid());
                row.created_at = Set(now);
                row.insert(&*write).await?
            }
        };
        write.audit(audit.clone().about(&row.uuid)).await?;
        write.touches(&Touched::certificate(&row.uuid));
    }
    write.commit().await
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
    write.touches(&Touched::certificate(uuid));
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
    for host in proxy_hosts::presenters_on(&*write, Some(row.id)).await? {
        write.touches(&Touched::host(&host.uuid));
    }
    Entity::delete_by_id(row.id).exec(&*write).await?;
    write.audit(audit.about(uuid)).await?;
    write.touches(&Touched::certificate(uuid));
    write.commit().await?;
    Ok(row.into())
}

/// Puts a certificate into the place of the one with this public id, or beside the others when there is none, as part
/// of a larger write. Returns its public id.
pub(crate) async fn put_on(
    write: &mut Write,
    store: &Store,
    uuid: &str,
    values: &CertificateValues,
) -> Result<String, Error> {
    let now = store.now().millis();
    let mut row = to_row(store, values, now)?;
    let row = match get_on(&**write, uuid).await {
        Ok(before) => {
            row.id = Unchanged(before.id);
            row.update(&**write).await?
        }
        Err(Error::NotFound(_)) => {
            row.uuid = Set(base::random::uuid());
            row.created_at = Set(now);
            row.insert(&**write).await?
        }
        Err(error) => return Err(error),
    };
    write.touches(&Touched::certificate(&row.uuid));
    Ok(row.uuid)
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
