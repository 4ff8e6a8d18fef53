//! The configuration as one file, `tar.gz`: out without any secret, in without trust.

use super::change::ChangeError;
use super::editions::{Edition, current, private_folder, remove};
use super::files::{LARGEST_FILE, MOST_FILES, own_path};
use super::tree::{Place, PrepareError, at};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use tar::{Archive, Builder, EntryType, Header};

/// Largest archive, unpacked, in bytes.
const LARGEST: u64 = 8 * 1024 * 1024;
/// Entries at most, folders and what is passed over included.
const MOST_ENTRIES: usize = 2_000;

/// What an export leaves out, by name, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("local_api_credentials.yaml", "password of Charon at the agent's API"),
    ("machine.password", "the same"),
    ("bouncer.key", "key with which Charon asks for decisions"),
    ("online_api_credentials.yaml", "password of this machine at crowdsec.net"),
    ("data/crowdsec.db", "the agent's database, which holds keys as well"),
];
/// Files of other installations that say what Charon says by itself. They are passed over.
const PASSED_OVER: &[&str] = &[
    "README.txt",
    "config.yaml",
    "config.yaml.local",
    "acquis.yaml",
    "profiles.yaml",
    "console.yaml",
    "user.yaml",
    "local_api_credentials.yaml",
    "online_api_credentials.yaml",
    "bouncer.key",
    "machine.password",
];
/// Folders that are passed over: what lies there comes from the hub.
const PASSED_OVER_FOLDERS: &[&str] =
    &["hub/", "data/", "notifications/", "collections/", "config/collections/", "log/", "feed/"];

/// The configuration that counts as a `tar.gz`: the choice of items and all files of one's own. A file `README.txt`
/// in it names what is left out.
///
/// # Errors
/// When a file cannot be read.
pub fn export(place: &Place) -> Result<Vec<u8>, PrepareError> {
    let edition = current(place);
    let wanted = serde_json::to_vec_pretty(&edition.wanted()?).unwrap_or_default();
    let left_out = LEFT_OUT.iter().map(|(name, why)| format!("  {name}: {why}\n")).collect::<String>();
    let readme = format!(
        "Configuration of the CrowdSec agent of Charon, edition {}.\n\nitems.json: what is on.\nAll other files: your \
         own.\n\nLeft out, since they are secrets of the installation:\n{left_out}",
        edition.number
    );
    let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    let mut add = |path: &str, content: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, path, content)
    };
    let failed = at(&edition.folder);
    add("README.txt", readme.as_bytes()).map_err(&failed)?;
    add("items.json", &wanted).map_err(&failed)?;
    for path in edition.own_files()? {
        let file = edition.files().join(&path);
        add(&path, &fs::read(&file).map_err(at(&file))?).map_err(at(&file))?;
    }
    archive.into_inner().and_then(GzEncoder::finish).map_err(failed)
}

/// Puts what an archive holds in the place of the draft's choice of items and files of one's own.
pub(super) fn import(draft: &Edition, archive: &[u8]) -> Result<(), ChangeError> {
    let unpacked = unpack(archive).map_err(ChangeError::Pointless)?;
    remove(&draft.files())?;
    for (path, content) in unpacked {
        let file = if path == "items.json" { draft.folder.join(path) } else { draft.files().join(path) };
        if let Some(folder) = file.parent() {
            private_folder(folder)?;
        }
        fs::write(&file, content).map_err(at(&file))?;
    }
    draft.wanted().map(drop).map_err(|error| ChangeError::Pointless(error.to_string()))
}

