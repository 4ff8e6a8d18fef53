//! The files of the agent's configuration, and those of one's own, which an edition lays over what the hub and Charon
//! give. Only what stands in the list can be read or written: keys and passwords are in no place that is listed.

use super::change::ChangeError;
use super::editions::{Edition, private_folder};
use super::hub::Hub;
use super::install::Installed;
use super::tree::{Place, PrepareError, acquisition, at, main_of};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The largest file that can be written, in bytes.
pub const LARGEST_FILE: usize = 256 * 1024;
/// Files of one's own at most.
pub(super) const MOST_FILES: usize = 500;

/// Where a file comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The hub.
    Hub,
    /// The installed package.
    Package,
    /// Charon makes it; it cannot be edited.
    Charon,
    /// A person wrote it.
    Own,
}

/// One file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigFile {
    /// Its path in the agent's folder: `config/scenarios/mine.yaml`.
    pub path: String,
    /// Where it comes from.
    pub origin: Origin,
    /// It can be edited.
    pub editable: bool,
    /// It replaces one of the hub or of the package.
    pub replaces: bool,
}

/// What stands behind a file.
enum Source {
    File(PathBuf),
    Text(String),
}

/// What Charon makes by itself. Nothing of one's own may stand there.
const MADE: &[&str] = &[
    "config.yaml",
    "acquis.yaml",
    "profiles.yaml",
    "config/parsers/s01-parse/charon-logs.yaml",
    "config/parsers/s02-enrich/charon-whitelist.yaml",
];

/// Checks that a file of one's own may have this path.
///
/// # Errors
/// Why not, as a sentence.
pub fn own_path(path: &str) -> Result<(), String> {
    if MADE.contains(&path) {
        return Err(format!("{path} is made by Charon and cannot be edited"));
    }
    let parts: Vec<&str> = path.split('/').collect();
    let plain = |part: &&str| {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        !part.is_empty() && part.len() <= 100 && !part.starts_with(['.', '-']) && part.bytes().all(fine)
    };
    let yaml = |name: &str| {
        let extension = Path::new(name).extension().and_then(|text| text.to_str());
        matches!(extension, Some("yaml" | "yml"))
    };
    let stage = |stage: &str| stage.len() > 3 && stage.starts_with('s');
    let allowed = parts.iter().all(plain)
        && match parts.as_slice() {
            ["simulation.yaml"] | ["config", "patterns", _] => true,
            ["acquis.d", name] | ["config", "scenarios" | "contexts", name] => yaml(name),
            ["config", "parsers" | "postoverflows", folder, name] => stage(folder) && yaml(name),
            ["lists", name] => {
                let extension = Path::new(name).extension().and_then(|text| text.to_str());
                matches!(extension, Some("txt" | "regex" | "json"))
            }
            _ => false,
        };
    if allowed {
        return Ok(());
    }
    Err(format!(
        "'{path}' is no place for a file of the configuration; those are simulation.yaml, acquis.d/NAME.yaml, \
         lists/NAME.txt, config/patterns/NAME, config/scenarios/NAME.yaml, config/parsers/STAGE/NAME.yaml and \
         config/postoverflows/STAGE/NAME.yaml"
    ))
}

/// The digest by which it is told that a file was changed meanwhile: SHA-256 in hexadecimal digits.
pub fn digest_of(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn sources(
    place: &Place,
    installed: &Installed,
    edition: &Edition,
) -> Result<BTreeMap<String, (Origin, bool, Source)>, PrepareError> {
    let mut found = BTreeMap::new();
    let hub = Hub::open(installed, edition)?;
    for item in edition.wanted()?.all(&hub.index).into_keys() {
        if let (Some(file), Some(at)) = (hub.file(&item), hub.place(&item)) {
            let path = format!("config/{}", at.display());
            found.insert(path, (Origin::Hub, false, Source::File(file)));
        }
    }
    for entry in fs::read_dir(&installed.patterns).map_err(at(&installed.patterns))?.flatten() {
        let path = format!("config/patterns/{}", entry.file_name().to_string_lossy());
        found.insert(path, (Origin::Package, false, Source::File(entry.path())));
    }
    for (path, text) in [
        ("config.yaml", main_of(place, &place.folder, installed, edition)),
        ("acquis.yaml", acquisition(place)),
        ("config/parsers/s01-parse/charon-logs.yaml", include_str!("charon-logs.yaml").to_owned()),
        ("simulation.yaml", super::tree::SIMULATION.to_owned()),
    ] {
        found.insert(path.to_owned(), (Origin::Charon, false, Source::Text(text)));
    }
    for path in edition.own_files()? {
        let file = edition.files().join(&path);
        let replaces = found.contains_key(&path);
        found.insert(path, (Origin::Own, replaces, Source::File(file)));
    }
    Ok(found)
}

/// All files of the configuration that counts.
///
/// # Errors
/// When one of the folders cannot be read.
pub fn files(place: &Place, installed: &Installed) -> Result<Vec<ConfigFile>, PrepareError> {
    let edition = super::editions::current(place);
    let listed = sources(place, installed, &edition)?.into_iter().map(|(path, (origin, replaces, _))| {
        ConfigFile { editable: own_path(&path).is_ok(), path, origin, replaces }
    });
    Ok(listed.collect())
}

/// One file, with its text. `None` when no file of the configuration has this path.
///
/// # Errors
/// When it cannot be read.
pub fn read_file(
    place: &Place,
    installed: &Installed,
    path: &str,
) -> Result<Option<(ConfigFile, String)>, PrepareError> {
    let edition = super::editions::current(place);
    let Some((origin, replaces, source)) = sources(place, installed, &edition)?.remove(path) else {
        return Ok(None);
    };
    let text = match source {
        Source::Text(text) => text,
        Source::File(file) => {
            let content = fs::read(&file).map_err(at(&file))?;
            String::from_utf8_lossy(&content).into_owned()
        }
    };
    let file = ConfigFile { path: path.to_owned(), origin, editable: own_path(path).is_ok(), replaces };
    Ok(Some((file, text)))
}

/// A file that is to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewFile {
    /// Where.
    pub path: String,
    /// What it is to hold.
    pub content: String,
    /// Digest of what it held when a person began to edit; `None` when there was none.
    pub expected: Option<String>,
}

