//! The handle to the database: one writer, some readers, and who is told about changes.

use crate::audit::Audit;
use crate::error::Error;
use crate::folder::Lock;
use crate::journal::{Journal, Touched};
use crate::open;
use crate::open_error::{OpenError, OpenReport};
use crate::postgres;
use crate::vault::Vault;
use crate::{live, schema};
use base::{Clock, Code, Problem, Problems, Secret, Timestamp};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
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

/// How the database is, looked at now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DatabaseHealth {
    /// `ok`, or what is wrong in one word: `unavailable`, `corrupt`, `read_only`, `disk_full`,
    /// `incomplete`.
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
    journal: Mutex<Journal>,
    clock: Arc<dyn Clock>,
    problems: Problems,
    vault: Vault,
    data_dir: PathBuf,
    /// The SQLite file and its inode, by which a file that was put in its place is told.
    file: Option<(PathBuf, u64)>,
    read_only: bool,
    /// Why the last write failed, until one succeeds.
    write_fault: Mutex<Option<Error>>,
    lock: Mutex<Option<Lock>>,
}

/// Component under which the store reports what it did while opening.
const OPENING: &str = "store";
/// Component under which [`Store::verify`] reports what is wrong now.
const LOOKING: &str = "database";

impl Store {
    /// Opens the database: makes it when there is none, takes over the original's, migrates, verifies and repairs.
    /// What was done is in the report, in the log at WARN, and on the board of problems.
    ///
    /// # Errors
    /// See [`OpenError`]; the file is as it was then.
    pub async fn open(options: Options) -> Result<(Self, OpenReport), OpenError> {
        let opened = match &options.database_url {
            Some(url) => postgres::open(&options, url.expose()).await?,
            None => open::open_sqlite(&options).await?,
        };
        let file = opened.path.map(|path| {
            let inode = path.metadata().map_or(0, |data| data.ino());
            (path, inode)
        });
        let report = opened.report;
        let store = Self(Arc::new(Inner {
            reader: opened.reader,
            writer: opened.writer,
            writing: Arc::default(),
            wakes: Mutex::default(),
            journal: Mutex::default(),
            clock: options.clock,
            problems: options.problems,
            vault: opened.vault,
            data_dir: options.data_dir,
            file,
            read_only: report.read_only,
            write_fault: Mutex::default(),
            lock: Mutex::new(opened.lock),
        }));
        store.0.problems.report(OPENING, problems_of(&report));
        if let Some(account) = &report.takeover {
            tracing::warn!("{account}");
        }
        Ok((store, report))
    }

