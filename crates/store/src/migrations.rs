//! Numbered migrations of our own schema. Structure follows from the entities; a migration changes data.
//!
//! To add one: one line in [`ALL`] and one arm in [`apply`]. Numbers only grow.

use crate::error::Error;
use crate::sqlite::{number, run};
use base::Timestamp;
use sea_orm::{ConnectionTrait, DbBackend};

/// All migrations.
const ALL: &[(i64, &str)] = &[(1, "first schema")];

/// The newest schema that this binary knows.
pub(crate) const CURRENT: i64 = 1;

/// `PRAGMA application_id` of our files: "ChrN".
pub(crate) const APPLICATION_ID: u32 = 0x4368_724e;

/// Applies every migration newer than `from`, within the caller's transaction.
pub(crate) async fn apply(connection: &impl ConnectionTrait, from: i64, now: Timestamp) -> Result<(), Error> {
    for (migration, name) in ALL.iter().filter(|(migration, _)| *migration > from) {
        tracing::info!(migration.number = migration, migration.name = name, "applying a migration");
        // Number 1 has no data to change: the tables themselves are made from the entities.
        note(connection, *migration, name, now).await?;
        crate::step::step("migration");
    }
    mark(connection).await
}

/// Notes that a database has seen all migrations up to `version`, when its list of them is lost.
pub(crate) async fn note_lost(
    connection: &impl ConnectionTrait,
    version: i64,
    now: Timestamp,
) -> Result<(), Error> {
    for (migration, name) in ALL.iter().filter(|(migration, _)| *migration <= version) {
        note(connection, *migration, name, now).await?;
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
