//! Bans by people, and their wish that a ban of CrowdSec ends. The action is `block` for a ban, `release` for such a
//! wish, which goes once it is fulfilled. Other actions are of the original, which did nothing with them either.

use crate::{Audit, Error, Store};
use base::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// One row of `security_decisions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "security_decisions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "")]
    pub source: String,
    #[sea_orm(default_value = "block")]
    pub action: String,
    #[sea_orm(default_value = "", indexed)]
    pub ip: String,
    #[sea_orm(default_value = "")]
    pub host: String,
    #[sea_orm(default_value = "")]
    pub rule_id: String,
    #[sea_orm(default_value = "")]
    pub reason: String,
    #[sea_orm(default_value = "")]
    pub details: String,
    pub expires_at: Option<i64>,
    #[sea_orm(default_value = 0, indexed)]
    pub created_at: i64,
}

/// This table points at no other.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

const BLOCK: &str = "block";
const RELEASE: &str = "release";
/// As [`RELEASE`], but of one decision, whose id stands in `rule_id`.
const RELEASE_ONE: &str = "release_one";

/// A ban by a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ban {
    /// Public id.
    pub uuid: String,
    /// An address or a network, as it was written.
    pub value: String,
    /// Why.
    pub reason: String,
    /// Until when; `None` for ever.
    pub expires_at: Option<Timestamp>,
    /// Since when.
    pub created_at: Timestamp,
}

impl From<Model> for Ban {
    fn from(row: Model) -> Self {
        Self {
            uuid: row.uuid,
            value: row.ip,
            reason: if row.reason.is_empty() { row.details } else { row.reason },
            expires_at: row.expires_at.map(Timestamp::from_millis),
            created_at: Timestamp::from_millis(row.created_at),
        }
    }
}

/// The wish that whatever CrowdSec has decided about an address or a network ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Release {
    /// Public id.
    pub uuid: String,
    /// An address or a network; for one decision, whatever it is about.
    pub value: String,
    /// The one decision that shall end, by LAPI's id; `None` for all of them.
    pub decision: Option<i64>,
}

async fn with_action(store: &Store, action: &str) -> Result<Vec<Model>, Error> {
    Ok(Entity::find().filter(Column::Action.eq(action)).order_by_desc(Column::Id).all(store.read()).await?)
}

/// All bans that have not ended at `now`, the newest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn bans(store: &Store, now: Timestamp) -> Result<Vec<Ban>, Error> {
    let rows = with_action(store, BLOCK).await?;
    let holds = |row: &Model| row.expires_at.is_none_or(|end| end > now.millis());
    Ok(rows.into_iter().filter(holds).map(Ban::from).collect())
}

/// Bans an address or a network, instead of an earlier ban of the same.
///
/// # Errors
/// When the database cannot be written.
pub async fn ban(
    store: &Store,
    value: &str,
    reason: &str,
    expires_at: Option<Timestamp>,
    mut audit: Audit,
) -> Result<Ban, Error> {
    let mut write = store.write().await?;
    let same =
        Entity::delete_many().filter(Column::Ip.eq(value)).filter(Column::Action.is_in([BLOCK, RELEASE]));
    same.exec(&*write).await?;
    let row = insert(&*write, store.now(), BLOCK, value, reason, expires_at, None).await?;
    let ban = Ban::from(row);
    audit.after = serde_json::to_value(&ban).ok();
    write.audit(audit.about(&ban.uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(ban)
}

/// Ends every ban of exactly this address or network: by people at once, by CrowdSec when it is told.
///
/// # Errors
/// When the database cannot be written.
pub async fn release(store: &Store, value: &str, audit: Audit) -> Result<(), Error> {
    let mut write = store.write().await?;
    let same =
        Entity::delete_many().filter(Column::Ip.eq(value)).filter(Column::Action.is_in([BLOCK, RELEASE]));
    same.exec(&*write).await?;
    let row = insert(&*write, store.now(), RELEASE, value, "", None, None).await?;
    write.audit(audit.about(&row.uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(())
}

/// Ends one decision of CrowdSec, by LAPI's id. Others about the same address or network stay.
///
/// # Errors
/// When the database cannot be written.
pub async fn release_one(store: &Store, id: i64, value: &str, audit: Audit) -> Result<(), Error> {
    let mut write = store.write().await?;
    let row = insert(&*write, store.now(), RELEASE_ONE, value, "", None, Some(id)).await?;
    write.audit(audit.about(&row.uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(())
}

async fn insert(
    connection: &impl ConnectionTrait,
    now: Timestamp,
    action: &str,
    value: &str,
    reason: &str,
    expires_at: Option<Timestamp>,
    decision: Option<i64>,
) -> Result<Model, Error> {
    let row = ActiveModel {
        id: NotSet,
        uuid: Set(base::random::uuid()),
        source: Set("manual".to_owned()),
        action: Set(action.to_owned()),
        ip: Set(value.to_owned()),
        host: Set(String::new()),
        rule_id: Set(decision.map(|id| id.to_string()).unwrap_or_default()),
        reason: Set(reason.to_owned()),
        details: Set(String::new()),
        expires_at: Set(expires_at.map(Timestamp::millis)),
        created_at: Set(now.millis()),
    };
    Ok(row.insert(connection).await?)
}

/// The wishes that are not fulfilled yet.
///
/// # Errors
/// When the database cannot be read.
pub async fn releases(store: &Store) -> Result<Vec<Release>, Error> {
    let of = |decision: Option<i64>| move |row: Model| Release { uuid: row.uuid, value: row.ip, decision };
    let all = with_action(store, RELEASE).await?.into_iter().map(of(None));
    let one = with_action(store, RELEASE_ONE).await?.into_iter();
    let one = one.filter_map(|row| row.rule_id.parse().ok().map(|id| of(Some(id))(row)));
    Ok(all.chain(one).collect())
}

/// Removes wishes that are fulfilled, and bans that have ended.
///
/// # Errors
/// When the database cannot be written.
pub async fn forget(store: &Store, fulfilled: &[String], now: Timestamp) -> Result<(), Error> {
    let ended = Entity::find().filter(Column::Action.eq(BLOCK)).filter(Column::ExpiresAt.lte(now.millis()));
    if fulfilled.is_empty() && ended.one(store.read()).await?.is_none() {
        return Ok(());
    }
    let write = store.write().await?;
    Entity::delete_many().filter(Column::Uuid.is_in(fulfilled)).exec(&*write).await?;
    let ended =
        Entity::delete_many().filter(Column::Action.eq(BLOCK)).filter(Column::ExpiresAt.lte(now.millis()));
    ended.exec(&*write).await?;
    write.commit().await
}