    /// Closes all connections, writes the log back into the file, and lets go of the lock on the folder. What uses
    /// a clone after that is told that the database is closed.
    pub async fn close(self) {
        _ = self.0.reader.close_by_ref().await;
        _ = self.0.writer.close_by_ref().await;
        drop(self.0.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
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

    /// Which rows were touched by the writes after the change number `seen`, up to `now`.
    pub fn touched(&self, seen: u64, now: u64) -> Touched {
        self.0.journal.lock().unwrap_or_else(PoisonError::into_inner).between(seen, now)
    }

    /// A number that changes when another program has written to the database file. `None` on PostgreSQL, which
    /// does not tell.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn outside_version(&self) -> Result<Option<i64>, Error> {
        match self.backend() {
            // All writes of ours go over this connection, which does not count its own.
            DbBackend::Sqlite => crate::sqlite::number(&self.0.writer, "PRAGMA data_version").await.map(Some),
            _ => Ok(None),
        }
    }

    /// How the database is. Looks at the live schema each time.
    pub async fn health(&self) -> DatabaseHealth {
        let mut problems = Vec::new();
        if self.0.read_only {
            problems.push(problem_of(&Error::ReadOnly));
        }
        problems.extend(self.file_problems());
        let looked = live::columns(self.read()).await;
        let unreachable = looked.is_err();
        let columns = looked.unwrap_or_else(|error| {
            problems.push(problem_of(&error));
            BTreeMap::new()
        });
        let mut migrations = BTreeMap::new();
        for table in schema::tables() {
            let there = columns.get(&table.name);
            let missing: Vec<&str> = table
                .columns
                .iter()
                .map(|column| column.name.as_str())
                .filter(|name| !there.is_some_and(|there| there.iter().any(|column| column.name == *name)))
                .collect();
            if !missing.is_empty() && !unreachable {
                let what = match there {
                    None => format!("the table {} is missing", table.name),
                    Some(_) => format!("the table {} lacks {}", table.name, missing.join(", ")),
                };
                let remedy = "restart Charon: it repairs the database at start and says what it did";
                problems.push(
                    Problem::new(Code::DatabaseTableMissing, what, remedy)
                        .about(format!("table {}", table.name)),
                );
            }
            migrations.insert(table.name, missing.is_empty());
        }
        if !unreachable {
            self.try_again().await;
        }
        problems.extend(self.write_fault().iter().map(problem_of));
        let database = problems.first().map_or("ok", |problem| match problem.code {
            Code::DatabaseTableMissing => "incomplete",
            Code::DatabaseReadOnly => "read_only",
            Code::DatabaseFull => "disk_full",
            Code::DatabaseCorrupt => "corrupt",
            _ => "unavailable",
        });
        DatabaseHealth { database, migrations, problems }
    }

    /// Looks at the database as [`Store::health`] does, and puts what is wrong on the board of problems.
    pub async fn verify(&self) -> DatabaseHealth {
        let health = self.health().await;
        self.0.problems.report(LOOKING, health.problems.clone());
        health
    }

    fn write_fault(&self) -> Option<Error> {
        self.0.write_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// After a write that failed, whether writes work again is found out by one, and not by the next person.
    async fn try_again(&self) {
        if self.write_fault().is_none() {
            return;
        }
        let outcome = async {
            let write = self.write().await?;
            crate::counters::increment(&*write, crate::counters::TRIES).await?;
            write.commit().await
        };
        if let Err(error) = outcome.await {
            self.note_write(&Err(error));
        }
    }

    fn file_problems(&self) -> Vec<Problem> {
        let Some((path, inode)) = &self.0.file else { return Vec::new() };
        let mut problems = Vec::new();
        if path.metadata().map(|data| data.ino()).ok() != Some(*inode) {
            problems.push(Problem::new(
                Code::DatabaseUnavailable,
                format!("the file {} was removed or replaced while Charon runs", path.display()),
                "what is saved now goes into the removed file: take a backup in the UI, then restart Charon",
            ));
        }
        if let Ok(free) = fs4::available_space(path.parent().unwrap_or(path))
            && free < LOW_SPACE
        {
            problems.push(Problem::new(
                Code::DatabaseFull,
                format!("only {} MB are free on the volume of {}", free / 1_000_000, path.display()),
                "free some space on the volume of the data folder",
            ));
        }
        problems
    }

    /// The data folder, when the database is an SQLite file in it.
    pub(crate) fn sqlite_folder(&self) -> Result<&Path, Error> {
        match self.0.file {
            Some(_) => Ok(&self.0.data_dir),
            None => Err(Error::Other("backups of PostgreSQL are made with pg_dump".to_owned())),
        }
    }

    fn note_write(&self, result: &Result<(), Error>) {
        let mut fault = self.0.write_fault.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => *fault = None,
            Err(error @ (Error::DiskFull | Error::ReadOnly | Error::Corrupt(_) | Error::Unavailable(_))) => {
                *fault = Some(error.clone());
            }
            Err(_) => {}
        }
    }

    /// The moment that writes are stamped with.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn backend(&self) -> DbBackend {
        self.0.reader.get_database_backend()
    }

