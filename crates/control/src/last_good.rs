//! The configuration that was served last, in a file beside the database: what Charon serves when the database
//! cannot be opened. Encrypted with the key of the data folder, since it holds private keys.
//!
//! Each line is one patch, sealed by itself: the first makes the whole configuration, those after it are changes since.

use proxy::spec::{Patch, Spec};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use store::Vault;

/// What a file of one whole specification is bound to, as earlier versions have written it.
const WHOLE: &str = "last-good.json";
/// What a line is bound to.
const LINE: &str = "last-good.json line";

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

    /// Writes the configuration whole, as a patch of nothing: after a crash there is the old file or the new one.
    /// Returns its length in bytes.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, whole: &Patch) -> Result<u64, LastGoodError> {
        let line = self.line(whole)?;
        self.replace(line.as_bytes()).map_err(|source| self.io(source))?;
        Ok(line.len() as u64)
    }

    /// Adds what has changed to a file that this process has written. Returns by how many bytes it grew.
    ///
    /// # Errors
    /// When the file cannot be written; it is to be written whole then.
    pub fn append(&self, patch: &Patch) -> Result<u64, LastGoodError> {
        let line = self.line(patch)?;
        let write = || {
            let mut file = fs::OpenOptions::new().append(true).open(&self.path)?;
            file.write_all(line.as_bytes())?;
            file.sync_data()
        };
        write().map_err(|source| self.io(source))?;
        Ok(line.len() as u64)
    }

    fn line(&self, patch: &Patch) -> Result<String, LastGoodError> {
        let text = serde_json::to_string(patch).map_err(|error| self.damaged(error.to_string()))?;
        let sealed = self.vault.seal(LINE, &text).map_err(|error| self.damaged(error.to_string()))?;
        Ok(sealed + "\n")
    }

    /// Reads the configuration; `None` when none was ever written.
    ///
    /// # Errors
    /// When the file is there and cannot be used.
    pub fn read(&self) -> Result<Option<Spec>, LastGoodError> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.io(source)),
        };
        if !text.contains('\n') {
            let whole = self.opened(WHOLE, &text)?;
            return serde_json::from_str(whole.expose())
                .map(Some)
                .map_err(|error| self.damaged(error.to_string()));
        }
        let mut spec = Spec::default();
        // A line without an end is one that a crash has cut: the change that it held was never complete.
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let patch: Patch = serde_json::from_str(self.opened(LINE, line)?.expose())
                .map_err(|error| self.damaged(error.to_string()))?;
            spec.apply(&patch);
        }
        Ok(Some(spec))
    }

    fn opened(&self, place: &str, sealed: &str) -> Result<base::Secret<String>, LastGoodError> {
        self.vault.open_sealed(place, sealed).map_err(|error| self.damaged(error.to_string()))
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
    use proxy::spec::Host;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_written_is_read_back_and_cannot_be_read_without_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = LastGood::new(folder.path(), Vault::open(folder.path(), true).unwrap());
        let path = folder.path().join("last-good.json");
        assert!(file.read().unwrap().is_none());
        let host = |id: &str| Host::unavailable(id, id, Vec::new(), "reason");
        let mut spec = Spec { revision: 7, hosts: vec![host("a"), host("b")], ..Spec::default() };
        assert_eq!(file.write(&spec.clone().into()).unwrap(), fs::metadata(&path).unwrap().len());
        assert_eq!(file.read().unwrap(), Some(spec.clone()));
        let patch = Patch {
            rest: Spec { revision: 8, ..Spec::default() },
            hosts: vec![host("c").into()],
            gone_hosts: vec!["a".to_owned()],
            ..Patch::default()
        };
        file.append(&patch).unwrap();
        spec.apply(&patch);
        assert_eq!(spec.hosts.iter().map(|host| &*host.id).collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(file.read().unwrap(), Some(spec.clone()));
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("revision"));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // A crash in the middle of a change.
        fs::write(&path, format!("{text}{}", &text[..40])).unwrap();
        assert_eq!(file.read().unwrap(), Some(spec.clone()));
        for junk in ["v1:junk".to_owned(), "v1:junk\n".to_owned(), format!("v1:junk\n{text}")] {
            fs::write(&path, junk).unwrap();
            assert!(matches!(file.read(), Err(LastGoodError::Damaged { .. })));
        }
    }

    #[test]
    fn the_file_of_an_earlier_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path(), true).unwrap();
        let file = LastGood::new(folder.path(), vault.clone());
        let sealed = vault.seal("last-good.json", r#"{"revision": 7, "hosts": []}"#).unwrap();
        fs::write(folder.path().join("last-good.json"), sealed).unwrap();
        assert_eq!(file.read().unwrap().unwrap().revision, 7);
    }
}
