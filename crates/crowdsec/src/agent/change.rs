//! Changes of the agent's configuration: each is made in a draft, tried out whole by the agent, and only then an
//! edition of its own. What fails leaves everything as it was.

use super::archive;
use super::editions::{Edition, copy_tree, current, draft, number, remove};
use super::files::{self, NewFile};
use super::hub::{Hub, Preset, by_item};
use super::install::Installed;
use super::items::{Index, Item, base};
use super::run::run;
use super::tree::{Place, PrepareError, at, lay, main_of, test};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// What was put aside for a change is gone.
const LOST: &str = "what was sent for it is not there any more; send it again";
/// How long a command may take that goes over the network.
const NETWORK_LIMIT: Duration = Duration::from_secs(90);

/// A change that is wished.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Switch items on.
    Install(Vec<Item>),
    /// Switch items off.
    Remove(Vec<Item>),
    /// Bring items, and what they consist of, to their newest version.
    Upgrade(Vec<Item>),
    /// Fetch the index of the hub over the network.
    UpdateIndex,
    /// Use the packaged hub again.
    PackagedHub,
    /// Go back to an earlier edition.
    Restore(u64),
    /// Write a file of one's own.
    Write(NewFile),
    /// Take a file of one's own away; what it replaced is back.
    Delete(String),
    /// Put an archive in the place of the choice of items and all files of one's own.
    Import(Vec<u8>),
}

/// Why there is no change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// It would change nothing, or names what is not there.
    #[error("{0}")]
    Pointless(String),
    /// The agent refuses the configuration that would come of it.
    #[error("the agent refuses the configuration that would come of it, so nothing was changed: {0}")]
    Refused(String),
    /// What has to come over the network does not come.
    #[error("{what}, so nothing was changed: {reason}")]
    Network {
        /// What was not fetched.
        what: String,
        /// What was said.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

/// What a change would do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Preview {
    /// Switched on.
    pub adds: Vec<Item>,
    /// Switched off.
    pub removes: Vec<Item>,
    /// Brought to another version: which, from, to.
    pub upgrades: Vec<(Item, String, String)>,
    /// Of these, what has to come over the network.
    pub fetches: Vec<Item>,
}

impl Preview {
    fn between(before: &BTreeMap<Item, bool>, after: &BTreeMap<Item, bool>) -> Self {
        let only = |these: &BTreeMap<Item, bool>, others: &BTreeMap<Item, bool>| {
            these.keys().filter(|item| !others.contains_key(item)).cloned().collect()
        };
        Self { adds: only(after, before), removes: only(before, after), ..Self::default() }
    }
}

impl Change {
    /// As it stands in a row: the action, what it is about (an item, a preset, a number, a path, or nothing), and what
    /// was put aside for it: an archive, or the digest of a file on one line and its new content below.
    ///
    /// # Errors
    /// What cannot be read, in words for people.
    pub fn parse(action: &str, about: &str, staged: Option<Vec<u8>>) -> Result<Self, String> {
        let items = |own: bool| match Preset::find(about) {
            Some(preset) if own => Ok(preset.own()),
            Some(preset) => Ok(preset.items()),
            None => about.parse().map(|item| vec![item]),
        };
        match action {
            "install" => items(false).map(Self::Install),
            "remove" => items(true).map(Self::Remove),
            "upgrade" => items(false).map(Self::Upgrade),
            "update_index" => Ok(Self::UpdateIndex),
            "packaged_hub" => Ok(Self::PackagedHub),
            "restore" => about.parse().map(Self::Restore).map_err(|_| format!("'{about}' is no edition")),
            "delete" => Ok(Self::Delete(about.to_owned())),
            "import" => staged.map(Self::Import).ok_or_else(|| LOST.to_owned()),
            "write" => {
                let staged = staged.and_then(|staged| String::from_utf8(staged).ok());
                let staged = staged.as_deref().and_then(|staged| staged.split_once('\n'));
                let (digest, content) = staged.ok_or_else(|| LOST.to_owned())?;
                let expected = Some(digest.to_owned()).filter(|digest| !digest.is_empty());
                Ok(Self::Write(NewFile { path: about.to_owned(), content: content.to_owned(), expected }))
            }
            _ => Err(format!("'{action}' is no change")),
        }
    }
}

