//! What the revisions of the history hold, part by part: each host, each certificate, the settings. A part is stored
//! once, under the first revision that has it in this form, so that one change of one host among ten thousand is one
//! row. What a revision held is every part's newest form up to it.

use crate::Error;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Query;
use sea_orm::{ConnectionTrait, ExprTrait, QueryOrder, QuerySelect};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One row of `revision_parts`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "revision_parts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// `hosts/UUID`, `certificates/UUID`, `access_lists` or `settings`.
    #[sea_orm(indexed)]
    pub part: String,
    /// The first revision that has it so.
    #[sea_orm(indexed)]
    pub revision: i64,
    /// The part as JSON; empty from the revision on that has it no more.
    #[sea_orm(default_value = "")]
    pub document: String,
}

/// Parts outlive the lines of the history.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A part that a revision brings: its name, and its JSON or, when it is gone, nothing.
pub type Part = (String, String);

/// So many rows are written in one statement.
const AT_ONCE: usize = 500;

/// Writes what is new with a revision.
pub(crate) async fn insert(
    connection: &impl ConnectionTrait,
    revision: i64,
    parts: &[Part],
) -> Result<(), Error> {
    for some in parts.chunks(AT_ONCE) {
        let rows = some.iter().map(|(part, document)| ActiveModel {
            id: NotSet,
            part: Set(part.clone()),
            revision: Set(revision),
            document: Set(document.clone()),
        });
        Entity::insert_many(rows).exec_without_returning(connection).await?;
    }
    Ok(())
}

/// Removes what no revision from `oldest` on holds. Only the parts that changed with `oldest` can have left
/// something behind, when this was called for the revision before.
pub(crate) async fn prune(connection: &impl ConnectionTrait, oldest: i64) -> Result<(), Error> {
    let changed =
        Query::select().column(Column::Part).from(Entity).and_where(Column::Revision.eq(oldest)).take();
    Entity::delete_many()
        .filter(Column::Revision.lt(oldest))
        .filter(Column::Part.in_subquery(changed))
        .exec(connection)
        .await?;
    let gone = Column::Revision.lte(oldest).and(Column::Document.eq(""));
    // By the index of the revision: those before were removed with theirs.
    Entity::delete_many().filter(Column::Revision.eq(oldest)).filter(gone).exec(connection).await?;
    Ok(())
}

/// Every part as it was in a revision.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn at(
    connection: &impl ConnectionTrait,
    revision: i64,
) -> Result<BTreeMap<String, String>, Error> {
    // Rows are only added, revision after revision, so the newest form of a part is its row with the highest key.
    let newest = Query::select()
        .expr(Column::Id.max())
        .from(Entity)
        .and_where(Column::Revision.lte(revision))
        .group_by_col(Column::Part)
        .take();
    let select = Query::select()
        .columns([Column::Part, Column::Document])
        .from(Entity)
        .and_where(Column::Id.in_subquery(newest))
        .and_where(Column::Document.ne(""))
        .take();
    let rows = connection.query_all(&select).await?;
    rows.iter().map(|row| Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))).collect()
}

/// The forms of one part, the newest first: the first revision of each, and its JSON (empty: gone).
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn forms(
    connection: &impl ConnectionTrait,
    part: &str,
) -> Result<Vec<(i64, String)>, Error> {
    let find = Entity::find().filter(Column::Part.eq(part)).order_by_desc(Column::Revision);
    Ok(find.select_only().columns([Column::Revision, Column::Document]).into_tuple().all(connection).await?)
}

/// The parts put together: `hosts` is a list, oldest first; `certificates` are named by their uuid.
pub(crate) fn document(parts: &BTreeMap<String, String>) -> Value {
    let (mut hosts, mut certificates, mut whole) = (Vec::new(), Map::new(), Map::new());
    for (name, text) in parts {
        let Ok(value) = serde_json::from_str::<Value>(text) else { continue };
        match name.split_once('/') {
            Some(("hosts", _)) => hosts.push(value),
            Some((_, uuid)) => _ = certificates.insert(uuid.to_owned(), value),
            None => _ = whole.insert(name.clone(), value),
        }
    }
    hosts.sort_by_key(|host: &Value| host["id"].as_i64());
    whole.insert("hosts".to_owned(), Value::Array(hosts));
    whole.insert("certificates".to_owned(), Value::Object(certificates));
    Value::Object(whole)
}
