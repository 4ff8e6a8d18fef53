//! Certificates that public authorities issue by themselves (ACME): one row for each set of names that is looked after,
//! with the order that is open for it, how it goes, and the certificate that came of it. `pending_key` is encrypted.

use crate::ssl_certificates::{self, CertificateValues};
use crate::{Audit, Error, Store};
use base::{Secret, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};

/// One row of `acme_orders`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "acme_orders")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(unique)]
    pub domains: String,
    #[sea_orm(default_value = "waiting")]
    pub phase: String,
    pub since: Option<i64>,
    #[sea_orm(default_value = "")]
    pub steps: String,
    #[sea_orm(default_value = "")]
    pub message: String,
    #[sea_orm(default_value = "")]
    pub remedy: String,
    #[sea_orm(default_value = 0)]
    pub failures: i64,
    #[sea_orm(default_value = "")]
    pub failed_at: String,
    pub next_at: Option<i64>,
    pub begun_at: Option<i64>,
    pub asked_at: Option<i64>,
    #[sea_orm(default_value = "")]
    pub revoke: String,
    #[sea_orm(default_value = "")]
    pub directory: String,
    #[sea_orm(default_value = "")]
    pub order_url: String,
    #[sea_orm(default_value = "")]
    pub answers: String,
    #[sea_orm(default_value = "")]
    pub pending_key: String,
    #[sea_orm(default_value = "")]
    pub certificate_uuid: String,
    pub window_start: Option<i64>,
    pub window_end: Option<i64>,
    pub window_next: Option<i64>,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
}

/// Orders name their certificates by public id: a certificate that a person deletes is asked for anew.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Column that holds the key, for the vault.
const PLACE: &str = "acme_orders.pending_key";

/// How it stands with a set of names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// Nothing was asked for yet, or the next attempt waits for its turn.
    #[default]
    Waiting,
    /// An order is open.
    Ordering,
    /// Its certificate serves.
    Valid,
    /// The last attempt failed; there is a next one.
    Failing,
    /// Nothing is tried until a person has done something.
    Held,
}

impl Phase {
    const ALL: &[(&str, Self)] = &[
        ("waiting", Self::Waiting),
        ("ordering", Self::Ordering),
        ("valid", Self::Valid),
        ("failing", Self::Failing),
        ("held", Self::Held),
    ];

    /// Its name in the database.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, phase)| *phase == self).map_or("waiting", |(name, _)| name)
    }
}

/// One step of an attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// `account`, `order`, `record`, `propagation`, `challenge`, `validation`, `finalise`, `download`, `store` or
    /// `clean-up`.
    pub name: String,
    /// When it began.
    pub at: Timestamp,
    /// What it does, or what came of it.
    pub message: String,
    /// It has ended well.
    pub done: bool,
}

/// An answer to a challenge of the order that is open, kept so that it is given from the first moment of the next start.
/// None of it is secret: whoever asks for the token is told the rest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// Name of the challenge in the protocol: `http-01` or `tls-alpn-01`.
    pub challenge: String,
    /// The name that it proves.
    pub name: String,
    /// The authority's token.
    pub token: String,
    /// Token and thumbprint of the account's key (RFC 8555, section 8.1).
    pub key_authorization: String,
}

/// What changes while a set of names is looked after.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// How it stands.
    pub phase: Phase,
    /// Since when it stands so.
    pub since: Option<Timestamp>,
    /// The steps of the attempt that runs, or of the last one.
    pub steps: Vec<Step>,
    /// What is the matter; empty when nothing is.
    pub message: String,
    /// What mends it.
    pub remedy: String,
    /// Attempts in a row that failed.
    pub failures: u32,
    /// When validations failed, the latest of them.
    pub failed_at: Vec<Timestamp>,
    /// When it is looked at next: the next attempt, or the renewal.
    pub next_at: Option<Timestamp>,
    /// When the last order was begun.
    pub begun_at: Option<Timestamp>,
    /// Directory of the authority that was asked last.
    pub directory: String,
    /// Address of the order that is open; empty for none.
    pub order_url: String,
    /// The answers to the challenges of that order; none when no order is open.
    pub answers: Vec<KeptAnswer>,
    /// The window in which the authority wants it to be renewed (RFC 9773).
    pub window: Option<(Timestamp, Timestamp)>,
    /// When the authority is asked for that window next.
    pub window_next: Option<Timestamp>,
}