/// What a change of items would do, without doing it. Blocks.
///
/// # Errors
/// When it names what the hub does not have, or files cannot be read.
pub fn preview(place: &Place, installed: &Installed, change: &Change) -> Result<Preview, ChangeError> {
    let edition = current(place);
    let hub = Hub::open(installed, &edition)?;
    let mut wanted = edition.wanted()?;
    let before = wanted.all(&hub.index);
    let known = by_item(hub.list(&edition)?);
    let mut preview = Preview::default();
    match change {
        Change::Install(items) | Change::Remove(items) | Change::Upgrade(items) => {
            for item in items {
                exists(&hub.index, item)?;
                match change {
                    Change::Install(_) => wanted.install(&hub.index, item),
                    Change::Remove(_) => {
                        if base().contains(item) {
                            return Err(ChangeError::Pointless(format!(
                                "{item} stays on: without it the agent reads no line"
                            )));
                        }
                        wanted.remove(&hub.index, item);
                    }
                    _ => {
                        for part in hub.index.tree(item) {
                            let Some(listed) =
                                known.get(&part).filter(|known| known.upgrade() || known.tainted)
                            else {
                                continue;
                            };
                            let from = listed.version.clone().unwrap_or_else(|| "?".to_owned());
                            preview.upgrades.push((part.clone(), from, listed.latest.clone()));
                            preview.fetches.push(part);
                        }
                    }
                }
            }
        }
        Change::UpdateIndex | Change::Write(_) | Change::Delete(_) | Change::Import(_) => {}
        Change::PackagedHub => {
            let packaged = Hub::open(installed, &place.edition(0))?;
            return Ok(Preview::between(&before, &wanted.all(&packaged.index)));
        }
        Change::Restore(number) => {
            let earlier = kept(place, *number)?;
            let hub = Hub::open(installed, &earlier)?;
            return Ok(Preview::between(&before, &earlier.wanted()?.all(&hub.index)));
        }
    }
    let after = wanted.all(&hub.index);
    let Preview { adds, removes, .. } = Preview::between(&before, &after);
    (preview.adds, preview.removes) = (adds, removes);
    let absent = preview.adds.iter().filter(|item| known.get(item).is_some_and(|known| !known.here));
    preview.fetches.extend(absent.cloned());
    Ok(preview)
}

fn kept(place: &Place, number: u64) -> Result<Edition, ChangeError> {
    let edition = place.edition(number);
    if number == 0 || edition.folder.is_dir() {
        return Ok(edition);
    }
    Err(ChangeError::Pointless(format!("edition {number} is not kept any more; choose a newer one")))
}

fn exists(index: &Index, item: &Item) -> Result<(), ChangeError> {
    let missing: Vec<String> =
        index.tree(item).iter().filter(|part| index.entry(part).is_none()).map(ToString::to_string).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ChangeError::Pointless(format!("the hub has no {}", missing.join(", "))))
}

/// Makes a change in a draft, lets the agent try it, and gives it a number. It counts when
/// [`super::editions::point_to`] says so. Blocks for some seconds, with a network that does not answer for minutes.
///
/// # Errors
/// Why not; then everything is as before.
pub fn propose(place: &Place, installed: &Installed, change: &Change) -> Result<Edition, ChangeError> {
    let before = current(place);
    let draft = match change {
        Change::Restore(number) => draft(place, &kept(place, *number)?)?,
        _ => draft(place, &before)?,
    };
    let outcome = fill(&draft, &before, place, installed, change).and_then(|()| {
        try_out(place, installed, &draft)?;
        Ok(number(place, &draft)?)
    });
    if outcome.is_err() {
        remove(&draft.folder)?;
    }
    outcome
}

