//! Copies of the SQLite file, taken while it is in use, checked, and given back. PostgreSQL has `pg_dump` for it.

use crate::error::Error;
use crate::folder::with_suffix;
use crate::vault::sync_folder;
use crate::{Store, sqlite};
use base::{Clock, Timestamp};
use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde::Serialize;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Folder of the backups inside the data folder.
pub const FOLDER: &str = "backups";

/// This many of the newest backups of each reason are kept.
const KEPT: usize = 10;

/// A backup in the data folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Its file name.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Why it was taken: `scheduled`, `before-takeover`, `before-repair` ...
    pub reason: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When it was taken, by its name.
    pub created_at: Timestamp,
    /// It passes SQLite's integrity check.
    pub good: bool,
}

/// The backups of a data folder, newest first, each one checked.
///
/// # Errors
/// When the folder is there and cannot be read.
pub async fn list(data_dir: &Path) -> Result<Vec<Backup>, Error> {
    let folder = data_dir.join(FOLDER);
    let mut backups = match fs::read_dir(&folder) {
        Ok(_) => unchecked(data_dir),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            return Err(Error::Unavailable(format!("{} cannot be read: {error}", folder.display())));
        }
    };
    for backup in &mut backups {
        backup.good = check(&backup.path).await.is_ok();
    }
    Ok(backups)
}

/// The backups of a data folder, newest first, without a look inside. An unreadable folder has none.
pub(crate) fn unchecked(data_dir: &Path) -> Vec<Backup> {
    let Ok(entries) = fs::read_dir(data_dir.join(FOLDER)) else { return Vec::new() };
    let mut backups: Vec<Backup> = entries.flatten().filter_map(|entry| from_path(entry.path())).collect();
    backups.sort_by(|a, b| b.name.cmp(&a.name));
    backups
}

/// `charon-20251205T190302.123Z-before-takeover.db`
fn from_path(path: PathBuf) -> Option<Backup> {
    let name = path.file_name()?.to_str()?.to_owned();
    let (time, reason) = name.strip_prefix("charon-")?.strip_suffix(".db")?.split_once('-')?;
    let created_at = Timestamp::parse(time).ok()?;
    let (reason, size_bytes) = (reason.to_owned(), path.metadata().ok()?.len());
    Some(Backup { name, path, reason, size_bytes, created_at, good: false })
}

/// The newest backup that passes SQLite's integrity check and was not written by a newer Charon.
pub async fn newest_good(data_dir: &Path) -> Option<PathBuf> {
    for backup in unchecked(data_dir) {
        let newer = crate::folder::read_header(&backup.path).is_ok_and(|header| {
            header.application_id == crate::migrations::APPLICATION_ID
                && i64::from(header.user_version) > crate::migrations::CURRENT
        });
        if !newer && check(&backup.path).await.is_ok() {
            return Some(backup.path);
        }
    }
    None
}

/// Says what is wrong with a backup, as an error.
async fn check(path: &Path) -> Result<(), Error> {
    crate::folder::read_header(path).map_err(Error::Corrupt)?;
    let connection = sqlite::look(path, true).await?;
    let damage = sqlite::damage(&connection).await;
    _ = connection.close().await;
    match damage? {
        Some(damage) => Err(Error::Corrupt(damage)),
        None => Ok(()),
    }
}

/// Copies the database behind `connection`, its log included, into the folder of backups. The copy is durable
/// and checked when this returns.
pub(crate) async fn take(
    connection: &DatabaseConnection,
    data_dir: &Path,
    now: Timestamp,
    reason: &str,
) -> Result<PathBuf, Error> {
    let folder = data_dir.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|error| io_error(&error))?;
    let time: String = now.to_string().chars().filter(|sign| !matches!(sign, '-' | ':')).collect();
    let path = folder.join(format!("charon-{time}-{reason}.db"));
    let temporary = with_suffix(&path, ".tmp");
    _ = fs::remove_file(&temporary);
    let result = async {
        let name = temporary.to_string_lossy().replace('\'', "''");
        connection.execute_unprepared(&format!("VACUUM INTO '{name}'")).await?;
        let file = fs::File::open(&temporary).map_err(|error| io_error(&error))?;
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(|error| io_error(&error))?;
        file.sync_all().map_err(|error| io_error(&error))?;
        check(&temporary).await?;
        fs::rename(&temporary, &path).map_err(|error| io_error(&error))?;
        sync_folder(&path).map_err(|error| io_error(&error))
    }
    .await;
    if let Err(error) = result {
        _ = fs::remove_file(&temporary);
        return Err(error);
    }
    tracing::info!(backup.path = %path.display(), backup.reason = reason, "backed up the database");
    prune(data_dir, reason);
    Ok(path)
}

