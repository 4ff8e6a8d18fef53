//! Numbered migrations of our own schema. What a column is follows from the entities; a migration says which
//! columns and tables are new, so that they are no repair, and changes data.
//!
//! To add one: one entry in [`ALL`]. Numbers only grow.

use crate::error::Error;
use crate::report::{MigrationReport, TableReport};
use crate::sqlite::{number, run};
use crate::{live, schema};
use base::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend, Statement, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One migration.
struct Migration {
    number: i64,
    name: &'static str,
    /// Tables and columns that are new with it, in tables that were there before.
    columns: &'static [(&'static str, &'static str)],
    /// Tables that are new with it.
    tables: &'static [&'static str],
}

/// All migrations.
const ALL: &[Migration] = &[
    Migration { number: 1, name: "first schema", columns: &[], tables: &[] },
    Migration {
        number: 2,
        name: "servers and traffic features of hosts and locations",
        columns: &[
            ("proxy_hosts", "upstream"),
            ("proxy_hosts", "traffic"),
            ("locations", "upstream"),
            ("locations", "traffic"),
        ],
        tables: &[],
    },
    Migration { number: 3, name: "history part by part", columns: &[], tables: &["revision_parts"] },
    Migration {
        number: 4,
        name: "TLS of hosts, automatic certificates",
        columns: &[("proxy_hosts", "tls"), ("proxy_hosts", "automatic_certificate")],
        tables: &["acme_accounts", "acme_orders", "dns_credentials", "dns_records", "certificate_checks"],
    },
];

/// The newest schema that this binary knows.
pub(crate) const CURRENT: i64 = 4;

/// `PRAGMA application_id` of our files: "ChrN".
pub(crate) const APPLICATION_ID: u32 = 0x4368_724e;

/// How many rows each of our tables has.
pub(crate) type Counts = BTreeMap<String, u64>;

/// The first half of migrating a schema of ours: the new columns and tables, before anything is repaired. Returns how many
/// rows there were, for [`account`]; `None` when there is nothing to migrate from (a new file, or one whose number
/// is lost: then what is missing is repaired).
pub(crate) async fn add_columns(
    connection: &impl ConnectionTrait,
    from: i64,
) -> Result<Option<Counts>, Error> {
    if !(1..CURRENT).contains(&from) {
        return Ok(None);
    }
    let (before, there) = (counts(connection).await?, live::read(connection).await?);
    let tables = schema::tables();
    let backend = connection.get_database_backend();
    for (name, new) in newer(from).flat_map(|migration| migration.columns) {
        let table = tables.iter().find(|table| table.name == *name);
        let column = table.and_then(|table| table.columns.iter().find(|column| column.name == *new));
        let (Some(table), Some(column), Some(there)) = (table, column, there.get(*name)) else { continue };
        if there.columns.iter().all(|column| column.name != *new) {
            let definition = table.column(column, backend);
            run(connection, [format!("ALTER TABLE \"{name}\" ADD COLUMN {definition}")]).await?;
        }
        crate::step::step("migration-column");
    }
    for name in newer(from).flat_map(|migration| migration.tables) {
        let Some(table) = tables.iter().find(|table| table.name == *name) else { continue };
        if !there.contains_key(*name) {
            run(connection, [table.create(backend)]).await?;
            run(connection, table.create_indexes()).await?;
        }
    }
    Ok(Some(before))
}

/// The second half: changes data, and notes every migration newer than `from`. Within the caller's transaction.
pub(crate) async fn apply(connection: &impl ConnectionTrait, from: i64, now: Timestamp) -> Result<(), Error> {
    for Migration { number, name, .. } in newer(from) {
        tracing::info!(migration.number = number, migration.name = name, "applying a migration");
        // None has data to change: tables and defaults come with the definition.
        note(connection, *number, name, now).await?;
        crate::step::step("migration");
    }
    mark(connection).await
}

/// Accounts for every row of a migration and keeps the account.
///
/// # Errors
/// When a table has lost rows on the way; the caller takes the transaction back.
pub(crate) async fn account(
    connection: &impl ConnectionTrait,
    from: i64,
    before: &Counts,
    backup_path: Option<PathBuf>,
    now: Timestamp,
) -> Result<MigrationReport, Error> {
    let after = counts(connection).await?;
    let mut tables = Vec::new();
    for (table, rows) in before {
        let left = after.get(table).copied().unwrap_or(0);
        if left < *rows {
            let message = format!("the migration would leave {left} of the {rows} rows of the table {table}");
            return Err(Error::Other(message));
        }
        let table = table.clone();
        tables.push(TableReport { table, rows_in: *rows, carried: *rows, ..TableReport::default() });
    }
    let report = MigrationReport {
        kind: "migration".to_owned(),
        source: format!("a database of an earlier Charon (schema {from}) to schema {CURRENT}"),
        backup_path,
        started_at: now,
        tables,
        extra_tables: Vec::new(),
        missing_tables: Vec::new(),
        notes: Vec::new(),
    };
    keep(connection, &report, now).await?;
    Ok(report)
}

/// Keeps an account for [`crate::migration_reports`].
pub(crate) async fn keep(
    connection: &impl ConnectionTrait,
    report: &MigrationReport,
    now: Timestamp,
) -> Result<(), Error> {
    let document = serde_json::to_string(report).map_err(|error| Error::Other(error.to_string()))?;
    let backend = connection.get_database_backend();
    let sql = match backend {
        DbBackend::Postgres => "INSERT INTO migration_reports (document, created_at) VALUES ($1, $2)",
        _ => "INSERT INTO migration_reports (document, created_at) VALUES (?, ?)",
    };
    let values = [Value::from(document), Value::from(now.millis())];
    connection.execute_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    Ok(())
}

fn newer(from: i64) -> impl Iterator<Item = &'static Migration> {
    ALL.iter().filter(move |migration| migration.number > from)
}

async fn counts(connection: &impl ConnectionTrait) -> Result<Counts, Error> {
    let there = live::read(connection).await?;
    let mut counts = Counts::new();
    for table in schema::tables().into_iter().filter(|table| there.contains_key(&table.name)) {
        let rows = number(connection, &live::count(&table.name)).await?;
        counts.insert(table.name, u64::try_from(rows).unwrap_or(0));
    }
    Ok(counts)
}

/// Notes that a database has seen all migrations up to `version`, when its list of them is lost.
pub(crate) async fn note_lost(
    connection: &impl ConnectionTrait,
    version: i64,
    now: Timestamp,
) -> Result<(), Error> {
    for migration in ALL.iter().filter(|migration| migration.number <= version) {
        note(connection, migration.number, migration.name, now).await?;
    }
    mark(connection).await
}

async fn note(
    connection: &impl ConnectionTrait,
    migration: i64,
    name: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO schema_migrations (number, name, applied_at) VALUES ({migration}, '{name}', {}) \
         ON CONFLICT (number) DO NOTHING",
        now.millis()
    );
    run(connection, [sql]).await
}

/// Writes our marks into the head of an SQLite file.
async fn mark(connection: &impl ConnectionTrait) -> Result<(), Error> {
    if connection.get_database_backend() == DbBackend::Sqlite {
        let newest = number(connection, "SELECT max(number) FROM schema_migrations").await?;
        let marks =
            [format!("PRAGMA user_version = {newest}"), format!("PRAGMA application_id = {APPLICATION_ID}")];
        run(connection, marks).await?;
    }
    Ok(())
}
