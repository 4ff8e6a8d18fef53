//! The data folder: one process at a time, and a first look at the database file without opening it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Name of the lock file inside the data folder.
pub(crate) const LOCK_FILE: &str = "charon.lock";

/// Holds the data folder for this process. The system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _files: Vec<File>,
}

/// Why the data folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// Another process has it.
    #[error("another Charon (process {pid}) uses the data folder {}; stop it first, or give this one another folder with CHARON_DATA_DIR", folder.display())]
    InUse {
        /// The data folder.
        folder: PathBuf,
        /// The other process, as it says itself.
        pid: String,
    },
    /// It cannot be written.
    #[error("the data folder {} cannot be written by this user; give it to the user that runs Charon, for example: chown -R $(id -u) {}", .0.display(), .0.display())]
    ReadOnly(PathBuf),
    /// It cannot be used for another reason.
    #[error("the data folder {} cannot be used", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

impl Lock {
    /// Takes the folder, and makes it (0700) when it is missing.
    pub(crate) fn take(folder: &Path) -> Result<Self, FolderError> {
        let fault = |error: io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                FolderError::ReadOnly(folder.to_owned())
            }
            _ => FolderError::Io(folder.to_owned(), error),
        };
        if !folder.exists() {
            use std::os::unix::fs::DirBuilderExt;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
        }
        let path = folder.join(LOCK_FILE);
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(fault)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                _ = file.read_to_string(&mut pid);
                let pid = if pid.trim().is_empty() { "unknown".to_owned() } else { pid.trim().to_owned() };
                return Err(FolderError::InUse { folder: folder.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(fault(error)),
        }
        // A full disk must not keep Charon from starting: the number is for people, the lock is what counts.
        _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { _files: vec![file] })
    }

    /// Takes the folder of the database file too, when that lies outside the data folder: two data folders must not
    /// share one database.
    pub(crate) fn and_of(mut self, database: &Path, data_dir: &Path) -> Result<Self, FolderError> {
        let Some(folder) = database.parent().filter(|folder| !folder.as_os_str().is_empty()) else {
            return Ok(self);
        };
        let same =
            fs::canonicalize(folder).ok().is_some_and(|real| fs::canonicalize(data_dir).ok() == Some(real));
        if !same {
            self._files.extend(Self::take(folder)?._files);
        }
        Ok(self)
    }
}

/// What the first bytes of a database file say, read without opening it as a database.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) user_version: u32,
    pub(crate) application_id: u32,
}

/// Looks at a database file. `Err` is a sentence that says what is wrong with it.
/// Offsets are those of <https://www.sqlite.org/fileformat.html#the_database_header>.
pub(crate) fn read_header(path: &Path) -> Result<Header, String> {
    let mut file = File::open(path).map_err(|error| format!("it cannot be opened: {error}"))?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let mut head = [0_u8; 100];
    if length == 0 {
        return Err("it is empty (0 bytes)".to_owned());
    }
    if length < 100 || file.read_exact(&mut head).is_err() {
        return Err(format!("it is cut off after {length} bytes"));
    }
    if &head[..16] != b"SQLite format 3\0" {
        return Err("it is not an SQLite database".to_owned());
    }
    let page = match u16::from_be_bytes([head[16], head[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    // The count of pages is valid only when it was written together with the change counter. A file that has
    // a write-ahead log may be shorter than it will be.
    let has_log = with_suffix(path, "-wal").metadata().is_ok_and(|log| log.len() > 0);
    if number(24) == number(92) && !has_log && page * u64::from(number(28)) > length {
        return Err(format!("it is cut off: {} bytes of {}", length, page * u64::from(number(28))));
    }
    Ok(Header { user_version: number(60), application_id: number(68) })
}

/// Whether a write-ahead log lies beside the database whose head cannot be read, so that SQLite will ignore it.
pub(crate) fn log_is_garbage(path: &Path) -> bool {
    let mut head = [0_u8; 4];
    match File::open(with_suffix(path, "-wal")) {
        Ok(mut file) => {
            let length = file.metadata().map_or(0, |data| data.len());
            length > 0
                && (file.read_exact(&mut head).is_err()
                    || !matches!(u32::from_be_bytes(head), 0x377f_0682 | 0x377f_0683))
        }
        Err(_) => false,
    }
}

/// `charon.db` and `-wal` make `charon.db-wal`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_by_name_and_a_stale_lock_file_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(LOCK_FILE), "99999\nleft over").unwrap();
        let lock = Lock::take(folder.path()).unwrap();
        let refused = Lock::take(folder.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        drop(lock);
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    fn files_that_are_no_database_are_told_apart_by_their_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        for (content, part) in
            [(vec![], "empty"), (vec![b'S'; 50], "cut off"), (vec![b'x'; 500], "not an SQLite database")]
        {
            fs::write(&path, &content).unwrap();
            assert!(read_header(&path).unwrap_err().contains(part));
        }
    }
}
