//! What the agent's configuration is made of, in numbered editions: which items are on, and a hub and lists of one's
//! own when it was updated over the network. An edition never changes once it has its number, and one small file names
//! the one that counts; so a change is there as a whole or not at all, whenever the power fails.

use super::items::Wanted;
use super::tree::{Place, PrepareError, at};
use rustix::fs::{fsync, syncfs};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Earlier editions that are kept.
const KEPT: usize = 10;

/// One edition, or the draft of one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edition {
    /// Its number; 0 for what the package alone gives, and for a draft.
    pub number: u64,
    /// Its folder, which is not there for edition 0.
    pub folder: PathBuf,
}

impl Edition {
    /// The items that are wanted.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn wanted(&self) -> Result<Wanted, PrepareError> {
        let path = self.folder.join("items.json");
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map_err(|error| PrepareError::Edition { path, reason: error.to_string() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Wanted::default()),
            Err(error) => Err(at(&path)(error)),
        }
    }

    pub(super) fn want(&self, wanted: &Wanted) -> Result<(), PrepareError> {
        let path = self.folder.join("items.json");
        let text = serde_json::to_vec_pretty(wanted).map_err(|error| at(&path)(error.into()))?;
        fs::write(&path, text).map_err(at(&path))
    }

    /// The hub that was updated over the network; `None` when the packaged one is used.
    pub fn hub(&self) -> Option<PathBuf> {
        Some(self.folder.join("hub")).filter(|hub| hub.join(".index.json").is_file())
    }

    pub(super) fn own_hub(&self) -> PathBuf {
        self.folder.join("hub")
    }

    /// Lists that came over the network.
    pub(super) fn lists(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Place {
    fn editions(&self) -> PathBuf {
        self.folder.join("editions")
    }

    fn pointer(&self) -> PathBuf {
        self.editions().join("current")
    }

    /// The edition of this number.
    pub fn edition(&self, number: u64) -> Edition {
        Edition { number, folder: self.editions().join(number.to_string()) }
    }
}

/// The numbers of all editions that are there, the newest first.
fn numbers(place: &Place) -> Vec<u64> {
    let entries = fs::read_dir(place.editions()).into_iter().flatten().flatten();
    let mut numbers: Vec<u64> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable_by(|left, right| right.cmp(left));
    numbers
}

/// The edition that counts.
pub fn current(place: &Place) -> Edition {
    let text = fs::read_to_string(place.pointer());
    let named = text.as_ref().ok().and_then(|text| text.trim().parse().ok());
    let there = numbers(place);
    match named {
        Some(number) if number == 0 || there.contains(&number) => place.edition(number),
        _ => {
            let newest = there.first().copied().unwrap_or(0);
            if newest != 0 {
                tracing::warn!(
                    "{} does not name an edition that is there: edition {newest}, the newest, counts",
                    place.pointer().display()
                );
            }
            place.edition(newest)
        }
    }
}

/// Begins a draft with what `from` holds. There is one draft at a time; an earlier one goes.
pub(super) fn draft(place: &Place, from: &Edition) -> Result<Edition, PrepareError> {
    let folder = place.editions().join("draft");
    remove(&folder)?;
    private_folder(&folder)?;
    if from.number != 0 {
        copy_tree(&from.folder, &folder)?;
    }
    Ok(Edition { number: 0, folder })
}

/// Gives the draft its number. It does not count yet.
pub(super) fn number(place: &Place, draft: &Edition) -> Result<Edition, PrepareError> {
    // It is on the disk before anything points at it.
    let folder = File::open(&draft.folder).map_err(at(&draft.folder))?;
    syncfs(&folder).map_err(|error| at(&draft.folder)(error.into()))?;
    let edition = place.edition(numbers(place).first().copied().unwrap_or(0) + 1);
    fs::rename(&draft.folder, &edition.folder).map_err(at(&edition.folder))?;
    Ok(edition)
}

/// Lets this edition count from now on, and drops the oldest. The agent follows when it is started anew.
///
/// # Errors
/// When it cannot be written down; then what counted still does.
pub fn point_to(place: &Place, edition: u64) -> Result<(), PrepareError> {
    let (folder, pointer) = (place.editions(), place.pointer());
    private_folder(&folder)?;
    let new = pointer.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(at(&new))?;
    file.write_all(edition.to_string().as_bytes()).and_then(|()| file.sync_all()).map_err(at(&new))?;
    fs::rename(&new, &pointer).map_err(at(&pointer))?;
    let folder = File::open(&folder).map_err(at(&folder))?;
    fsync(&folder).map_err(|error| at(&pointer)(error.into()))?;
    for old in numbers(place).into_iter().filter(|number| *number != edition).skip(KEPT) {
        remove(&place.edition(old).folder)?;
    }
    Ok(())
}

pub(super) fn private_folder(folder: &Path) -> Result<(), PrepareError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))
}

pub(super) fn remove(folder: &Path) -> Result<(), PrepareError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}

/// Copies folders and files; links are followed, since a hub may be made of them.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<(), PrepareError> {
    private_folder(to)?;
    for entry in fs::read_dir(from).map_err(at(from))? {
        let source = entry.map_err(at(from))?.path();
        let Some(name) = source.file_name() else { continue };
        let target = to.join(name);
        if source.is_dir() {
            copy_tree(&source, &target)?;
        } else if source.is_file() {
            fs::copy(&source, &target).map_err(at(&target))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::items::{Item, Kind};
    use super::*;

    #[test]
    fn an_edition_counts_as_a_whole_and_a_lost_pointer_means_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { folder: folder.path().join("crowdsec"), port: 1, metrics_port: 2 };
        assert_eq!(current(&place).number, 0);
        assert_eq!(current(&place).wanted().unwrap(), Wanted::default());
        let mut wanted = Wanted::default();
        wanted.on.insert(Item::new(Kind::Collections, "crowdsecurity/wordpress"));
        let first = draft(&place, &current(&place)).unwrap();
        first.want(&wanted).unwrap();
        let first = number(&place, &first).unwrap();
        assert_eq!((first.number, current(&place).number), (1, 1), "the newest counts while none is named");
        point_to(&place, 0).unwrap();
        assert_eq!(current(&place).number, 0, "what the package alone gives can be gone back to");
        point_to(&place, 1).unwrap();
        assert_eq!(current(&place).wanted().unwrap(), wanted);
        // A draft that was left half done changes nothing and goes with the next.
        let left = draft(&place, &current(&place)).unwrap();
        fs::write(left.folder.join("items.json"), "{").unwrap();
        assert_eq!(current(&place).wanted().unwrap(), wanted);
        let next = draft(&place, &current(&place)).unwrap();
        assert_eq!(next.wanted().unwrap(), wanted);
        // The oldest go, the one that counts never does.
        for _ in 0..15 {
            let draft = draft(&place, &current(&place)).unwrap();
            let number = number(&place, &draft).unwrap().number;
            point_to(&place, number).unwrap();
        }
        assert_eq!(numbers(&place).len(), KEPT + 1);
        fs::write(place.pointer(), "77").unwrap();
        assert_eq!(current(&place).number, 16);
        fs::write(current(&place).folder.join("items.json"), "{").unwrap();
        assert!(matches!(current(&place).wanted(), Err(PrepareError::Edition { .. })));
    }
}