fn fill(
    draft: &Edition,
    before: &Edition,
    place: &Place,
    installed: &Installed,
    change: &Change,
) -> Result<(), ChangeError> {
    match change {
        Change::Install(items) => {
            let preview = preview(place, installed, change)?;
            if preview.adds.is_empty() && preview.fetches.is_empty() && chosen(before, items)? {
                return Err(ChangeError::Pointless(
                    "all of it is on already; nothing was changed".to_owned(),
                ));
            }
            fetch(draft, place, installed, &preview.fetches)?;
            let hub = Hub::open(installed, draft)?;
            let mut wanted = draft.wanted()?;
            for item in items {
                wanted.install(&hub.index, item);
            }
            draft.want(&wanted)?;
        }
        Change::Remove(items) => {
            if preview(place, installed, change)?.removes.is_empty() && !any_chosen(before, items)? {
                return Err(ChangeError::Pointless("none of it is on; nothing was changed".to_owned()));
            }
            let hub = Hub::open(installed, draft)?;
            let mut wanted = draft.wanted()?;
            for item in items {
                wanted.remove(&hub.index, item);
            }
            draft.want(&wanted)?;
        }
        Change::Upgrade(_) => {
            let preview = preview(place, installed, change)?;
            if preview.upgrades.is_empty() {
                let message = "all of it is at its newest version; nothing was changed".to_owned();
                return Err(ChangeError::Pointless(message));
            }
            fetch(draft, place, installed, &preview.fetches)?;
        }
        Change::UpdateIndex => {
            if draft.hub().is_none() {
                copy_tree(&installed.hub, &draft.own_hub())?;
            }
            let index = draft.own_hub().join(".index.json");
            let said = on_line(draft, place, installed, &["hub", "update"]);
            said.map_err(|reason| ChangeError::Network {
                what: "the index of the hub could not be fetched".to_owned(),
                reason,
            })?;
            let text = fs::read(&index).map_err(at(&index))?;
            Index::parse(&text).map_err(|reason| PrepareError::Index { path: index, reason })?;
        }
        Change::PackagedHub => {
            if draft.hub().is_none() {
                let message = "the packaged hub is in use already; nothing was changed".to_owned();
                return Err(ChangeError::Pointless(message));
            }
            remove(&draft.own_hub())?;
            remove(&draft.lists())?;
        }
        Change::Restore(number) if *number == before.number => {
            return Err(ChangeError::Pointless(format!(
                "edition {number} counts already; nothing was changed"
            )));
        }
        Change::Restore(_) => {}
        Change::Write(new) => files::write(draft, place, installed, new)?,
        Change::Delete(path) => files::delete(draft, path)?,
        Change::Import(archive) => archive::import(draft, archive)?,
    }
    Ok(())
}

fn chosen(edition: &Edition, items: &[Item]) -> Result<bool, PrepareError> {
    let wanted = edition.wanted()?;
    Ok(items.iter().all(|item| wanted.on.contains(item)))
}

fn any_chosen(edition: &Edition, items: &[Item]) -> Result<bool, PrepareError> {
    let wanted = edition.wanted()?;
    Ok(items.iter().any(|item| wanted.on.contains(item)))
}

/// Brings the newest version of items into the draft's own hub.
fn fetch(draft: &Edition, place: &Place, installed: &Installed, items: &[Item]) -> Result<(), ChangeError> {
    if items.is_empty() {
        return Ok(());
    }
    if draft.hub().is_none() {
        copy_tree(&installed.hub, &draft.own_hub())?;
    }
    let hub = Hub::open(installed, draft)?;
    for item in items {
        let failed = |reason| ChangeError::Network { what: format!("{item} could not be fetched"), reason };
        let file = hub.file(item).ok_or_else(|| failed("the index does not say where it lies".to_owned()))?;
        // What is there already would not be fetched.
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(at(&file)(error).into()),
            _ => {}
        }
        on_line(draft, place, installed, &[item.kind.as_str(), "install", "--download-only", &item.name])
            .map_err(failed)?;
        if !file.is_file() {
            return Err(failed("cscli reported success and brought no file".to_owned()));
        }
    }
    Ok(())
}