    /// The vault of this data folder.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    pub(crate) fn read(&self) -> &DatabaseConnection {
        &self.0.reader
    }

    /// Begins a write. Dropping it without [`Write::commit`] takes everything back.
    pub(crate) async fn write(&self) -> Result<Write, Error> {
        if self.0.read_only {
            return Err(Error::ReadOnly);
        }
        let guard = self.0.writing.clone().lock_owned().await;
        let options = TransactionOptions {
            sqlite_transaction_mode: (self.backend() == DbBackend::Sqlite)
                .then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let begun = self.0.writer.begin_with_options(options).await.map_err(Error::from);
        if let Err(error) = &begun {
            self.note_write(&Err(error.clone()));
        }
        let transaction = begun?;
        Ok(Write { store: self.clone(), transaction, touched: None, _guard: guard })
    }
}

/// One write transaction.
pub(crate) struct Write {
    store: Store,
    transaction: DatabaseTransaction,
    /// What of the served it changes; `None` when nothing.
    touched: Option<Touched>,
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

    /// Says that this write changes what is served, in tables whose readers always read all of them.
    pub(crate) fn serves(&mut self) {
        self.touches(&Touched::default());
    }

    /// Says that this write changes what the data plane serves, and which rows of hosts and certificates it
    /// touches; `Touched::Everything` when it cannot say.
    pub(crate) fn touches(&mut self, touched: &Touched) {
        self.touched.get_or_insert_default().merge(touched);
    }

    pub(crate) async fn commit(self) -> Result<(), Error> {
        let Self { store, transaction, touched, _guard } = self;
        let result = async {
            if let Some(touched) = &touched {
                let number = crate::counters::increment(&transaction, crate::counters::CHANGE).await?;
                // Before the commit: whoever reads the number finds it in the journal.
                store.0.journal.lock().unwrap_or_else(PoisonError::into_inner).note(number, touched);
            }
            transaction.commit().await.map_err(Error::from)
        }
        .await;
        store.note_write(&result);
        result?;
        if touched.is_some() {
            for wake in store.0.wakes.lock().unwrap_or_else(PoisonError::into_inner).iter() {
                wake.call();
            }
        }
        Ok(())
    }
}

/// Less than this many bytes free is a problem.
const LOW_SPACE: u64 = 32_000_000;

fn problem_of(error: &Error) -> Problem {
    let (code, remedy) = match error {
        Error::ReadOnly => (
            Code::DatabaseReadOnly,
            "make the data folder writable for the user that runs Charon, then restart it",
        ),
        Error::DiskFull => (Code::DatabaseFull, "free some space on the volume of the data folder"),
        Error::Corrupt(_) => (Code::DatabaseCorrupt, "stop Charon and run `charon backups restore`"),
        Error::TableMissing(_) => {
            (Code::DatabaseTableMissing, "restart Charon: it repairs the database at start")
        }
        _ => (
            Code::DatabaseUnavailable,
            "see that the database can be reached and that no other program locks it",
        ),
    };
    Problem::new(code, error.to_string(), remedy)
}

/// What opening did, as problems that a person should see.
fn problems_of(report: &OpenReport) -> Vec<Problem> {
    let kept = report.backup_path.as_ref().map_or_else(String::new, |path| format!(" ({})", path.display()));
    let mut problems: Vec<Problem> = report
        .repaired
        .iter()
        .map(|what| {
            let subject = what.split_once(", it ").map_or(what.as_str(), |(subject, _)| subject);
            let remedy =
                format!("look whether something is missing; the file as it was is among the backups{kept}");
            Problem::new(Code::DatabaseRepaired, what.clone(), remedy).about(subject)
        })
        .collect();
    problems.extend(report.notes.iter().map(|note| {
        let remedy = format!("look whether something is missing{kept}");
        Problem::new(Code::DatabaseRepaired, note.clone(), remedy).about("opening")
    }));
    if let Some(account) = &report.takeover {
        let (rows, carried, changed, aside) = account.totals();
        let what = format!(
            "{} was taken over: {rows} rows found, {carried} carried, {changed} carried with a change, {aside} set aside",
            account.source
        );
        let remedy = format!("read the migration report; the file as it was is among the backups{kept}");
        problems.push(Problem::new(Code::DatabaseTakenOver, what, remedy).link("/system?tab=migration"));
    }
    problems
}
