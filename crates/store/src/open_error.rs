//! What came of opening: the report of what was done, or why the database was not opened, with the remedy.

use crate::error::Error;
use crate::folder::FolderError;
use crate::repair::RepairError;
use crate::report::MigrationReport;
use crate::vault::KeyError;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What was found and done while opening.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OpenReport {
    /// The database was made anew.
    pub created: bool,
    /// What was missing and has been put back, one sentence each.
    pub repaired: Vec<String>,
    /// The account of a takeover that was done now.
    pub takeover: Option<MigrationReport>,
    /// The account of a migration from an earlier schema of ours that was done now.
    pub migration: Option<MigrationReport>,
    /// Copy of the file as it was, when it was changed.
    pub backup_path: Option<PathBuf>,
    /// The database cannot be written; every write answers [`Error::ReadOnly`].
    pub read_only: bool,
    /// What else a person should know.
    pub notes: Vec<String>,
}

impl OpenReport {
    /// What was found and done, in sentences; empty when there was nothing to do.
    pub fn sentences(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.created {
            lines.push("a new database was made".to_owned());
        }
        if let Some(account) = &self.migration {
            let rows = account.totals().0;
            lines.push(format!("migrated {}: all {rows} rows are kept", account.source));
        }
        if let (Some(path), None) = (&self.backup_path, &self.takeover) {
            lines.push(format!("the file as it was is kept as {}", path.display()));
        }
        lines.extend(self.repaired.iter().map(|what| format!("repaired: {what}")));
        lines.extend(self.notes.iter().cloned());
        if let Some(account) = &self.takeover {
            lines.extend(account.to_string().lines().map(str::to_owned));
        }
        lines
    }
}

/// Why the database was not opened. The file is as it was, byte for byte. The text ends with the remedy, which
/// [`OpenError::remedy`] gives alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process uses the data folder.
    #[error("another Charon (process {pid}) uses the data folder {}; {}", folder.display(), self.remedy())]
    Locked {
        /// The data folder.
        folder: PathBuf,
        /// The other process, as it says itself.
        pid: String,
    },
    /// The data folder cannot be used.
    #[error(transparent)]
    Folder(FolderError),
    /// The key file is missing or cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file is damaged.
    #[error("the database {} is damaged: {damage}; it was left as it is; {}", path.display(), self.remedy())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        damage: String,
        /// The newest backup that is sound.
        backup: Option<PathBuf>,
    },
    /// The file is gone, though the folder was in use before.
    #[error("the database {} is gone, but the folder holds what belongs to it ({trace}); {}", path.display(), self.remedy())]
    Lost {
        /// Where the file should be.
        path: PathBuf,
        /// What shows that there was one.
        trace: String,
        /// The newest backup that is sound.
        backup: Option<PathBuf>,
    },
    /// A newer Charon has written the file.
    #[error("the database {} was written by a newer Charon (schema {found}; this one knows {known}); {}", path.display(), self.remedy())]
    Newer {
        /// The file, or the address of the server.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this binary knows.
        known: i64,
        /// The newest backup that is sound and that this binary can open.
        backup: Option<PathBuf>,
    },
    /// Another program's database.
    #[error("{} is a database of another program (it has the tables {tables}); {}", path.display(), self.remedy())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Some of its tables.
        tables: String,
    },
    /// Something is missing that cannot be put back.
    #[error(transparent)]
    Repair(#[from] RepairError),
    /// The address of PostgreSQL cannot be read.
    #[error("CHARON_DATABASE_URL cannot be read ({0}); {remedy}", remedy = self.remedy())]
    Url(String),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] Error),
}

impl From<FolderError> for OpenError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::InUse { folder, pid } => Self::Locked { folder, pid },
            other => Self::Folder(other),
        }
    }
}

impl OpenError {
    /// What mends it, as one sentence or a command.
    pub fn remedy(&self) -> String {
        let restore = |backup: &Option<PathBuf>| match backup.as_deref().and_then(Path::file_name) {
            Some(name) => {
                format!(
                    "restore the newest sound backup with `charon backups restore {}`",
                    name.to_string_lossy()
                )
            }
            None => {
                "there is no sound backup in the data folder; put one of your own in its place".to_owned()
            }
        };
        match self {
            Self::Locked { .. } => {
                "stop it first, or give this one another folder with CHARON_DATA_DIR".to_owned()
            }
            Self::Folder(FolderError::ReadOnly(path)) => {
                format!("give {} to the user that runs Charon", path.display())
            }
            Self::Folder(_) => "see that the data folder is there and can be read and written".to_owned(),
            Self::Key(_) => format!("put {} back from a backup of the data folder", crate::KEY_FILE),
            Self::Corrupt { backup, .. } => restore(backup),
            Self::Lost { backup, .. } => {
                format!("{}; to begin anew, move the rest of the folder away", restore(backup))
            }
            Self::Newer { backup, .. } => match backup {
                Some(_) => format!("start the newer Charon again, or {}", restore(backup)),
                None => "start the newer Charon again".to_owned(),
            },
            Self::Foreign { .. } => "give Charon another file with CHARON_DB_PATH".to_owned(),
            Self::Repair(_) => {
                "restore a backup from before the damage: `charon backups restore NAME`; `charon backups list` shows them"
                    .to_owned()
            }
            Self::Url(_) => "write it like postgres://user:password@host/database".to_owned(),
            Self::Database(Error::DiskFull) => "free some space on the volume of the data folder".to_owned(),
            Self::Database(_) => {
                "see that the database can be reached and that no other program locks it".to_owned()
            }
        }
    }
}