/// Runs `cscli` on the draft's own hub, first with the items made for this version of the agent.
fn on_line(draft: &Edition, place: &Place, installed: &Installed, command: &[&str]) -> Result<(), String> {
    let folder = place.folder.join("trial");
    let mut outcome = Ok(());
    for branch in branches(&installed.version) {
        outcome = cscli(&folder, draft, place, installed, &branch, command);
        // A branch that is not there is the only reason to ask for another.
        if !outcome.as_ref().is_err_and(|reason| reason.contains("404")) {
            break;
        }
    }
    _ = fs::remove_dir_all(&folder);
    outcome
}

/// The branches of the hub for a version: `v1.4.6`, then `master`.
fn branches(version: &str) -> Vec<String> {
    let plain = version.split(['-', '+', '~']).next().unwrap_or_default();
    let numbered = plain.starts_with('v') && plain.split('.').count() == 3;
    numbered.then(|| plain.to_owned()).into_iter().chain(["master".to_owned()]).collect()
}

fn cscli(
    folder: &Path,
    draft: &Edition,
    place: &Place,
    installed: &Installed,
    branch: &str,
    command: &[&str],
) -> Result<(), String> {
    let text = |error: PrepareError| error.to_string();
    remove(folder).and_then(|()| lay(place, folder, installed, draft, &[]).map(drop)).map_err(text)?;
    super::editions::private_folder(&draft.lists()).map_err(text)?;
    let config = folder.join("config.yaml");
    let content = main_of(place, folder, installed, draft)
        .replace("hub_branch: master", &format!("hub_branch: {branch}"))
        .replace(
            &format!("data_dir: '{}/data'", folder.display()),
            &format!("data_dir: '{}'", draft.lists().display()),
        );
    fs::write(&config, content).map_err(|error| error.to_string())?;
    // An empty folder of items: `cscli` looks after the hub alone.
    let items = folder.join("config");
    remove(&items).and_then(|()| super::editions::private_folder(&items)).map_err(text)?;
    let config = config.to_string_lossy();
    let said = run(&installed.cscli, &[&["-c", &*config], command].concat(), NETWORK_LIMIT)?;
    if said.success { Ok(()) } else { Err(said.reason()) }
}

/// Lays the whole configuration of an edition out beside the one in use, and lets the agent read it.
pub(super) fn try_out(place: &Place, installed: &Installed, edition: &Edition) -> Result<(), ChangeError> {
    let folder = place.folder.join("trial");
    remove(&folder)?;
    let outcome = lay(place, &folder, installed, edition, &[]).map_err(ChangeError::from).and_then(|_| {
        test(&folder, installed).map_err(|error| match error {
            PrepareError::Command { reason, .. } => ChangeError::Refused(reason),
            other => other.into(),
        })?;
        Ok(())
    });
    remove(&folder)?;
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_reads_from_its_row_and_the_branch_from_the_version() {
        let wordpress = Change::parse("install", "wordpress", None).unwrap();
        assert!(matches!(&wordpress, Change::Install(items) if items.len() == 2), "{wordpress:?}");
        let without = Change::parse("remove", "wordpress", None).unwrap();
        assert!(matches!(&without, Change::Remove(items) if items.len() == 1), "{without:?}");
        assert_eq!(Change::parse("restore", "3", None), Ok(Change::Restore(3)));
        for (action, about) in [
            ("install", "nothing"),
            ("restore", "x"),
            ("erase", ""),
            ("import", ""),
            ("write", "simulation.yaml"),
        ] {
            assert!(Change::parse(action, about, None).is_err(), "{action} {about}");
        }
        let write =
            Change::parse("write", "simulation.yaml", Some(b"d1\nsimulation: true\n".to_vec())).unwrap();
        assert!(
            matches!(&write, Change::Write(new) if new.content == "simulation: true\n" && new.expected.as_deref() == Some("d1"))
        );
        assert_eq!(branches("v1.4.6-6~deb12u1+b1-debian"), ["v1.4.6", "master"]);
        assert_eq!(branches("unknown"), ["master"]);
    }
}