pub(super) fn write(
    draft: &Edition,
    place: &Place,
    installed: &Installed,
    new: &NewFile,
) -> Result<(), ChangeError> {
    own_path(&new.path).map_err(ChangeError::Pointless)?;
    if new.content.len() > LARGEST_FILE {
        return Err(ChangeError::Pointless(format!("a file may have {LARGEST_FILE} bytes at most")));
    }
    let there = read_file(place, installed, &new.path)?.map(|(_, text)| text);
    let digest = there.as_ref().map(|text| digest_of(text.as_bytes()));
    if digest != new.expected {
        return Err(ChangeError::Pointless(format!(
            "{} was changed meanwhile; load it again and repeat your change",
            new.path
        )));
    }
    if there.as_ref() == Some(&new.content) {
        return Err(ChangeError::Pointless(
            "the file holds just this already; nothing was changed".to_owned(),
        ));
    }
    if draft.own_files()?.len() >= MOST_FILES {
        return Err(ChangeError::Pointless(format!("there may be {MOST_FILES} files of your own at most")));
    }
    let file = draft.files().join(&new.path);
    if let Some(folder) = file.parent() {
        private_folder(folder)?;
    }
    fs::write(&file, &new.content).map_err(at(&file))?;
    Ok(())
}

pub(super) fn delete(draft: &Edition, path: &str) -> Result<(), ChangeError> {
    own_path(path).map_err(ChangeError::Pointless)?;
    let file = draft.files().join(path);
    if !file.is_file() {
        return Err(ChangeError::Pointless(format!("{path} is no file of your own; nothing was changed")));
    }
    fs::remove_file(&file).map_err(at(&file))?;
    Ok(())
}

/// Lays the files of one's own over `folder`, where hub and Charon have laid theirs. `config` lies elsewhere until it
/// is whole.
pub(super) fn overlay(edition: &Edition, folder: &Path, config: &Path) -> Result<(), PrepareError> {
    for path in edition.own_files()? {
        let target = match path.split_once('/') {
            Some(("config", rest)) => config.join(rest),
            Some(("lists", name)) => folder.join("data").join(name),
            _ => folder.join(&path),
        };
        if let Some(parent) = target.parent() {
            private_folder(parent)?;
        }
        // A link of the hub is replaced, not written through.
        match fs::remove_file(&target) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(at(&target)(error)),
            _ => {}
        }
        let source = edition.files().join(&path);
        fs::copy(&source, &target).map_err(at(&target))?;
    }
    Ok(())
}

impl Edition {
    /// Where the files of one's own lie.
    pub(super) fn files(&self) -> PathBuf {
        self.folder.join("files")
    }

    /// Their paths, in order. What has no place in a configuration is not among them.
    pub(super) fn own_files(&self) -> Result<Vec<String>, PrepareError> {
        let root = self.files();
        let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                entries => entries.map_err(at(&folder))?,
            };
            for entry in entries {
                let entry = entry.map_err(at(&folder))?;
                let kind = entry.file_type().map_err(at(&folder))?;
                let path = entry.path();
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file()
                    && let Some(path) = path.strip_prefix(&root).ok().and_then(Path::to_str)
                    && own_path(path).is_ok()
                {
                    found.push(path.to_owned());
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_their_places_and_nothing_leads_to_keys_or_out_of_the_folder() {
        for fine in [
            "simulation.yaml",
            "acquis.d/ssh.yaml",
            "lists/mine.txt",
            "config/patterns/mine",
            "config/scenarios/mine.yaml",
            "config/parsers/s02-enrich/mine.yml",
            "config/postoverflows/s01-whitelist/mine.yaml",
        ] {
            assert_eq!(own_path(fine), Ok(()), "{fine}");
        }
        for wrong in [
            "",
            "config.yaml",
            "profiles.yaml",
            "local_api_credentials.yaml",
            "online_api_credentials.yaml",
            "bouncer.key",
            "machine.password",
            "data/crowdsec.db",
            "config/../bouncer.key",
            "config/scenarios/../../bouncer.key",
            "/etc/passwd",
            "config/scenarios//x.yaml",
            "config/scenarios/.x.yaml",
            "config/scenarios/x.txt",
            "config/scenarios/x.yaml/y.yaml",
            "config/parsers/x.yaml",
            "config/parsers/s01-parse/charon-logs.yaml",
            "config/scenarios/a\0.yaml",
            "config/scenarios/ä.yaml",
            "editions/1/items.json",
        ] {
            assert!(own_path(wrong).is_err(), "{wrong}");
        }
    }
}
