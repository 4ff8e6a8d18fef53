//! Secrets at rest: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) under a key that lies outside the database.

use crate::error::Error;
use base::Secret;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the key file inside the data folder.
pub const KEY_FILE: &str = "secrets.key";
const NONCE_LENGTH: usize = 24;
const MARK: &str = "v1:";

/// Encrypts and decrypts columns. Cheap to clone; `Debug` shows nothing of the key.
#[derive(Clone)]
pub struct Vault(Arc<XChaCha20Poly1305>);

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(***)")
    }
}

/// Why the key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The database has secrets, and the file that opens them is gone.
    #[error(
        "{} is missing, and the database beside it was made with it; put the file back from a backup of the \
         data folder. If it is lost for good, make a new one with `openssl rand -hex 32 > {}` and enter the \
         stored passwords and certificate keys anew",
        .0.display(), .0.display()
    )]
    Missing(PathBuf),
    /// The file does not hold 32 bytes as 64 hexadecimal characters.
    #[error("{} does not hold a key of 64 hexadecimal characters; put the file back from a backup", .0.display())]
    Malformed(PathBuf),
    /// The file cannot be read or written.
    #[error("{} cannot be read or written", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

impl Vault {
    /// Reads the key of a data folder, or makes one when `may_create` and there is none.
    ///
    /// # Errors
    /// When the key is missing and may not be made, is malformed, or the folder cannot be used.
    pub fn open(data_dir: &Path, may_create: bool) -> Result<Self, KeyError> {
        let path = data_dir.join(KEY_FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => Secret::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !may_create {
                    return Err(KeyError::Missing(path));
                }
                let text = base::random::hex_token::<32>();
                write_private(&path, text.as_bytes()).map_err(|error| KeyError::Io(path.clone(), error))?;
                Secret::new(text)
            }
            Err(error) => return Err(KeyError::Io(path, error)),
        };
        let key: Option<[u8; 32]> = unhex(text.expose().trim()).and_then(|bytes| bytes.try_into().ok());
        let Some(key) = key else { return Err(KeyError::Malformed(path)) };
        Ok(Self(Arc::new(XChaCha20Poly1305::new(&key.into()))))
    }

    /// Encrypts the value of a column. `place` is `table.column` and must be the same when it is opened.
    /// An empty value stays empty.
    ///
    /// # Errors
    /// Only when the value is longer than the cipher allows.
    pub fn seal(&self, place: &str, value: &str) -> Result<String, Error> {
        if value.is_empty() {
            return Ok(String::new());
        }
        let nonce = base::random::bytes::<NONCE_LENGTH>();
        let payload = Payload { msg: value.as_bytes(), aad: place.as_bytes() };
        let sealed = self
            .0
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Error::Secret(format!("the value of {place} is too long to encrypt")))?;
        Ok(format!("{MARK}{}{}", hex(&nonce), hex(&sealed)))
    }

    /// Decrypts what [`Vault::seal`] made.
    ///
    /// # Errors
    /// [`Error::Secret`] when the value was made with another key, for another column, or was altered.
    pub fn open_sealed(&self, place: &str, sealed: &str) -> Result<Secret<String>, Error> {
        if sealed.is_empty() {
            return Ok(Secret::new(String::new()));
        }
        let fault = || {
            Error::Secret(format!(
                "the secret in {place} cannot be opened with this folder's {KEY_FILE}; put back the key file \
                 that belongs to this database, or enter the secret anew"
            ))
        };
        let bytes = sealed.strip_prefix(MARK).and_then(unhex).ok_or_else(fault)?;
        let (nonce, body) = bytes.split_first_chunk::<NONCE_LENGTH>().ok_or_else(fault)?;
        let payload = Payload { msg: body, aad: place.as_bytes() };
        let value = self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| fault())?;
        String::from_utf8(value).map(Secret::new).map_err(|_| fault())
    }
}

/// Writes a file that only its owner may read, so that after a crash there is the old one or the whole new one.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension("tmp");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder(path)
}

/// Makes a new or renamed name in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_opens_only_at_its_place_and_unaltered() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path(), true).unwrap();
        let sealed = vault.seal("a.b", "hunter2").unwrap();
        assert!(sealed.starts_with("v1:") && !sealed.contains("hunter2"));
        assert_eq!(vault.open_sealed("a.b", &sealed).unwrap().expose(), "hunter2");
        assert!(vault.open_sealed("a.c", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut altered = sealed.clone().into_bytes();
            altered[at] ^= 1;
            assert!(vault.open_sealed("a.b", &String::from_utf8_lossy(&altered)).is_err(), "byte {at}");
        }
        assert_eq!(vault.seal("a.b", "").unwrap(), "");
        assert_eq!(vault.open_sealed("a.b", "").unwrap().expose(), "");
    }

    #[test]
    fn the_key_file_is_private_kept_and_never_replaced_silently() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Vault::open(folder.path(), false), Err(KeyError::Missing(_))));
        let sealed = Vault::open(folder.path(), true).unwrap().seal("a.b", "x").unwrap();
        let path = folder.path().join(KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            Vault::open(folder.path(), false).unwrap().open_sealed("a.b", &sealed).unwrap().expose(),
            "x"
        );
        fs::write(&path, "short").unwrap();
        assert!(matches!(Vault::open(folder.path(), true), Err(KeyError::Malformed(_))));
    }
}
