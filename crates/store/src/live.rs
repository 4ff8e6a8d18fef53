//! The live schema of a database, and what differs from the definition.

use crate::error::Error;
use crate::schema::{self, Kind, Table};
use crate::sqlite::{quote, table_names};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement};
use std::collections::BTreeMap;

/// A column as the database describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LiveColumn {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) nullable: bool,
    pub(crate) has_default: bool,
    pub(crate) in_key: bool,
}

/// An index as the database describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LiveIndex {
    pub(crate) name: String,
    pub(crate) columns: Vec<String>,
    pub(crate) unique: bool,
    pub(crate) partial: bool,
}

/// A table as the database describes it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct LiveTable {
    pub(crate) columns: Vec<LiveColumn>,
    pub(crate) indexes: Vec<LiveIndex>,
    /// Column and table that it points at.
    pub(crate) foreign_keys: Vec<(String, String)>,
}

/// What is wrong with a table or index of the live schema. Extra nullable columns, indexes and tables are not wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Difference {
    /// The table is not there.
    Table,
    /// A column is not there.
    Column(String),
    /// A column has another type; what it is, and what it must be.
    Kind(String, String, &'static str),
    /// A column may be empty and must not, or the other way round.
    Nullable(String, bool),
    /// The primary key is not what it must be.
    PrimaryKey,
    /// A column that Charon does not know must be filled, and nothing fills it.
    Foreign(String),
    /// A foreign key is not there.
    ForeignKey(String),
    /// An index is not there, or is another one under its name.
    Index(String),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Table => f.write_str("the table was missing"),
            Self::Column(name) => write!(f, "the column {name} was missing"),
            Self::Kind(name, is, must) => {
                write!(f, "the column {name} had the type '{is}' instead of {must}")
            }
            Self::Nullable(name, true) => write!(f, "the column {name} did not allow NULL"),
            Self::Nullable(name, false) => write!(f, "the column {name} allowed NULL"),
            Self::PrimaryKey => f.write_str("the primary key was not as required"),
            Self::Foreign(name) => {
                write!(
                    f,
                    "the unknown column {name} was NOT NULL without a default, so that no row could be added"
                )
            }
            Self::ForeignKey(name) => write!(f, "the foreign key of {name} was missing"),
            Self::Index(name) => write!(f, "the index {name} was missing or different"),
        }
    }
}

async fn rows(connection: &impl ConnectionTrait, sql: &str) -> Result<Vec<QueryResult>, Error> {
    Ok(connection.query_all_raw(Statement::from_string(connection.get_database_backend(), sql)).await?)
}

fn text(row: &QueryResult, column: &str) -> Result<String, Error> {
    Ok(row.try_get::<Option<String>>("", column)?.unwrap_or_default())
}

fn flag(row: &QueryResult, column: &str) -> Result<bool, Error> {
    Ok(row.try_get::<i64>("", column)? != 0)
}

