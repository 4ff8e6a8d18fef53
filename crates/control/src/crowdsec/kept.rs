//! What is enforced, written down beside the database: for the first moment of the next start, and for one that has
//! no database.

use super::terms::Terms;
use crowdsec::{Decisions, Place};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use store::security_decisions::Ban;

/// Everything that is needed to refuse the same clients again.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) terms: Terms,
    pub(super) manual: Vec<Ban>,
    pub(super) decisions: Decisions,
}

fn file(place: &Place) -> PathBuf {
    place.folder.join("enforced.json")
}

/// Nothing when there is nothing; what cannot be read is said.
pub(super) fn read(place: &Place) -> Kept {
    let file = file(place);
    let text = match fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Kept::default(),
        Err(error) => {
            tracing::warn!(
                "{} cannot be read, so the bans of the last run do not hold: {error}",
                file.display()
            );
            return Kept::default();
        }
    };
    serde_json::from_slice(&text).unwrap_or_else(|error| {
        tracing::warn!("{} is damaged, so the bans of the last run do not hold: {error}", file.display());
        Kept::default()
    })
}

/// Writes it whole or not at all; nothing to keep removes the file.
pub(super) fn write(place: &Place, kept: &Kept) -> io::Result<()> {
    let file = file(place);
    if !kept.terms.on && kept.manual.is_empty() {
        return match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&place.folder)?;
    let new = file.with_extension("new");
    fs::write(&new, serde_json::to_vec(kept).map_err(io::Error::other)?)?;
    fs::rename(&new, &file)
}