/// Removes the oldest backups of one reason. The very first before a takeover is kept for ever: it is the only
/// copy of the original's own file.
fn prune(data_dir: &Path, reason: &str) {
    let mut same: Vec<Backup> =
        unchecked(data_dir).into_iter().filter(|backup| backup.reason == reason).collect();
    if reason == "before-takeover" {
        same.pop();
    }
    for old in same.into_iter().skip(KEPT) {
        match fs::remove_file(&old.path) {
            Ok(()) => tracing::info!(backup.path = %old.path.display(), "removed an old backup"),
            Err(error) => {
                tracing::warn!(backup.path = %old.path.display(), %error, "cannot remove an old backup");
            }
        }
    }
}

/// Puts a backup (by its file name) in the place of the database file. Charon must not run on the folder. The file
/// that was there is kept aside, with its log, as `charon.db.replaced-TIME`. Returns where it is kept.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Corrupt`] when the backup is damaged (then nothing was changed);
/// [`Error::Unavailable`] when Charon runs or a file cannot be written.
pub async fn restore(data_dir: &Path, db_path: &Path, name: &str) -> Result<Option<PathBuf>, Error> {
    let backup = unchecked(data_dir).into_iter().find(|backup| backup.name == name);
    let backup = backup.ok_or(Error::NotFound("backup"))?.path;
    check(&backup).await?;
    let _lock = crate::folder::Lock::take(data_dir).map_err(|error| Error::Unavailable(error.to_string()))?;
    let path = db_path.to_owned();
    let now = base::SystemClock.now();
    let temporary = with_suffix(&path, ".restoring");
    let work = || -> io::Result<Option<PathBuf>> {
        fs::copy(&backup, &temporary)?;
        let file = fs::File::open(&temporary)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.sync_all()?;
        let time: String = now.to_string().chars().filter(|sign| !matches!(sign, '-' | ':')).collect();
        let aside = with_suffix(&path, &format!(".replaced-{time}"));
        let there = path.exists();
        for suffix in ["-wal", "-shm", ""] {
            let old = with_suffix(&path, suffix);
            if old.exists() {
                fs::rename(&old, with_suffix(&aside, suffix))?;
            }
        }
        fs::rename(&temporary, &path)?;
        sync_folder(&path)?;
        Ok(there.then_some(aside))
    };
    work().map_err(|error| io_error(&error))
}

fn io_error(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::DiskFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Error::ReadOnly,
        _ => Error::Unavailable(error.to_string()),
    }
}

impl Store {
    /// Takes a backup now. `reason` is a short word such as `scheduled` or `manual`.
    ///
    /// # Errors
    /// When it cannot be written or does not pass the check; on PostgreSQL always (use `pg_dump`).
    pub async fn backup_now(&self, reason: &str) -> Result<PathBuf, Error> {
        let data_dir = self.sqlite_folder()?;
        let reason: String =
            reason.chars().map(|sign| if sign.is_ascii_alphanumeric() { sign } else { '-' }).collect();
        take(self.read(), data_dir, self.now(), &reason).await
    }

    /// The backups of this data folder, newest first, each one checked.
    ///
    /// # Errors
    /// When the folder cannot be read, or the database is on PostgreSQL.
    pub async fn list_backups(&self) -> Result<Vec<Backup>, Error> {
        list(self.sqlite_folder()?).await
    }

    /// The newest backup that passes SQLite's integrity check.
    pub async fn newest_good_backup(&self) -> Option<PathBuf> {
        newest_good(self.sqlite_folder().ok()?).await
    }
}
