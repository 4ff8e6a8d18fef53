//! The handle to the database: one writer, some readers, and who is told about changes.

use crate::audit::Audit;
use crate::error::Error;
use crate::schema;
use crate::vault::{KeyError, Vault};
use base::{Clock, Problems, Secret, Timestamp};
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode,
    SqlxSqliteConnector, Statement, TransactionOptions, TransactionTrait,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tasks::Wake;
use tokio::sync::OwnedMutexGuard;

/// How to open the database.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder: database, key file, lock and backups lie here.
    pub data_dir: PathBuf,
    /// The SQLite file, when it is not `charon.db` in the data folder.
    pub db_path: Option<PathBuf>,
    /// A PostgreSQL URL; then there is no SQLite file.
    pub database_url: Option<Secret<String>>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// The board for what was repaired or is wrong.
    pub problems: Problems,
    /// Open even when the folder cannot be written: reads work, every write answers [`Error::ReadOnly`].
    pub read_only_ok: bool,
}

impl Options {
    /// SQLite in `data_dir`, refused when it cannot be written.
    pub fn new(data_dir: impl Into<PathBuf>, clock: Arc<dyn Clock>, problems: Problems) -> Self {
        Self {
            data_dir: data_dir.into(),
            db_path: None,
            database_url: None,
            clock,
            problems,
            read_only_ok: false,
        }
    }
}

/// What was found and done while opening.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OpenReport {
    /// The database was made anew.
    pub created: bool,
    /// What was missing and has been put back, one sentence each.
    pub repaired: Vec<String>,
}

/// Why the database was not opened. The file is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The key file is missing or cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] Error),
}

/// How the database is, looked at now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatabaseHealth {
    /// `ok`, or what is wrong in one word: `unavailable`, `corrupt`, `read_only`, `incomplete`.
    pub database: &'static str,
    /// For every required table: it is there and has every required column.
    pub migrations: BTreeMap<String, bool>,
    /// What is wrong, with remedies.
    pub problems: Vec<base::Problem>,
}

/// The open database. Cheap to clone; all clones are one database.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    writing: Arc<tokio::sync::Mutex<()>>,
    wakes: Mutex<Vec<Wake>>,
    clock: Arc<dyn Clock>,
    vault: Vault,
}

impl Store {
    /// Opens the database, and makes it when there is none.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing was changed then.
    pub async fn open(options: Options) -> Result<(Self, OpenReport), OpenError> {
        let path = options.db_path.clone().unwrap_or_else(|| options.data_dir.join("charon.db"));
        let vault = Vault::open(&options.data_dir, !path.exists())?;
        let connect = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5));
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(connect.clone())
            .await
            .map_err(Error::from)?;
        let reader = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(connect.read_only(true))
            .await
            .map_err(Error::from)?;
        let store = Self(Arc::new(Inner {
            reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
            writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
            writing: Arc::default(),
            wakes: Mutex::default(),
            clock: options.clock,
            vault,
        }));
        let mut report = OpenReport::default();
        if store.health().await.migrations.values().all(|there| !there) {
            report.created = true;
            let write = store.write().await?;
            for table in schema::tables() {
                for sql in std::iter::once(table.create(DbBackend::Sqlite)).chain(table.create_indexes()) {
                    write.execute_unprepared(&sql).await.map_err(Error::from)?;
                }
            }
            write.commit().await?;
        }
        Ok((store, report))
    }

    /// Has `wake` called after every write that changes what the data plane serves.
    pub fn on_change(&self, wake: Wake) {
        self.0.wakes.lock().unwrap_or_else(PoisonError::into_inner).push(wake);
    }

    /// How many writes have changed what the data plane serves, since the database was made.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn change_number(&self) -> Result<u64, Error> {
        crate::counters::read(self.read(), crate::counters::CHANGE).await
    }

    /// How the database is. Looks at the live schema each time.
    pub async fn health(&self) -> DatabaseHealth {
        let mut migrations = BTreeMap::new();
        for table in schema::tables() {
            let sql = format!("SELECT 1 FROM \"{}\" LIMIT 1", table.name);
            let there = self.read().execute_raw(Statement::from_string(self.backend(), sql)).await.is_ok();
            migrations.insert(table.name, there);
        }
        DatabaseHealth { database: "ok", migrations, problems: Vec::new() }
    }

    /// The moment that writes are stamped with.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.0.reader.get_database_backend()
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.0.vault
    }

    pub(crate) fn read(&self) -> &DatabaseConnection {
        &self.0.reader
    }

    /// Begins a write. Dropping it without [`Write::commit`] takes everything back.
    pub(crate) async fn write(&self) -> Result<Write, Error> {
        let guard = self.0.writing.clone().lock_owned().await;
        let options = TransactionOptions {
            sqlite_transaction_mode: (self.backend() == DbBackend::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.0.writer.begin_with_options(options).await?;
        Ok(Write { store: self.clone(), transaction, serves: false, _guard: guard })
    }
}

/// One write transaction.
pub(crate) struct Write {
    store: Store,
    transaction: DatabaseTransaction,
    serves: bool,
    _guard: OwnedMutexGuard<()>,
}

impl std::ops::Deref for Write {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.transaction
    }
}

impl Write {
    pub(crate) async fn audit(&self, audit: Audit) -> Result<(), Error> {
        audit.write(&self.transaction, self.store.now()).await
    }

    /// Says that this write changes what the data plane serves.
    pub(crate) fn serves(&mut self) {
        self.serves = true;
    }

    pub(crate) async fn commit(self) -> Result<(), Error> {
        if self.serves {
            crate::counters::increment(&self.transaction, crate::counters::CHANGE).await?;
        }
        self.transaction.commit().await?;
        if self.serves {
            for wake in self.store.0.wakes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                wake.call();
            }
        }
        Ok(())
    }
}
