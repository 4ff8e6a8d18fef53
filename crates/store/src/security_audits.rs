//! Who did what and when. Written only together with the deed (see `Audit`); never changed afterwards, and removed
//! only by age or, for refused logins, by number.

use crate::{Audit, Error, Store};
use base::Timestamp;
use sea_orm::entity::prelude::*;
use sea_orm::{ExprTrait, QueryOrder, QuerySelect};
use serde::Serialize;

/// One row of `security_audits`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "security_audits")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub uuid: String,
    #[sea_orm(default_value = "", indexed)]
    pub actor: String,
    #[sea_orm(default_value = "", indexed)]
    pub action: String,
    #[sea_orm(default_value = "")]
    pub category: String,
    #[sea_orm(default_value = "")]
    pub resource_type: String,
    #[sea_orm(default_value = "", indexed)]
    pub resource_id: String,
    #[sea_orm(default_value = "")]
    pub details: String,
    #[sea_orm(default_value = "")]
    pub before_json: String,
    #[sea_orm(default_value = "")]
    pub after_json: String,
    #[sea_orm(default_value = "")]
    pub ip_address: String,
    #[sea_orm(default_value = "")]
    pub user_agent: String,
    #[sea_orm(default_value = "")]
    pub request_id: String,
    #[sea_orm(default_value = 0, indexed)]
    pub created_at: i64,
}

/// Audit entries outlive what they are about.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A stored audit entry; see [`Audit`] for its fields.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Entry {
    /// Row id; grows with time.
    pub id: i64,
    /// Public id.
    pub uuid: String,
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// The area.
    pub category: String,
    /// The kind of row.
    pub resource_type: String,
    /// The row's public id.
    pub resource_id: String,
    /// One sentence.
    pub details: String,
    /// The row before.
    pub before: Option<serde_json::Value>,
    /// The row after.
    pub after: Option<serde_json::Value>,
    /// Address of the client.
    pub ip_address: String,
    /// The client's `User-Agent`.
    pub user_agent: String,
    /// Id of the request.
    pub request_id: String,
    /// When.
    pub created_at: Timestamp,
}

impl From<Model> for Entry {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            uuid: row.uuid,
            actor: row.actor,
            action: row.action,
            category: row.category,
            resource_type: row.resource_type,
            resource_id: row.resource_id,
            details: row.details,
            before: serde_json::from_str(&row.before_json).ok(),
            after: serde_json::from_str(&row.after_json).ok(),
            ip_address: row.ip_address,
            user_agent: row.user_agent,
            request_id: row.request_id,
            created_at: Timestamp::from_millis(row.created_at),
        }
    }
}

/// Which entries to list; `None` is any.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    /// Only of this actor.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only about this kind of row.
    pub resource_type: Option<String>,
    /// Only about this row.
    pub resource_id: Option<String>,
    /// Only entries with a smaller row id: the next page.
    pub before_id: Option<i64>,
}

/// Entries, the newest first, at most `limit`.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store, filter: &Filter, limit: u64) -> Result<Vec<Entry>, Error> {
    let mut find = Entity::find().order_by_desc(Column::Id).limit(limit);
    let wanted = [
        (Column::Actor, &filter.actor),
        (Column::Action, &filter.action),
        (Column::ResourceType, &filter.resource_type),
        (Column::ResourceId, &filter.resource_id),
    ];
    for (column, value) in wanted {
        if let Some(value) = value {
            find = find.filter(column.eq(value));
        }
    }
    if let Some(before) = filter.before_id {
        find = find.filter(Column::Id.lt(before));
    }
    Ok(find.all(store.read()).await?.into_iter().map(Entry::from).collect())
}

/// What [`prune`] leaves.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// Refused logins before this moment go.
    pub refused_logins_since: Timestamp,
    /// Of refused logins, only so many of the newest stay.
    pub most_refused_logins: u64,
    /// All entries before this moment go.
    pub since: Timestamp,
}

/// The action of entries about refused logins.
pub const LOGIN_FAILED: &str = "login_failed";

/// Removes old entries and says how many.
///
/// # Errors
/// When the database cannot be written.
pub async fn prune(store: &Store, keep: &Keep) -> Result<u64, Error> {
    let refused = Column::Action.eq(LOGIN_FAILED);
    let surplus = Entity::find()
        .filter(refused.clone())
        .order_by_desc(Column::Id)
        .offset(keep.most_refused_logins)
        .one(store.read())
        .await?;
    let old = Column::CreatedAt.lt(keep.since.millis());
    let mut gone = old.or(refused.clone().and(Column::CreatedAt.lt(keep.refused_logins_since.millis())));
    if let Some(newest) = surplus {
        gone = gone.or(refused.and(Column::Id.lte(newest.id)));
    }
    let write = store.write().await?;
    let removed = Entity::delete_many().filter(gone).exec(&*write).await?.rows_affected;
    write.commit().await?;
    Ok(removed)
}

/// Writes an entry about something that is no write to the database, such as a refused login.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(store: &Store, audit: Audit) -> Result<(), Error> {
    let write = store.write().await?;
    write.audit(audit).await?;
    write.commit().await
}
