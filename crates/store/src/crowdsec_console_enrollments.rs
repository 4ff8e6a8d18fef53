//! The enrolment in the CrowdSec console: one row. `enroll_key` is encrypted. An attempt begins as a row that asks for
//! it; who carries it out notes in the same row how it went.

use crate::{Audit, Error, Store};
use base::{Secret, Timestamp};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::QueryOrder;
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

/// Column that holds the key, for the vault.
const PLACE: &str = "crowdsec_console_enrollments.enroll_key";
/// No attempt was made.
pub const NOT_ENROLLED: &str = "not_enrolled";
/// An attempt is under way.
pub const REGISTERING: &str = "registering";
/// The same, in the place of an earlier enrolment.
const REGISTERING_ANEW: &str = "registering_anew";
/// Sent; somebody has to accept it in the console.
pub const PENDING: &str = "pending_acceptance";
/// crowdsec.net says that this machine is enrolled.
pub const ENROLLED: &str = "enrolled";
/// It did not work.
pub const FAILED: &str = "failed";

/// How the enrolment stands. The key is never in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Enrollment {
    /// [`NOT_ENROLLED`] ... [`FAILED`].
    pub status: String,
    /// Name of this machine in the console.
    pub agent_name: String,
    /// A key is kept, encrypted.
    pub key_present: bool,
    /// Why the last attempt failed.
    pub last_error: String,
    /// When the last attempt was asked for.
    pub last_attempt_at: Option<Timestamp>,
    /// When an attempt went well.
    pub enrolled_at: Option<Timestamp>,
}

/// An attempt that is to be made.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The key of the console.
    pub key: Secret<String>,
    /// Name of this machine in the console.
    pub agent_name: String,
    /// In the place of an earlier enrolment.
    pub overwrite: bool,
}

async fn row(connection: &impl ConnectionTrait) -> Result<Option<Model>, Error> {
    Ok(Entity::find().order_by_desc(Column::Id).one(connection).await?)
}

fn is_open(row: &Model) -> bool {
    [REGISTERING, REGISTERING_ANEW].contains(&row.status.as_str())
}

/// How it stands.
///
/// # Errors
/// When the database cannot be read.
pub async fn get(store: &Store) -> Result<Enrollment, Error> {
    let Some(row) = row(store.read()).await? else {
        return Ok(Enrollment { status: NOT_ENROLLED.to_owned(), ..Enrollment::default() });
    };
    let status = match row.status.as_str() {
        REGISTERING_ANEW => REGISTERING,
        known @ (REGISTERING | PENDING | ENROLLED | FAILED) => known,
        _ => NOT_ENROLLED,
    };
    Ok(Enrollment {
        status: status.to_owned(),
        agent_name: row.agent_name,
        key_present: !row.enroll_key.is_empty(),
        last_error: row.last_error,
        last_attempt_at: row.last_attempt_at.map(Timestamp::from_millis),
        enrolled_at: row.enrolled_at.map(Timestamp::from_millis),
    })
}

/// Asks for an attempt; without a key with the one that is kept.
///
/// # Errors
/// A conflict while one is under way, or without any key; or when the database cannot be written.
pub async fn request(
    store: &Store,
    key: Option<&Secret<String>>,
    agent_name: &str,
    overwrite: bool,
    audit: Audit,
) -> Result<(), Error> {
    let mut write = store.write().await?;
    let known = row(&*write).await?;
    if known.as_ref().is_some_and(is_open) {
        let message = "an enrolment is under way; wait until it has ended";
        return Err(Error::conflict("", message));
    }
    let sealed = match key {
        Some(key) => store.vault().seal(PLACE, key.expose())?,
        None => known.as_ref().map(|row| row.enroll_key.clone()).unwrap_or_default(),
    };
    if sealed.is_empty() {
        return Err(Error::conflict("key", "no key is kept; write the enrolment key of your console"));
    }
    let now = store.now().millis();
    let status = if overwrite { REGISTERING_ANEW } else { REGISTERING };
    let mut active = ActiveModel {
        status: Set(status.to_owned()),
        agent_name: Set(agent_name.to_owned()),
        enroll_key: Set(sealed),
        last_error: Set(String::new()),
        last_attempt_at: Set(Some(now)),
        updated_at: Set(now),
        ..<ActiveModel as ActiveModelTrait>::default()
    };
    let uuid = match known {
        Some(row) => {
            active.id = Unchanged(row.id);
            active.update(&*write).await?.uuid
        }
        None => {
            active.uuid = Set(base::random::uuid());
            active.created_at = Set(now);
            active.insert(&*write).await?.uuid
        }
    };
    write.audit(audit.about(&uuid)).await?;
    // Calls who carries it out.
    write.serves();
    write.commit().await
}

/// The attempt that is to be made; `Some(Err)` when its key cannot be opened.
///
/// # Errors
/// When the database cannot be read.
pub async fn wanted(store: &Store) -> Result<Option<Result<Attempt, Error>>, Error> {
    let Some(row) = row(store.read()).await?.filter(is_open) else { return Ok(None) };
    let overwrite = row.status == REGISTERING_ANEW;
    let key = store.vault().open_sealed(PLACE, &row.enroll_key);
    Ok(Some(key.map(|key| Attempt { key, agent_name: row.agent_name, overwrite })))
}

/// Notes how an attempt has ended. After a success the key is dropped: it is not needed again.
///
/// # Errors
/// When the database cannot be written.
pub async fn finish(store: &Store, status: &str, error: &str) -> Result<(), Error> {
    let write = store.write().await?;
    let Some(row) = row(&*write).await? else { return Ok(()) };
    let now = store.now().millis();
    let well = [PENDING, ENROLLED].contains(&status);
    let change = ActiveModel {
        id: Unchanged(row.id),
        status: Set(status.to_owned()),
        last_error: Set(error.to_owned()),
        enroll_key: Set(if well { String::new() } else { row.enroll_key.clone() }),
        enrolled_at: if well { Set(Some(now)) } else { Unchanged(row.enrolled_at) },
        updated_at: Set(now),
        ..<ActiveModel as ActiveModelTrait>::default()
    };
    change.update(&*write).await?;
    let details = format!("Enrolment in CrowdSec's console: {status} {error}");
    write.audit(Audit::system("crowdsec.enroll", "crowdsec", details.trim_end()).about(&row.uuid)).await?;
    write.commit().await
}

/// Forgets the enrolment and its key.
///
/// # Errors
/// A conflict while an attempt is under way, or when the database cannot be written.
pub async fn clear(store: &Store, audit: Audit) -> Result<(), Error> {
    let mut write = store.write().await?;
    if row(&*write).await?.as_ref().is_some_and(is_open) {
        let message = "an enrolment is under way; wait until it has ended";
        return Err(Error::conflict("", message));
    }
    Entity::delete_many().exec(&*write).await?;
    write.audit(audit).await?;
    write.serves();
    write.commit().await
}
