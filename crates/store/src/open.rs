//! Opens the database: lock, look, recognise, back up, migrate or take over, verify, repair. In this order, and
//! nothing is written before the file is known to be sound and ours to write.

use crate::error::Error;
use crate::folder::{FolderError, Lock, log_is_garbage, read_header, with_suffix};
use crate::handle::Options;
use crate::live;
use crate::open_error::{OpenError, OpenReport};
use crate::repair::{self, RepairError};
use crate::vault::{Vault, sync_folder};
use crate::{backups, migrations, schema, sqlite, takeover};
use base::Timestamp;
use sea_orm::{DatabaseConnection, DbBackend, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// What opening leaves behind for the handle.
pub(crate) struct Opened {
    pub(crate) writer: DatabaseConnection,
    pub(crate) reader: DatabaseConnection,
    pub(crate) vault: Vault,
    pub(crate) lock: Option<Lock>,
    pub(crate) path: Option<PathBuf>,
    pub(crate) report: OpenReport,
}

/// What kind of database a file is.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    /// Ours, with its schema's number; `marked` when list and marks of migrations are whole.
    Ours { version: i64, marked: bool },
    /// The original product's.
    Original,
    /// A valid file without any table.
    Empty,
    /// Another program's.
    Foreign(Vec<String>),
}

/// Opens the SQLite file of a data folder.
pub(crate) async fn open_sqlite(options: &Options) -> Result<Opened, OpenError> {
    let data_dir = options.data_dir.as_path();
    let path = options.db_path.clone().unwrap_or_else(|| data_dir.join("charon.db"));
    let now = options.clock.now();
    let mut report = OpenReport::default();
    let lock = match Lock::take(data_dir).and_then(|lock| lock.and_of(&path, data_dir)) {
        Ok(lock) => Some(lock),
        Err(FolderError::ReadOnly(_)) if options.read_only_ok && path.exists() => None,
        Err(refused) => return Err(refused.into()),
    };
    if !path.exists() {
        create(data_dir, &path, now).await?;
        report.created = true;
    }
    let writable = fs::OpenOptions::new().write(true).open(&path).is_ok();
    if lock.is_none() || !writable {
        return open_read_only(options, path, lock, report).await;
    }
    let kind = look(data_dir, &path, false).await?;
    match &kind {
        Kind::Ours { version, .. } if *version > migrations::CURRENT => {
            let (found, known) = (*version, migrations::CURRENT);
            return Err(OpenError::Newer {
                path,
                found,
                known,
                backup: backups::newest_good(data_dir).await,
            });
        }
        Kind::Foreign(tables) => {
            let tables = tables.iter().take(5).map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(OpenError::Foreign { path, tables });
        }
        _ => {}
    }
    let vault = Vault::open(data_dir, !matches!(kind, Kind::Ours { .. }))?;
    keep_garbage_log(&path, now, &mut report)?;
    match kind {
        Kind::Original => take_over(data_dir, &path, &vault, now, &mut report).await?,
        Kind::Ours { version, marked } => {
            bring_up(data_dir, &path, version, marked, now, &mut report).await?
        }
        Kind::Empty | Kind::Foreign(_) => {
            // A valid file without tables, in a folder that was never used: nothing is being repaired.
            bring_up(data_dir, &path, 0, true, now, &mut report).await?;
            report = OpenReport { created: true, ..OpenReport::default() };
        }
    }
    let writer = sqlite::writer(&path).await?;
    for file in [path.clone(), with_suffix(&path, "-wal"), with_suffix(&path, "-shm")] {
        // The log and its index take over the file's permissions only when they are made.
        _ = fs::set_permissions(&file, fs::Permissions::from_mode(0o600));
    }
    let reader = sqlite::readers(&path, false).await?;
    Ok(Opened { writer, reader, vault, lock, path: Some(path), report })
}

/// A folder or file that cannot be written: everything must be right already.
async fn open_read_only(
    options: &Options,
    path: PathBuf,
    lock: Option<Lock>,
    mut report: OpenReport,
) -> Result<Opened, OpenError> {
    if !options.read_only_ok {
        return Err(FolderError::ReadOnly(path).into());
    }
    // Without a place for the log's index the file can be read only as it stands.
    let immutable = lock.is_none();
    let kind = look(&options.data_dir, &path, immutable).await?;
    let vault = Vault::open(&options.data_dir, false)?;
    let reader = sqlite::readers(&path, immutable).await?;
    let missing = live::differences(&reader).await?;
    match kind {
        Kind::Ours { version, marked: true } if version == migrations::CURRENT && missing.is_empty() => {}
        _ => return Err(FolderError::ReadOnly(path).into()),
    }
    report.read_only = true;
    Ok(Opened { writer: reader.clone(), reader, vault, lock, path: Some(path), report })
}