/// Why a certificate is revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Revocation {
    /// Somebody else may have its key.
    KeyCompromise,
    /// It is not needed any more.
    Superseded,
}

/// A set of names that is looked after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AcmeOrder {
    /// Public id.
    pub uuid: String,
    /// The names, sorted.
    pub domains: Vec<String>,
    /// How it goes.
    pub progress: Progress,
    /// Public id of its certificate; empty until there is one.
    pub certificate_uuid: String,
    /// When a person last asked for a certificate at once.
    pub asked_at: Option<Timestamp>,
    /// A person has asked to revoke its certificate, and why.
    pub revoke: Option<Revocation>,
    /// Since when it is looked after.
    pub created_at: Timestamp,
}

impl AcmeOrder {
    /// A person asks for a certificate and no order has been begun since.
    pub fn is_asked(&self) -> bool {
        self.asked_at.is_some_and(|asked| self.progress.begun_at.is_none_or(|begun| begun < asked))
    }
}

impl From<Model> for AcmeOrder {
    fn from(row: Model) -> Self {
        let moment = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        let phase = Phase::ALL.iter().find(|(name, _)| *name == row.phase);
        Self {
            uuid: row.uuid,
            domains: row.domains.split(',').map(str::to_owned).collect(),
            progress: Progress {
                phase: phase.map_or(Phase::Waiting, |(_, phase)| *phase),
                since: moment(row.since),
                // Rows that somebody has edited count as new.
                steps: serde_json::from_str(&row.steps).unwrap_or_default(),
                message: row.message,
                remedy: row.remedy,
                failures: u32::try_from(row.failures).unwrap_or(0),
                failed_at: serde_json::from_str(&row.failed_at).unwrap_or_default(),
                next_at: moment(row.next_at),
                begun_at: moment(row.begun_at),
                directory: row.directory,
                order_url: row.order_url,
                answers: serde_json::from_str(&row.answers).unwrap_or_default(),
                window: moment(row.window_start).zip(moment(row.window_end)),
                window_next: moment(row.window_next),
            },
            certificate_uuid: row.certificate_uuid,
            asked_at: moment(row.asked_at),
            revoke: match row.revoke.as_str() {
                "" => None,
                "key-compromise" => Some(Revocation::KeyCompromise),
                _ => Some(Revocation::Superseded),
            },
            created_at: Timestamp::from_millis(row.created_at),
        }
    }
}

/// All of them, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<AcmeOrder>, Error> {
    let rows = Entity::find().order_by_asc(Column::Id).all(store.read()).await?;
    Ok(rows.into_iter().map(AcmeOrder::from).collect())
}

/// An automatic certificate, as far as the list of certificates tells of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attended {
    /// Public id of the certificate.
    pub certificate_uuid: String,
    /// The names, sorted.
    pub domains: Vec<String>,
    /// Why the last attempt to renew it failed, with what mends it; empty when it did not.
    pub last_error: String,
}

/// All certificates that came of orders, or the one with this public id. Steps and answers are not read: there may be
/// ten thousand.
///
/// # Errors
/// When the database cannot be read.
pub async fn attended(store: &Store, certificate: Option<&str>) -> Result<Vec<Attended>, Error> {
    let columns = [Column::CertificateUuid, Column::Domains, Column::Phase, Column::Message, Column::Remedy];
    let which = match certificate {
        Some(uuid) => Column::CertificateUuid.eq(uuid),
        None => Column::CertificateUuid.ne(""),
    };
    let rows = Entity::find().select_only().columns(columns).filter(which).into_tuple();
    let rows: Vec<(String, String, String, String, String)> = rows.all(store.read()).await?;
    let failed = [Phase::Failing.as_str(), Phase::Held.as_str()];
    let attended =
        |(certificate_uuid, domains, phase, message, remedy): (_, String, String, String, String)| {
            let parts = [message, remedy].into_iter().filter(|part| !part.is_empty());
            let last_error = if failed.contains(&phase.as_str()) {
                parts.collect::<Vec<_>>().join("; ")
            } else {
                String::new()
            };
            let domains = domains.split(',').map(str::to_owned).collect();
            Attended { certificate_uuid, domains, last_error }
        };
    Ok(rows.into_iter().map(attended).collect())
}