/// Every table's columns, in one query: the cheap look that health takes.
pub(crate) async fn columns(
    connection: &impl ConnectionTrait,
) -> Result<BTreeMap<String, Vec<LiveColumn>>, Error> {
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT c.table_name::text AS tbl, c.column_name::text AS name, c.data_type::text AS kind, \
             (CASE WHEN c.is_nullable = 'YES' THEN 0 ELSE 1 END)::bigint AS required, \
             (CASE WHEN c.column_default IS NULL AND c.is_identity = 'NO' THEN 0 ELSE 1 END)::bigint AS filled, \
             (CASE WHEN k.column_name IS NULL THEN 0 ELSE 1 END)::bigint AS in_key \
             FROM information_schema.columns c \
             LEFT JOIN information_schema.table_constraints t ON t.table_schema = c.table_schema \
               AND t.table_name = c.table_name AND t.constraint_type = 'PRIMARY KEY' \
             LEFT JOIN information_schema.key_column_usage k ON k.constraint_name = t.constraint_name \
               AND k.table_schema = t.table_schema AND k.table_name = t.table_name \
               AND k.column_name = c.column_name \
             WHERE c.table_schema = current_schema() ORDER BY c.table_name, c.ordinal_position"
        }
        _ => {
            "SELECT m.name AS tbl, p.name AS name, p.type AS kind, p.\"notnull\" AS required, \
             p.dflt_value IS NOT NULL AS filled, p.pk AS in_key \
             FROM sqlite_master m JOIN pragma_table_info(m.name) p \
             WHERE m.type = 'table' ORDER BY m.name, p.cid"
        }
    };
    let mut tables: BTreeMap<String, Vec<LiveColumn>> = BTreeMap::new();
    for row in rows(connection, sql).await? {
        tables.entry(text(&row, "tbl")?).or_default().push(LiveColumn {
            name: text(&row, "name")?,
            kind: text(&row, "kind")?.to_ascii_lowercase(),
            nullable: !flag(&row, "required")?,
            has_default: flag(&row, "filled")?,
            in_key: flag(&row, "in_key")?,
        });
    }
    Ok(tables)
}

/// The live schema of all tables.
pub(crate) async fn read(connection: &impl ConnectionTrait) -> Result<BTreeMap<String, LiveTable>, Error> {
    let mut tables: BTreeMap<String, LiveTable> = BTreeMap::new();
    for (name, columns) in columns(connection).await? {
        tables.insert(name, LiveTable { columns, ..LiveTable::default() });
    }
    match connection.get_database_backend() {
        DbBackend::Postgres => read_postgres(connection, &mut tables).await?,
        _ => read_sqlite(connection, &mut tables).await?,
    }
    Ok(tables)
}

async fn read_sqlite(
    connection: &impl ConnectionTrait,
    tables: &mut BTreeMap<String, LiveTable>,
) -> Result<(), Error> {
    for name in table_names(connection).await? {
        let Some(table) = tables.get_mut(&name) else { continue };
        let literal = name.replace('\'', "''");
        let sql = format!("SELECT name, \"unique\" AS uniq, partial FROM pragma_index_list('{literal}')");
        for row in rows(connection, &sql).await? {
            let name = text(&row, "name")?;
            let sql = format!("SELECT name FROM pragma_index_info('{}')", name.replace('\'', "''"));
            let mut columns = Vec::new();
            for column in rows(connection, &sql).await? {
                columns.push(text(&column, "name")?);
            }
            let (unique, partial) = (flag(&row, "uniq")?, flag(&row, "partial")?);
            table.indexes.push(LiveIndex { name, columns, unique, partial });
        }
        let sql =
            format!("SELECT \"from\" AS col, \"table\" AS tbl FROM pragma_foreign_key_list('{literal}')");
        for row in rows(connection, &sql).await? {
            table.foreign_keys.push((text(&row, "col")?, text(&row, "tbl")?));
        }
    }
    Ok(())
}

async fn read_postgres(
    connection: &impl ConnectionTrait,
    tables: &mut BTreeMap<String, LiveTable>,
) -> Result<(), Error> {
    let sql = "SELECT t.relname::text AS tbl, i.relname::text AS name, \
         (CASE WHEN x.indisunique THEN 1 ELSE 0 END)::bigint AS uniq, \
         (CASE WHEN x.indpred IS NULL THEN 0 ELSE 1 END)::bigint AS partial, \
         (SELECT string_agg(a.attname::text, ',' ORDER BY k.n) FROM unnest(x.indkey) WITH ORDINALITY k(att, n) \
          JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.att) AS cols \
         FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid \
         JOIN pg_namespace s ON s.oid = t.relnamespace WHERE s.nspname = current_schema()";
    for row in rows(connection, sql).await? {
        if let Some(table) = tables.get_mut(&text(&row, "tbl")?) {
            table.indexes.push(LiveIndex {
                name: text(&row, "name")?,
                columns: text(&row, "cols")?.split(',').map(str::to_owned).collect(),
                unique: flag(&row, "uniq")?,
                partial: flag(&row, "partial")?,
            });
        }
    }
    let sql = "SELECT t.relname::text AS tbl, a.attname::text AS col, f.relname::text AS target \
         FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid \
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1] \
         JOIN pg_namespace s ON s.oid = t.relnamespace WHERE c.contype = 'f' AND s.nspname = current_schema()";
    for row in rows(connection, sql).await? {
        if let Some(table) = tables.get_mut(&text(&row, "tbl")?) {
            table.foreign_keys.push((text(&row, "col")?, text(&row, "target")?));
        }
    }
    Ok(())
}

