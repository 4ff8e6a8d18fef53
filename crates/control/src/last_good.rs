//! The configuration that was served last, in a file beside the database: what Charon serves when the database
//! cannot be opened. Encrypted with the key of the data folder, since it holds private keys.

use proxy::spec::Spec;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use store::Vault;

/// What the file's content is bound to.
const PLACE: &str = "last-good.json";

/// Where the file lies and the key that opens it.
#[derive(Clone, Debug)]
pub struct LastGood {
    path: PathBuf,
    vault: Vault,
}

/// Why there is nothing to serve from.
#[derive(Debug, thiserror::Error)]
pub enum LastGoodError {
    /// Reading or writing failed.
    #[error("the last good configuration in {path} cannot be used: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The content is not what was written.
    #[error("the last good configuration in {path} cannot be used: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl LastGood {
    /// The file of a data folder.
    pub fn new(data_dir: &Path, vault: Vault) -> Self {
        Self { path: data_dir.join("last-good.json"), vault }
    }

    /// Writes the configuration whole: after a crash there is the old file or the new one.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, spec: &Spec) -> Result<(), LastGoodError> {
        let text = serde_json::to_string(spec).map_err(|error| self.damaged(error.to_string()))?;
        let sealed = self.vault.seal(PLACE, &text).map_err(|error| self.damaged(error.to_string()))?;
        self.replace(sealed.as_bytes()).map_err(|source| self.io(source))
    }

    /// Reads the configuration; `None` when none was ever written.
    ///
    /// # Errors
    /// When the file is there and cannot be used.
    pub fn read(&self) -> Result<Option<Spec>, LastGoodError> {
        let sealed = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.io(source)),
        };
        let text = self.vault.open_sealed(PLACE, &sealed).map_err(|error| self.damaged(error.to_string()))?;
        serde_json::from_str(text.expose()).map(Some).map_err(|error| self.damaged(error.to_string()))
    }

    fn replace(&self, content: &[u8]) -> io::Result<()> {
        let draft = self.path.with_extension("json.new");
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, &self.path)?;
        match self.path.parent() {
            Some(folder) => fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }

    fn io(&self, source: io::Error) -> LastGoodError {
        LastGoodError::Io { path: self.path.clone(), source }
    }

    fn damaged(&self, reason: String) -> LastGoodError {
        LastGoodError::Damaged { path: self.path.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_written_is_read_back_and_cannot_be_read_without_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = LastGood::new(folder.path(), Vault::open(folder.path(), true).unwrap());
        assert!(file.read().unwrap().is_none());
        let spec = Spec { revision: 7, ..Spec::default() };
        file.write(&spec).unwrap();
        assert_eq!(file.read().unwrap(), Some(spec));
        let path = folder.path().join("last-good.json");
        assert!(!fs::read_to_string(&path).unwrap().contains("revision"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "v1:junk").unwrap();
        assert!(matches!(file.read(), Err(LastGoodError::Damaged { .. })));
    }
}
