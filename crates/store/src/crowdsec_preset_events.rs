//! What was done with the configuration of the CrowdSec agent: presets, items, its hub. A change begins as a row that
//! asks for it; who carries it out notes in the same row how it goes.

use crate::{Audit, Error, Store};
use base::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder, QuerySelect};

/// One row of `crowdsec_preset_events`. `cache_key` holds the name of what was put aside for it, then the
/// edition that came of it; `backup_path` the folder of the edition before.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "crowdsec_preset_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(default_value = "", indexed)]
    pub slug: String,
    #[sea_orm(default_value = "")]
    pub action: String,
    #[sea_orm(default_value = "")]
    pub status: String,
    #[sea_orm(default_value = "")]
    pub cache_key: String,
    #[sea_orm(default_value = "")]
    pub backup_path: String,
    #[sea_orm(default_value = "")]
    pub error: String,
    #[sea_orm(default_value = 0)]
    pub created_at: i64,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Asked for, and not begun.
pub const REQUESTED: &str = "requested";
/// It counts, and the agent has not shown yet that it runs with it.
pub const APPLYING: &str = "applying";
/// It counts.
pub const APPLIED: &str = "applied";
/// It was not made; everything is as before.
pub const FAILED: &str = "failed";
/// It was taken back, since the agent did not run with it.
pub const ROLLED_BACK: &str = "rolled_back";

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// Its number.
    pub id: i64,
    /// What was to be done: `install`, `remove` ...
    pub action: String,
    /// What it is about: an item, a preset, an edition; or nothing.
    pub about: String,
    /// How it stands: [`REQUESTED`] ...
    pub status: String,
    /// The name of what was put aside for it, until it is begun.
    pub staged: String,
    /// The edition that came of it.
    pub edition: Option<u64>,
    /// The folder of the edition before.
    pub backup_path: String,
    /// Why it was not made, or was taken back.
    pub error: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the row was last written.
    pub updated_at: Timestamp,
}

impl Event {
    /// Nothing more will happen.
    pub fn is_over(&self) -> bool {
        ![REQUESTED, APPLYING].contains(&self.status.as_str())
    }
}

impl From<Model> for Event {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            action: row.action,
            about: row.slug,
            status: row.status,
            edition: row.cache_key.parse().ok(),
            staged: row.cache_key,
            backup_path: row.backup_path,
            error: row.error,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        }
    }
}

fn unfinished() -> Select<Entity> {
    Entity::find().filter(Column::Status.is_in([REQUESTED, APPLYING])).order_by_asc(Column::Id)
}

/// Asks for a change. `staged` names what was put aside for it; empty for nothing.
///
/// # Errors
/// A conflict while another one is under way, or when the database cannot be written.
pub async fn request(
    store: &Store,
    action: &str,
    about: &str,
    staged: &str,
    audit: Audit,
) -> Result<Event, Error> {
    let mut write = store.write().await?;
    if let Some(other) = unfinished().one(&*write).await? {
        let message = format!(
            "another change of CrowdSec's configuration is under way ({} {}); wait until it is done",
            other.action, other.slug
        );
        return Err(Error::Conflict { field: String::new(), message });
    }
    let now = store.now().millis();
    let row = ActiveModel {
        id: NotSet,
        slug: Set(about.to_owned()),
        action: Set(action.to_owned()),
        status: Set(REQUESTED.to_owned()),
        cache_key: Set(staged.to_owned()),
        backup_path: Set(String::new()),
        error: Set(String::new()),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let row = row.insert(&*write).await?;
    write.audit(audit.about(&row.id.to_string())).await?;
    // Calls who carries it out.
    write.serves();
    write.commit().await?;
    Ok(row.into())
}

/// The change that is to be carried out next, or was begun.
///
/// # Errors
/// When the database cannot be read.
pub async fn next(store: &Store) -> Result<Option<Event>, Error> {
    Ok(unfinished().one(store.read()).await?.map(Event::from))
}

/// One change.
///
/// # Errors
/// When there is none of this number, or the database cannot be read.
pub async fn get(store: &Store, id: i64) -> Result<Event, Error> {
    let row = Entity::find_by_id(id).one(store.read()).await?;
    row.map(Event::from).ok_or(Error::NotFound("change"))
}

/// The newest changes first.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store, limit: u64) -> Result<Vec<Event>, Error> {
    let rows = Entity::find().order_by_desc(Column::Id).limit(limit).all(store.read()).await?;
    Ok(rows.into_iter().map(Event::from).collect())
}

/// Notes which edition is about to count, and where the one before lies.
///
/// # Errors
/// When the database cannot be written.
pub async fn begin(store: &Store, id: i64, edition: u64, backup_path: &str) -> Result<(), Error> {
    let change = ActiveModel {
        status: Set(APPLYING.to_owned()),
        cache_key: Set(edition.to_string()),
        backup_path: Set(backup_path.to_owned()),
        ..at(store, id)
    };
    save(store, change).await
}

/// Notes how a change has ended.
///
/// # Errors
/// When the database cannot be written.
pub async fn finish(store: &Store, id: i64, status: &str, error: &str) -> Result<(), Error> {
    let change =
        ActiveModel { status: Set(status.to_owned()), error: Set(error.to_owned()), ..at(store, id) };
    save(store, change).await
}

fn at(store: &Store, id: i64) -> ActiveModel {
    ActiveModel {
        id: Unchanged(id),
        updated_at: Set(store.now().millis()),
        ..<ActiveModel as ActiveModelTrait>::default()
    }
}

async fn save(store: &Store, change: ActiveModel) -> Result<(), Error> {
    let write = store.write().await?;
    change.update(&*write).await?;
    write.commit().await
}
