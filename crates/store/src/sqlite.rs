//! Connections to an SQLite file: read-only for looking, one for migrating, a writer and readers for serving.

use crate::error::Error;
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, SqlxSqliteConnector, Statement};
use sqlx::Connection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use std::path::Path;
use std::time::Duration;

/// How long a connection waits for another one that holds a lock.
const BUSY: Duration = Duration::from_secs(5);
const READERS: u32 = 4;

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(BUSY)
}

async fn connect(options: SqliteConnectOptions, most: u32) -> Result<DatabaseConnection, Error> {
    // Connections stay open: closing the last one would write the log back into the file each time, and a later one
    // would find another file if it was replaced meanwhile.
    let pool = SqlitePoolOptions::new()
        .max_connections(most)
        .min_connections(most)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(Duration::from_secs(30))
        .after_release(|connection, _| Box::pin(is_reusable(connection)))
        .connect_with(options)
        .await?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// Whether no transaction is left on a connection that comes back. A full disk makes SQLite take a transaction back
/// by itself; the ROLLBACK that follows then fails, and sqlx goes on counting it as open. Every later write would
/// be a savepoint inside it: acknowledged, seen by its own connection alone, and gone with it.
async fn is_reusable(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    // A rollback that was queued by dropping its transaction has run when this answers.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// For looking: changes nothing in the file. `immutable` is for folders that cannot be written at all.
pub(crate) async fn look(path: &Path, immutable: bool) -> Result<DatabaseConnection, Error> {
    connect(options(path).read_only(true).immutable(immutable), 1).await
}

/// For migrating and repairing: foreign keys are off, so that tables can be rebuilt, and old names stay in
/// definitions that point at them.
pub(crate) async fn migrate(path: &Path) -> Result<DatabaseConnection, Error> {
    let options = options(path)
        .create_if_missing(true)
        .foreign_keys(false)
        .synchronous(SqliteSynchronous::Full)
        .pragma("legacy_alter_table", "ON")
        // What is replaced may be a secret that stood there in clear: overwrite it.
        .pragma("secure_delete", "ON");
    connect(options, 1).await
}

/// For serving: the one writer.
pub(crate) async fn writer(path: &Path) -> Result<DatabaseConnection, Error> {
    let options = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // The log is cut back to this size after a checkpoint, so that one large write does not keep its space.
        .pragma("journal_size_limit", "67108864");
    connect(options, 1).await
}

/// For serving: readers beside the writer.
pub(crate) async fn readers(path: &Path, immutable: bool) -> Result<DatabaseConnection, Error> {
    connect(options(path).read_only(true).immutable(immutable).foreign_keys(true), READERS).await
}

/// The first column of each row as text.
pub(crate) async fn texts(connection: &impl ConnectionTrait, sql: &str) -> Result<Vec<String>, Error> {
    let rows =
        connection.query_all_raw(Statement::from_string(connection.get_database_backend(), sql)).await?;
    rows.iter().map(|row| row.try_get_by_index::<String>(0).map_err(Error::from)).collect()
}

/// The first column of the first row as a number; 0 when there is none.
pub(crate) async fn number(connection: &impl ConnectionTrait, sql: &str) -> Result<i64, Error> {
    let row =
        connection.query_one_raw(Statement::from_string(connection.get_database_backend(), sql)).await?;
    match row {
        Some(row) => Ok(row.try_get_by_index::<Option<i64>>(0)?.unwrap_or(0)),
        None => Ok(0),
    }
}

/// Runs statements one after the other.
pub(crate) async fn run<S: AsRef<str>>(
    connection: &impl ConnectionTrait,
    statements: impl IntoIterator<Item = S>,
) -> Result<(), Error> {
    for sql in statements {
        connection.execute_unprepared(sql.as_ref()).await?;
    }
    Ok(())
}

/// What `PRAGMA integrity_check` says, when it is not `ok`.
pub(crate) async fn damage(connection: &impl ConnectionTrait) -> Result<Option<String>, Error> {
    let found = texts(connection, "PRAGMA integrity_check(5)").await?;
    let first = found.first().map_or("integrity_check gave no answer", String::as_str);
    Ok((first != "ok").then(|| first.replace('\n', "; ")))
}

/// Names of all tables but SQLite's own, in order.
pub(crate) async fn table_names(connection: &impl ConnectionTrait) -> Result<Vec<String>, Error> {
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => {
            "SELECT table_name::text FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1"
        }
        _ => {
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
             ORDER BY name"
        }
    };
    texts(connection, sql).await
}

/// A name as it stands in a statement.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_writer_syncs_fully_keeps_a_log_and_holds_foreign_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        migrate(&path).await.unwrap().close().await.unwrap();
        let writer = writer(&path).await.unwrap();
        assert_eq!(number(&writer, "PRAGMA synchronous").await.unwrap(), 2);
        assert_eq!(number(&writer, "PRAGMA foreign_keys").await.unwrap(), 1);
        assert_eq!(texts(&writer, "PRAGMA journal_mode").await.unwrap(), ["wal"]);
        let reader = readers(&path, false).await.unwrap();
        let refused = run(&reader, ["CREATE TABLE x (y)"]).await;
        assert_eq!(refused, Err(Error::ReadOnly));
    }
}