/// Looks at a file without changing it: is it sound, and whose is it?
async fn look(data_dir: &Path, path: &Path, immutable: bool) -> Result<Kind, OpenError> {
    let corrupt = async |damage: String| OpenError::Corrupt {
        path: path.to_owned(),
        damage,
        backup: backups::newest_good(data_dir).await,
    };
    let header = match read_header(path) {
        Ok(header) => header,
        Err(damage) => return Err(corrupt(damage).await),
    };
    // A rollback journal left behind by a crash can only be played back by writing, which is SQLite's own repair.
    let has_journal = with_suffix(path, "-journal").metadata().is_ok_and(|journal| journal.len() > 0);
    let looked = async {
        let connection = match has_journal && !immutable {
            true => sqlite::migrate(path).await?,
            false => sqlite::look(path, immutable).await?,
        };
        let found = async {
            if let Some(damage) = sqlite::damage(&connection).await? {
                return Err(Error::Corrupt(damage));
            }
            recognise(&connection, header.application_id).await
        }
        .await;
        _ = connection.close().await;
        found
    }
    .await;
    match looked {
        Ok(Kind::Empty) if data_dir.join(crate::KEY_FILE).exists() => {
            Err(corrupt("it has no tables, though this folder was in use".to_owned()).await)
        }
        Ok(kind) => Ok(kind),
        Err(Error::Corrupt(damage) | Error::Other(damage)) => Err(corrupt(damage).await),
        Err(other) => Err(other.into()),
    }
}

async fn recognise(connection: &DatabaseConnection, header_id: u32) -> Result<Kind, Error> {
    let names = sqlite::table_names(connection).await?;
    let known = |name: &str| names.iter().any(|there| there == name);
    let version = sqlite::number(connection, "PRAGMA user_version").await?;
    let id = sqlite::number(connection, "PRAGMA application_id").await?;
    let our_mark = [id, i64::from(header_id)].contains(&i64::from(migrations::APPLICATION_ID));
    let listed = match known("schema_migrations") {
        true => sqlite::number(connection, "SELECT max(number) FROM schema_migrations").await.unwrap_or(0),
        false => 0,
    };
    // Tables that only we have: with two of them it is ours, even when every mark is lost.
    let own =
        ["sessions", "api_tokens", "counters", "set_aside_rows", "migration_reports", "schema_migrations"];
    let own = own.iter().filter(|name| known(name)).count();
    if names.is_empty() && !our_mark {
        return Ok(Kind::Empty);
    }
    if our_mark || own >= 2 {
        let marked = our_mark && listed > 0 && version == listed;
        return Ok(Kind::Ours { version: listed.max(version), marked });
    }
    if takeover::is_original(&names) {
        return Ok(Kind::Original);
    }
    Ok(Kind::Foreign(names))
}

/// Makes a new database under another name and moves it into its place when it is whole, so that a crash leaves
/// either none or a whole one.
async fn create(data_dir: &Path, path: &Path, now: Timestamp) -> Result<(), OpenError> {
    let log = with_suffix(path, "-wal");
    let trace = match backups::unchecked(data_dir).first() {
        Some(_) => Some("backups".to_owned()),
        None if log.exists() => Some(log.display().to_string()),
        None => None,
    };
    if let Some(trace) = trace {
        let backup = backups::newest_good(data_dir).await;
        return Err(OpenError::Lost { path: path.to_owned(), trace, backup });
    }
    Vault::open(data_dir, true)?;
    crate::step::step("create-key-made");
    let temporary = with_suffix(path, ".new");
    let fault = |error: io::Error| match error.kind() {
        io::ErrorKind::StorageFull => OpenError::Database(Error::DiskFull),
        _ => OpenError::Folder(FolderError::Io(data_dir.to_owned(), error)),
    };
    for suffix in ["", "-journal", "-wal", "-shm"] {
        match fs::remove_file(with_suffix(&temporary, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fault(error)),
            _ => {}
        }
    }
    let connection = sqlite::migrate(&temporary).await?;
    let made = async {
        let transaction = connection.begin().await?;
        for table in schema::tables() {
            sqlite::run(&transaction, [table.create(DbBackend::Sqlite)]).await?;
            sqlite::run(&transaction, table.create_indexes()).await?;
        }
        migrations::apply(&transaction, 0, now).await?;
        crate::step::step("create-before-commit");
        transaction.commit().await?;
        Ok::<(), Error>(())
    }
    .await;
    _ = connection.close().await;
    if let Err(error) = made {
        _ = fs::remove_file(&temporary);
        return Err(error.into());
    }
    let file = fs::File::open(&temporary).map_err(fault)?;
    file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(fault)?;
    file.sync_all().map_err(fault)?;
    crate::step::step("create-before-rename");
    fs::rename(&temporary, path).map_err(fault)?;
    sync_folder(path).map_err(fault)?;
    crate::step::step("create-renamed");
    Ok(())
}