/// The files of an archive that belong to a configuration, in memory: nothing of it reaches the disk before all of it
/// was looked at. `Err`: what is wrong with it, as a sentence.
fn unpack(archive: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let unreadable = |error: io::Error| format!("the file is no tar.gz that can be read: {error}");
    let mut archive = Archive::new(GzDecoder::new(archive).take(LARGEST + 1));
    let (mut found, mut size) = (BTreeMap::new(), 0u64);
    for (count, entry) in archive.entries().map_err(unreadable)?.enumerate() {
        let mut entry = entry.map_err(unreadable)?;
        if count >= MOST_ENTRIES {
            return Err(format!("the archive holds more than {MOST_ENTRIES} entries"));
        }
        let raw = entry.path_bytes().into_owned();
        let path = std::str::from_utf8(&raw).map_err(|_| "a name in the archive is not UTF-8".to_owned())?;
        let kind = entry.header().entry_type();
        if !matches!(kind, EntryType::Regular | EntryType::Directory) {
            return Err(format!(
                "'{path}' is a link or a device; an archive may hold files and folders only"
            ));
        }
        if path.starts_with('/') || path.split('/').any(|part| part == "..") || path.contains(['\0', '\\']) {
            return Err(format!("'{path}' leads out of the archive"));
        }
        let length = entry.size();
        size = size.saturating_add(length);
        if size > LARGEST {
            return Err(format!("the archive holds more than {LARGEST} bytes"));
        }
        let path = place_of(path);
        if kind == EntryType::Directory || passed_over(&path) {
            continue;
        }
        if path != "items.json" {
            own_path(&path).map_err(|reason| format!("{reason}; leave it out of the archive"))?;
        }
        if length > LARGEST_FILE as u64 {
            return Err(format!("'{path}' is larger than {LARGEST_FILE} bytes"));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(unreadable)?;
        if found.insert(path.clone(), content).is_some() {
            return Err(format!("'{path}' stands in the archive twice"));
        }
        if found.len() > MOST_FILES {
            return Err(format!("the archive holds more than {MOST_FILES} files of a configuration"));
        }
    }
    if found.is_empty() {
        return Err("the archive holds nothing of a configuration".to_owned());
    }
    Ok(found)
}

/// Where a file of another installation stands here: `etc/crowdsec/scenarios/x.yaml` is `config/scenarios/x.yaml`.
fn place_of(path: &str) -> String {
    let path = path.trim_start_matches("./");
    let path =
        ["etc/crowdsec/", "crowdsec/"].iter().find_map(|folder| path.strip_prefix(folder)).unwrap_or(path);
    let own = ["parsers/", "scenarios/", "postoverflows/", "patterns/", "contexts/"];
    if own.iter().any(|folder| path.starts_with(folder)) { format!("config/{path}") } else { path.to_owned() }
}

fn passed_over(path: &str) -> bool {
    PASSED_OVER.contains(&path)
        || PASSED_OVER_FOLDERS.iter().any(|folder| path.starts_with(folder))
        || path.starts_with("config/parsers/") && path.ends_with("/charon-logs.yaml")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, kind, content) in entries {
            let mut header = Header::new_gnu();
            // Written by hand: the library refuses to make what an attacker would.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            if kind.is_symlink() || kind.is_hard_link() {
                header.set_link_name_literal("/etc/passwd").unwrap();
            }
            header.set_cksum();
            archive.append(&header, *content).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn an_archive_is_taken_whole_or_not_at_all() {
        let file = EntryType::Regular;
        let good = packed(&[
            ("./", EntryType::Directory, b""),
            ("etc/crowdsec/scenarios/mine.yaml", file, b"x"),
            ("config/parsers/s01-parse/mine.yaml", file, b"y"),
            ("local_api_credentials.yaml", file, b"password: secret"),
            ("data/crowdsec.db", file, b"secret"),
        ]);
        let found = unpack(&good).unwrap();
        let names: Vec<&String> = found.keys().collect();
        assert_eq!(names, ["config/parsers/s01-parse/mine.yaml", "config/scenarios/mine.yaml"]);
        let large = vec![0; LARGEST_FILE + 1];
        for (entries, part) in [
            (vec![("/etc/cron.d/x", file, &b"x"[..])], "leads out"),
            (vec![("config/scenarios/../../../x.yaml", file, b"x")], "leads out"),
            (vec![("config/scenarios/x.yaml", EntryType::Symlink, b"")], "link"),
            (vec![("config/scenarios/x.yaml", EntryType::Link, b"")], "link"),
            (vec![("config/scenarios/x.yaml", EntryType::Fifo, b"")], "device"),
            (vec![("config/scenarios/x.sh", file, b"x")], "no place"),
            (vec![("editions/current", file, b"9")], "no place"),
            (vec![("config/scenarios/x.yaml", file, &large)], "larger than"),
            (vec![("scenarios/x.yaml", file, b"x"), ("config/scenarios/x.yaml", file, b"y")], "twice"),
            (vec![("hub/x.yaml", file, b"x")], "nothing of a configuration"),
        ] {
            let refused = unpack(&packed(&entries)).unwrap_err();
            assert!(refused.contains(part), "{refused}");
        }
        assert!(unpack(b"no archive").unwrap_err().contains("no tar.gz"));
        assert!(unpack(&good[..good.len() / 2]).is_err(), "cut off");
    }

    #[test]
    fn a_small_archive_that_swells_is_refused() {
        let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
        let mut header = Header::new_gnu();
        header.set_path("hub/zeros").unwrap();
        header.set_size(64 * 1024 * 1024);
        header.set_cksum();
        bomb.write_all(header.as_bytes()).unwrap();
        bomb.write_all(&vec![0; 64 * 1024 * 1024]).unwrap();
        let bomb = bomb.finish().unwrap();
        assert!(bomb.len() < 100_000);
        assert!(unpack(&bomb).unwrap_err().contains("more than"));
    }
}
