//! The history of applied configurations: a line for each. The name is the original product's, which operators know.
//! What a revision held stands in [`crate::revision_parts`]; rows of earlier versions hold their document themselves.

use crate::revision_parts::{self, Part};
use crate::{Error, Store};
use base::Timestamp;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::SimpleExpr;
use sea_orm::{ConnectionTrait, Iterable, QueryOrder, QuerySelect};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One row of `caddy_configs`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "caddy_configs")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub revision: Option<i64>,
    #[sea_orm(default_value = "", indexed)]
    pub config_hash: String,
    #[sea_orm(default_value = 0)]
    pub applied_at: i64,
    #[sea_orm(default_value = false)]
    pub success: bool,
    #[sea_orm(default_value = "")]
    pub error_msg: String,
    #[sea_orm(default_value = "")]
    pub actor: String,
    #[sea_orm(default_value = "")]
    pub summary: String,
    #[sea_orm(default_value = "")]
    pub document: String,
    #[sea_orm(default_value = "[]")]
    pub problems: String,
}

/// The history points at nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// This many newest revisions keep their document; older ones keep only their line in the history.
pub const DOCUMENTS_KEPT: i64 = 200;

/// What stands for the document of a revision that is kept in parts.
const IN_PARTS: &str = "parts";

/// A stored revision. `document` is empty in lists and for revisions whose document was pruned.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Revision {
    /// Row id.
    pub id: i64,
    /// Number of the revision; none for rows carried from the original product.
    pub revision: Option<i64>,
    /// Hash of the document.
    pub config_hash: String,
    /// When it was applied.
    pub applied_at: Timestamp,
    /// Whether it serves (or served).
    pub success: bool,
    /// Why not.
    pub error_msg: String,
    /// Who caused it.
    pub actor: String,
    /// What changed, in a sentence.
    pub summary: String,
    /// The document, as JSON text.
    pub document: String,
    /// Its content is kept in parts, to which the next revision adds its own.
    pub in_parts: bool,
    /// Problems found while compiling, as JSON.
    pub problems: serde_json::Value,
}

impl From<Model> for Revision {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            revision: row.revision,
            config_hash: row.config_hash,
            applied_at: Timestamp::from_millis(row.applied_at),
            success: row.success,
            error_msg: row.error_msg,
            actor: row.actor,
            summary: row.summary,
            in_parts: row.document == IN_PARTS,
            document: if row.document == IN_PARTS { String::new() } else { row.document },
            problems: serde_json::from_str(&row.problems).unwrap_or_else(|_| serde_json::json!([])),
        }
    }
}

/// A configuration that was applied, or failed to be.
#[derive(Clone, PartialEq, Debug)]
pub struct NewRevision {
    /// Hash of the document.
    pub config_hash: String,
    /// The parts of it that differ from the revision before; all of them when [`Revision::in_parts`] does not hold
    /// for that one.
    pub parts: Vec<Part>,
    /// What changed, in a sentence.
    pub summary: String,
    /// Who caused it.
    pub actor: String,
    /// Whether it serves.
    pub success: bool,
    /// Why not.
    pub error_msg: String,
    /// Problems found while compiling, as JSON.
    pub problems: serde_json::Value,
}

/// Stores a revision under the next number and prunes old documents. Does not count as a change.
///
/// # Errors
/// When the database cannot be written.
pub async fn record(store: &Store, revision: &NewRevision) -> Result<Revision, Error> {
    let write = store.write().await?;
    let number = next_on(&*write).await?;
    let row = ActiveModel {
        id: NotSet,
        revision: Set(Some(number)),
        config_hash: Set(revision.config_hash.clone()),
        applied_at: Set(store.now().millis()),
        success: Set(revision.success),
        error_msg: Set(revision.error_msg.clone()),
        actor: Set(revision.actor.clone()),
        summary: Set(revision.summary.clone()),
        document: Set(IN_PARTS.to_owned()),
        problems: Set(revision.problems.to_string()),
    }
    .insert(&*write)
    .await?;
    revision_parts::insert(&*write, number, &revision.parts).await?;
    Entity::update_many()
        .col_expr(Column::Document, Expr::value(""))
        .filter(Column::Revision.lte(number - DOCUMENTS_KEPT))
        .filter(Column::Document.ne(""))
        .exec(&*write)
        .await?;
    revision_parts::prune(&*write, number - DOCUMENTS_KEPT + 1).await?;
    write.commit().await?;
    Ok(row.into())
}