/// Those to whose challenges an answer is kept, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn answered(store: &Store) -> Result<Vec<AcmeOrder>, Error> {
    let rows = Entity::find().filter(Column::Answers.ne("")).order_by_asc(Column::Id);
    Ok(rows.all(store.read()).await?.into_iter().map(AcmeOrder::from).collect())
}

/// The one with this public id.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be read.
pub async fn get(store: &Store, uuid: &str) -> Result<AcmeOrder, Error> {
    get_on(store.read(), uuid).await.map(AcmeOrder::from)
}

/// Looks after these sets of names too, each sorted, and no longer after those with these public ids.
///
/// # Errors
/// When the database cannot be written.
pub async fn adopt(store: &Store, new: &[Vec<String>], gone: &[String]) -> Result<(), Error> {
    let write = store.write().await?;
    let now = store.now().millis();
    for uuid in gone {
        Entity::delete_many().filter(Column::Uuid.eq(uuid)).exec(&*write).await?;
    }
    for names in new {
        let row = ActiveModel {
            uuid: Set(base::random::uuid()),
            domains: Set(names.join(",")),
            phase: Set(Phase::Waiting.as_str().to_owned()),
            since: Set(Some(now)),
            created_at: Set(now),
            ..Default::default()
        };
        row.insert(&*write).await?;
    }
    write.commit().await
}

/// Writes down how it goes.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn note(store: &Store, uuid: &str, progress: &Progress) -> Result<(), Error> {
    let write = store.write().await?;
    let id = get_on(&*write, uuid).await?.id;
    to_row(id, progress).update(&*write).await?;
    write.commit().await
}

/// Keeps the key of the order that is open, before anybody is asked to sign for it.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn keep_key(store: &Store, uuid: &str, key: &Secret<String>) -> Result<(), Error> {
    let write = store.write().await?;
    let id = get_on(&*write, uuid).await?.id;
    let sealed = store.vault().seal(PLACE, key.expose())?;
    let row = ActiveModel { id: Unchanged(id), pending_key: Set(sealed), ..Default::default() };
    row.update(&*write).await?;
    write.commit().await
}

/// The key of the order that is open.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Secret`] when it cannot be opened.
pub async fn pending_key(store: &Store, uuid: &str) -> Result<Option<Secret<String>>, Error> {
    let row = get_on(store.read(), uuid).await?;
    if row.pending_key.is_empty() {
        return Ok(None);
    }
    store.vault().open_sealed(PLACE, &row.pending_key).map(Some)
}

/// Puts a certificate that was issued, with its key, into the place of the one before it. All in one write: there is
/// no moment at which a certificate stands beside another one's key.
///
/// # Errors
/// [`Error::NotFound`] when the names are no longer looked after, or when the database cannot be written.
pub async fn issued(
    store: &Store,
    uuid: &str,
    values: &CertificateValues,
    progress: &Progress,
) -> Result<(), Error> {
    let mut write = store.write().await?;
    let before = get_on(&*write, uuid).await?;
    let certificate = ssl_certificates::put_on(&mut write, store, &before.certificate_uuid, values).await?;
    let row = ActiveModel {
        pending_key: Set(String::new()),
        certificate_uuid: Set(certificate.clone()),
        ..to_row(before.id, progress)
    };
    row.update(&*write).await?;
    let renewed = before.certificate_uuid == certificate;
    let action = if renewed { "certificate.renew" } else { "certificate.issue" };
    let details = format!("{} issued a certificate for {}", values.issuer, values.domains.join(", "));
    let audit =
        Audit { resource_type: "certificate".to_owned(), ..Audit::system(action, "certificate", details) };
    write.audit(audit.about(&certificate)).await?;
    write.commit().await
}

