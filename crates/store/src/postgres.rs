//! Opens a database on a PostgreSQL server. It has the same tables by the same definition; backups are made with
//! `pg_dump`, and databases of the original product are taken over only as SQLite files.

use crate::error::Error;
use crate::folder::Lock;
use crate::handle::Options;
use crate::open::Opened;
use crate::open_error::{OpenError, OpenReport};
use crate::vault::Vault;
use crate::{migrations, repair, schema, sqlite};
use sea_orm::{SqlxPostgresConnector, TransactionTrait};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::path::PathBuf;
use std::time::Duration;

/// Opens a database on a PostgreSQL server.
pub(crate) async fn open(options: &Options, url: &str) -> Result<Opened, OpenError> {
    let lock = Lock::take(&options.data_dir)?;
    let connect: PgConnectOptions =
        url.parse().map_err(|error: sqlx::Error| OpenError::Url(error.to_string()))?;
    let host =
        PathBuf::from(format!("{}/{}", connect.get_host(), connect.get_database().unwrap_or_default()));
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(connect)
        .await
        .map_err(Error::from)?;
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    let mut report = OpenReport::default();
    let transaction = connection.begin().await.map_err(Error::from)?;
    // Two nodes that start at the same moment migrate one after the other.
    sqlite::run(&transaction, [format!("SELECT pg_advisory_xact_lock({})", migrations::APPLICATION_ID)])
        .await?;
    let names = sqlite::table_names(&transaction).await?;
    let known = |name: &str| names.iter().any(|there| there == name);
    let version = match known("schema_migrations") {
        true => sqlite::number(&transaction, "SELECT max(number) FROM schema_migrations").await?,
        false => 0,
    };
    if version > migrations::CURRENT {
        return Err(OpenError::Newer {
            path: host,
            found: version,
            known: migrations::CURRENT,
            backup: None,
        });
    }
    report.created = !schema::tables().iter().any(|table| known(&table.name));
    let vault = Vault::open(&options.data_dir, report.created)?;
    let before = migrations::add_columns(&transaction, version).await?;
    let done = repair::repair(&transaction).await?;
    if !report.created {
        report.repaired = done;
    }
    let now = options.clock.now();
    if version == 0 && !report.created {
        migrations::note_lost(&transaction, migrations::CURRENT, now).await?;
        report
            .repaired
            .push("the list of migrations was missing; the schema was recognised by its tables".to_owned());
    }
    migrations::apply(&transaction, version, now).await?;
    if let Some(before) = before {
        report.migration = Some(migrations::account(&transaction, version, &before, None, now).await?);
    }
    transaction.commit().await.map_err(Error::from)?;
    Ok(Opened { writer: connection.clone(), reader: connection, vault, lock: Some(lock), path: None, report })
}