/// Everything that is wrong with the live schema, table by table in the order of the definition.
pub(crate) async fn differences(
    connection: &impl ConnectionTrait,
) -> Result<Vec<(Table, Vec<Difference>)>, Error> {
    let live = read(connection).await?;
    let backend = connection.get_database_backend();
    let compared = schema::tables().into_iter().map(|table| {
        let found = compare(&table, live.get(&table.name), backend);
        (table, found)
    });
    Ok(compared.filter(|(_, found)| !found.is_empty()).collect())
}

/// What is wrong with one table.
pub(crate) fn compare(table: &Table, live: Option<&LiveTable>, backend: DbBackend) -> Vec<Difference> {
    let Some(live) = live else { return vec![Difference::Table] };
    let mut found = Vec::new();
    for column in &table.columns {
        let Some(there) = live.columns.iter().find(|there| there.name == column.name) else {
            found.push(Difference::Column(column.name.clone()));
            continue;
        };
        if !same_kind(column.kind, &there.kind, backend) {
            let must = column.kind.sql(backend);
            found.push(Difference::Kind(column.name.clone(), there.kind.clone(), must));
        }
        // A primary key is never empty, whatever the column says.
        if there.nullable != column.nullable && !there.in_key {
            found.push(Difference::Nullable(column.name.clone(), column.nullable));
        }
    }
    let mut key: Vec<_> =
        live.columns.iter().filter(|column| column.in_key).map(|c| c.name.as_str()).collect();
    let mut must: Vec<_> = table.primary_key.iter().map(String::as_str).collect();
    key.sort_unstable();
    must.sort_unstable();
    if key != must && must.iter().all(|name| live.columns.iter().any(|column| column.name == *name)) {
        found.push(Difference::PrimaryKey);
    }
    for extra in &live.columns {
        let known = table.columns.iter().any(|column| column.name == extra.name);
        if !known && !extra.nullable && !extra.has_default {
            found.push(Difference::Foreign(extra.name.clone()));
        }
    }
    for key in &table.foreign_keys {
        if !live.foreign_keys.contains(&(key.column.clone(), key.table.clone())) {
            found.push(Difference::ForeignKey(key.column.clone()));
        }
    }
    for index in &table.indexes {
        let fits = |there: &LiveIndex| {
            there.columns == [index.column.as_str()] && there.unique == index.unique && !there.partial
        };
        let taken = live.indexes.iter().find(|there| there.name == index.name);
        if !live.indexes.iter().any(fits) || taken.is_some_and(|there| !fits(there)) {
            found.push(Difference::Index(index.name.clone()));
        }
    }
    found
}

fn same_kind(kind: Kind, live: &str, backend: DbBackend) -> bool {
    match (backend, kind) {
        (DbBackend::Postgres, _) => live == kind.sql(backend),
        (_, Kind::Integer) => live.contains("int"),
        (_, Kind::Boolean) => live.contains("bool"),
        (_, Kind::Text) => live.contains("text") || live.contains("char") || live.contains("clob"),
    }
}

/// The statement by which a table's rows are counted.
pub(crate) fn count(table: &str) -> String {
    format!("SELECT count(*) FROM {}", quote(table))
}