/// Asks for a certificate at once, whatever is planned.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn ask(store: &Store, uuid: &str, audit: Audit) -> Result<AcmeOrder, Error> {
    let mut write = store.write().await?;
    let before = get_on(&*write, uuid).await?;
    let row = asked(&before, store.now().millis()).update(&*write).await?;
    write.audit(audit.about(uuid)).await?;
    // Calls who carries it out.
    write.serves();
    write.commit().await?;
    Ok(row.into())
}

/// Asks for the certificate to be revoked, and for a new one with a new key.
///
/// # Errors
/// [`Error::NotFound`]; a conflict when there is no certificate yet; or when the database cannot be written.
pub async fn revoke(store: &Store, uuid: &str, why: Revocation, audit: Audit) -> Result<AcmeOrder, Error> {
    let mut write = store.write().await?;
    let before = get_on(&*write, uuid).await?;
    if before.certificate_uuid.is_empty() {
        return Err(Error::conflict("", "there is no certificate yet that could be revoked"));
    }
    let why = match why {
        Revocation::KeyCompromise => "key-compromise",
        Revocation::Superseded => "superseded",
    };
    let row = ActiveModel { revoke: Set(why.to_owned()), ..asked(&before, store.now().millis()) };
    let row = row.update(&*write).await?;
    write.audit(audit.about(uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(row.into())
}

/// Notes that a certificate was revoked, or that it cannot be.
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be written.
pub async fn revoked(store: &Store, uuid: &str, details: &str) -> Result<(), Error> {
    let write = store.write().await?;
    let id = get_on(&*write, uuid).await?.id;
    let row = ActiveModel { id: Unchanged(id), revoke: Set(String::new()), ..Default::default() };
    row.update(&*write).await?;
    write.audit(Audit::system("certificate.revoke", "certificate", details).about(uuid)).await?;
    write.commit().await
}

/// A person asks `now`. An order that was begun later, by a clock that was ahead, is no answer to that.
fn asked(before: &Model, now: i64) -> ActiveModel {
    let begun_at = before.begun_at.map(|begun| begun.min(now - 1));
    ActiveModel {
        id: Unchanged(before.id),
        asked_at: Set(Some(now)),
        begun_at: Set(begun_at),
        ..Default::default()
    }
}

async fn get_on(connection: &impl ConnectionTrait, uuid: &str) -> Result<Model, Error> {
    let row = Entity::find().filter(Column::Uuid.eq(uuid)).one(connection).await?;
    row.ok_or(Error::NotFound("automatic certificate"))
}

fn to_row(id: i64, progress: &Progress) -> ActiveModel {
    let millis = |at: Option<Timestamp>| Set(at.map(Timestamp::millis));
    ActiveModel {
        id: Unchanged(id),
        uuid: NotSet,
        domains: NotSet,
        phase: Set(progress.phase.as_str().to_owned()),
        since: millis(progress.since),
        steps: Set(crate::proxy_hosts::json(&progress.steps)),
        message: Set(progress.message.clone()),
        remedy: Set(progress.remedy.clone()),
        failures: Set(i64::from(progress.failures)),
        failed_at: Set(crate::proxy_hosts::json(&progress.failed_at)),
        next_at: millis(progress.next_at),
        begun_at: millis(progress.begun_at),
        asked_at: NotSet,
        revoke: NotSet,
        directory: Set(progress.directory.clone()),
        order_url: Set(progress.order_url.clone()),
        answers: Set(match progress.answers.as_slice() {
            [] => String::new(),
            answers => crate::proxy_hosts::json(&answers),
        }),
        pending_key: NotSet,
        certificate_uuid: NotSet,
        window_start: millis(progress.window.map(|window| window.0)),
        window_end: millis(progress.window.map(|window| window.1)),
        window_next: millis(progress.window_next),
        created_at: NotSet,
    }
}