fn immediate() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

/// Migrates and repairs a database of ours, if there is anything to do.
async fn bring_up(
    data_dir: &Path,
    path: &Path,
    version: i64,
    marked: bool,
    now: Timestamp,
    report: &mut OpenReport,
) -> Result<(), OpenError> {
    let connection = sqlite::migrate(path).await?;
    let result = async {
        let differences = live::differences(&connection).await?;
        if version == migrations::CURRENT && marked && differences.is_empty() {
            return Ok(());
        }
        let reason = if version < migrations::CURRENT { "before-migration" } else { "before-repair" };
        report.backup_path = Some(backups::take(&connection, data_dir, now, reason).await?);
        crate::step::step("repair-backed-up");
        let transaction = connection.begin_with_options(immediate()).await.map_err(Error::from)?;
        let before = migrations::add_columns(&transaction, version).await?;
        report.repaired = repair::repair(&transaction).await?;
        if !marked && version > 0 {
            migrations::note_lost(&transaction, version, now).await?;
            report.repaired.push(format!(
                "the list or the marks of migrations were missing; the schema was recognised as number {version} by \
                 its tables"
            ));
        }
        migrations::apply(&transaction, version, now).await?;
        if let Some(before) = before {
            let backup = report.backup_path.clone();
            report.migration =
                Some(migrations::account(&transaction, version, &before, backup, now).await?);
        }
        crate::step::step("repair-before-commit");
        transaction.commit().await.map_err(Error::from)?;
        crate::step::step("repair-committed");
        Ok::<(), OpenError>(())
    }
    .await;
    _ = connection.close().await;
    result
}

/// Takes a database of the original product over.
async fn take_over(
    data_dir: &Path,
    path: &Path,
    vault: &Vault,
    now: Timestamp,
    report: &mut OpenReport,
) -> Result<(), OpenError> {
    let connection = sqlite::migrate(path).await?;
    let result = async {
        let backup = backups::take(&connection, data_dir, now, "before-takeover").await?;
        crate::step::step("takeover-backed-up");
        let transaction = connection.begin_with_options(immediate()).await.map_err(Error::from)?;
        let account = takeover::run_on(&transaction, vault, now, Some(backup.clone())).await?;
        let left = live::differences(&transaction).await?;
        if let Some((table, found)) = left.first() {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            let what = format!("after the takeover, table {}: {}", table.name, found.join(", "));
            return Err(OpenError::Repair(RepairError::Impossible(what)));
        }
        let orphans = sqlite::number(&transaction, ORPHANS).await?;
        if orphans > 0 {
            let what = format!("after the takeover, {orphans} rows would point at rows that are not there");
            return Err(OpenError::Repair(RepairError::Impossible(what)));
        }
        transaction.commit().await.map_err(Error::from)?;
        crate::step::step("takeover-committed");
        // Rows that the original deleted long ago may still stand in unused pages, in clear.
        if let Err(error) = sqlite::run(&connection, ["VACUUM"]).await {
            tracing::warn!("the unused pages of the old file could not be removed: {error}");
        }
        report.backup_path = Some(backup);
        report.takeover = Some(account);
        Ok(())
    }
    .await;
    _ = connection.close().await;
    result
}

/// Rows of our tables that point at nothing. Unknown tables of the original may have had orphans for years.
const ORPHANS: &str = "SELECT count(*) FROM pragma_foreign_key_check WHERE \"table\" IN \
     ('proxy_hosts', 'locations', 'user_permitted_hosts', 'sessions', 'api_tokens')";

/// A log that SQLite cannot read is ignored and overwritten by it; keep a copy, and say so.
fn keep_garbage_log(path: &Path, now: Timestamp, report: &mut OpenReport) -> Result<(), OpenError> {
    if !log_is_garbage(path) {
        return Ok(());
    }
    let log = with_suffix(path, "-wal");
    let aside = with_suffix(path, &format!("-wal.unreadable-{}", now.millis()));
    fs::copy(&log, &aside).map_err(|error| FolderError::Io(log.clone(), error))?;
    report.notes.push(format!(
        "the write-ahead log {} could not be read, so changes that stood only in it are lost; it is kept as {}",
        log.display(),
        aside.display()
    ));
    Ok(())
}
