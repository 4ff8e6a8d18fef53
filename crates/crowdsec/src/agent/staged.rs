//! What is put aside for a change until it is carried out: an archive, or the new content of a file.

use super::editions::private_folder;
use super::tree::{Place, PrepareError, at, private_bytes};
use std::fs;
use std::path::PathBuf;

/// How such a thing is called in rows.
const PREFIX: &str = "staged-";

fn path(place: &Place, name: &str) -> Option<PathBuf> {
    let token = name.strip_prefix(PREFIX)?;
    let plain = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| place.folder.join("requests").join(token))
}

/// Puts something aside; returns its name.
///
/// # Errors
/// When it cannot be written.
pub fn stage(place: &Place, content: &[u8]) -> Result<String, PrepareError> {
    private_folder(&place.folder)?;
    private_folder(&place.folder.join("requests"))?;
    let name = format!("{PREFIX}{}", base::random::hex_token::<16>());
    if let Some(path) = path(place, &name) {
        private_bytes(&path, content)?;
    }
    Ok(name)
}

/// What was put aside under this name; `None` when there is nothing.
///
/// # Errors
/// When it cannot be read.
pub fn staged(place: &Place, name: &str) -> Result<Option<Vec<u8>>, PrepareError> {
    let Some(path) = path(place, name) else { return Ok(None) };
    match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        content => content.map(Some).map_err(at(&path)),
    }
}

/// Drops everything that was put aside: no change is under way.
///
/// # Errors
/// When it cannot be removed.
pub fn clear_staged(place: &Place) -> Result<(), PrepareError> {
    super::editions::remove(&place.folder.join("requests"))
}