/// The number that [`record`] will give next.
///
/// # Errors
/// When the database cannot be read.
pub async fn next_revision(store: &Store) -> Result<i64, Error> {
    next_on(store.read()).await
}

async fn next_on(connection: &impl ConnectionTrait) -> Result<i64, Error> {
    let newest = numbered().one(connection).await?;
    Ok(newest.and_then(|row| row.revision).unwrap_or(0) + 1)
}

fn numbered() -> Select<Entity> {
    lines().filter(Column::Revision.is_not_null()).order_by_desc(Column::Revision)
}

/// Rows without their documents, which may be large.
fn lines() -> Select<Entity> {
    let columns = Column::iter().filter(|column| !matches!(column, Column::Document));
    let parts: SimpleExpr = Expr::case(Column::Document.eq(IN_PARTS), IN_PARTS).finally("").into();
    Entity::find().select_only().columns(columns).expr_as(parts, "document")
}

/// The newest revision that serves, without its document.
///
/// # Errors
/// When the database cannot be read.
pub async fn latest(store: &Store) -> Result<Option<Revision>, Error> {
    let row = numbered().filter(Column::Success.eq(true)).one(store.read()).await?;
    Ok(row.map(Revision::from))
}

/// The history, newest first, without documents; `before_id` is the last row id of the page before.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store, before_id: Option<i64>, limit: u64) -> Result<Vec<Revision>, Error> {
    let mut find = lines().order_by_desc(Column::Id).limit(limit);
    if let Some(before) = before_id {
        find = find.filter(Column::Id.lt(before));
    }
    Ok(find.all(store.read()).await?.into_iter().map(Revision::from).collect())
}

/// One revision with its document (empty when it was pruned).
///
/// # Errors
/// [`Error::NotFound`], or when the database cannot be read.
pub async fn get(store: &Store, revision: i64) -> Result<Revision, Error> {
    let row = Entity::find().filter(Column::Revision.eq(revision)).one(store.read()).await?;
    let mut found = row.map(Revision::from).ok_or(Error::NotFound("revision"))?;
    if found.in_parts {
        let parts = revision_parts::at(store.read(), revision).await?;
        found.document = revision_parts::document(&parts).to_string();
    }
    Ok(found)
}

/// The parts of a revision that is kept in parts, as [`NewRevision::parts`] gave them.
///
/// # Errors
/// When the database cannot be read.
pub async fn parts(store: &Store, revision: i64) -> Result<BTreeMap<String, String>, Error> {
    revision_parts::at(store.read(), revision).await
}

/// What the kept revisions, newest first, say of one host: its JSON, or that it was not there.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_host(store: &Store, uuid: &str) -> Result<Vec<(Revision, Option<Value>)>, Error> {
    let forms = revision_parts::forms(store.read(), &format!("hosts/{uuid}")).await?;
    let mut found = Vec::new();
    for line in list(store, None, DOCUMENTS_KEPT.unsigned_abs()).await? {
        let Some(number) = line.revision else { continue };
        let host = if line.in_parts {
            let form = forms.iter().find(|(since, _)| *since <= number);
            form.and_then(|(_, text)| serde_json::from_str(text).ok())
        } else {
            let Ok(document) = serde_json::from_str::<Value>(&get(store, number).await?.document) else {
                continue;
            };
            let hosts = document["hosts"].as_array();
            hosts.and_then(|hosts| hosts.iter().find(|host| host["uuid"] == uuid)).cloned()
        };
        found.push((line, host));
    }
    Ok(found)
}
