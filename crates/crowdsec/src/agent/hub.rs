//! The hub as it stands here: each item with what is on, what could be on, and what differs from its published form.

use super::editions::{Edition, current};
use super::files::digest_of;
use super::install::Installed;
use super::items::{Index, Item, Kind, base};
use super::tree::{Place, PrepareError, at};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// The hub that an edition uses.
#[derive(Clone, Debug)]
pub struct Hub {
    /// Where it lies.
    pub folder: PathBuf,
    /// It came over the network; else it is the package's.
    pub updated: bool,
    /// Its index.
    pub index: Index,
}

/// One item, as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Which.
    pub item: Item,
    /// What it is for.
    pub description: String,
    /// It is on.
    pub installed: bool,
    /// It was chosen by itself, not for the sake of another.
    pub chosen: bool,
    /// Without it no line is read: it cannot be switched off.
    pub needed: bool,
    /// It was taken out of a collection that is on.
    pub left_out: bool,
    /// Its file is here; else it has to come over the network first.
    pub here: bool,
    /// The version here; `None` when it is not here, or is not as published.
    pub version: Option<String>,
    /// The newest published version.
    pub latest: String,
    /// It is as no version was published.
    pub tainted: bool,
    /// It does not come from the hub.
    pub local: bool,
    /// What it consists of.
    pub members: Vec<Item>,
}

impl Listed {
    /// A newer version has been published than the one here.
    pub fn upgrade(&self) -> bool {
        self.version.as_ref().is_some_and(|version| *version != self.latest)
    }
}

impl Hub {
    /// The hub of an edition.
    ///
    /// # Errors
    /// When its index cannot be read.
    pub fn open(installed: &Installed, edition: &Edition) -> Result<Self, PrepareError> {
        let own = edition.hub();
        let updated = own.is_some();
        let folder = own.unwrap_or_else(|| installed.hub.clone());
        let path = folder.join(".index.json");
        let text = fs::read(&path).map_err(at(&path))?;
        let index = Index::parse(&text).map_err(|reason| PrepareError::Index { path, reason })?;
        Ok(Self { folder, updated, index })
    }

    /// Where the file of an item lies, or would lie; `None` when the index does not know it.
    pub fn file(&self, item: &Item) -> Option<PathBuf> {
        let path = Path::new(self.index.entry(item)?["path"].as_str()?);
        // The index comes from elsewhere.
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        (inside && path.extension().is_some()).then(|| self.folder.join(path))
    }

    /// Where within the folder `config` an item is switched on: `parsers/s01-parse/name.yaml`.
    pub fn place(&self, item: &Item) -> Option<PathBuf> {
        let file = self.file(item)?;
        let stage = self.index.entry(item)?["stage"].as_str().unwrap_or_default();
        let plain = stage.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let name = file.file_name().filter(|_| plain)?;
        Some(Path::new(item.kind.as_str()).join(stage).join(name))
    }

    /// Every item, as it stands with these wishes.
    ///
    /// # Errors
    /// When the wishes cannot be read.
    pub fn list(&self, edition: &Edition) -> Result<Vec<Listed>, PrepareError> {
        let wanted = edition.wanted()?;
        let all = wanted.all(&self.index);
        let base = base();
        let list = self.index.items().map(|(item, entry)| {
            let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
            let (here, version) = self.version(&item, entry);
            Listed {
                description: text("description"),
                installed: all.contains_key(&item),
                chosen: all.get(&item).copied().unwrap_or_default(),
                needed: base.contains(&item),
                left_out: wanted.off.contains(&item),
                here,
                tainted: here && version.is_none(),
                version,
                latest: text("version"),
                local: false,
                members: self.index.members(&item),
                item,
            }
        });
        Ok(list.collect())
    }

    /// Whether the file of an item is here, and which published version it is.
    fn version(&self, item: &Item, entry: &Value) -> (bool, Option<String>) {
        let Some(content) = self.file(item).and_then(|path| fs::read(path).ok()) else {
            return (false, None);
        };
        let hex = digest_of(&content);
        let latest = entry["version"].as_str().unwrap_or_default();
        let versions = entry["versions"].as_object();
        let mut same =
            versions.into_iter().flatten().filter(|(_, known)| known["digest"] == *hex).map(|(name, _)| name);
        // Versions that differ in their number alone are the newest of them.
        let found = same.clone().find(|name| *name == latest).or_else(|| same.next_back());
        (true, found.cloned())
    }
}

/// The hub, and every item in it, of the edition that counts.
///
/// # Errors
/// When index or wishes cannot be read.
pub fn hub(place: &Place, installed: &Installed) -> Result<(Hub, Vec<Listed>), PrepareError> {
    let edition = current(place);
    let hub = Hub::open(installed, &edition)?;
    let mut list = hub.list(&edition)?;
    for own in local(place) {
        // A file in the place of an item's link is that item, edited.
        match list.iter_mut().find(|listed| listed.item == own.item) {
            Some(listed) => (listed.tainted, listed.version) = (true, None),
            None => list.push(own),
        }
    }
    Ok((hub, list))
}

/// What is on and does not come from the hub: files where else there are links.
fn local(place: &Place) -> Vec<Listed> {
    let mut found = Vec::new();
    for kind in Kind::ALL {
        let mut folders = vec![place.folder.join("config").join(kind.as_str())];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(of) if of.is_dir() => folders.push(entry.path()),
                    Ok(of) if of.is_file() => found.extend(described(kind, &entry.path())),
                    _ => {}
                }
            }
        }
    }
    found
}

fn described(kind: Kind, path: &Path) -> Option<Listed> {
    let content = fs::read_to_string(path).ok()?;
    let field = |field: &str| {
        let line = content.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.map(|value| value.trim().trim_matches(['"', '\'']).to_owned())
    };
    let name =
        field("name").unwrap_or_else(|| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    Some(Listed {
        item: Item::new(kind, &name),
        description: field("description").unwrap_or_default(),
        installed: true,
        chosen: false,
        needed: name.starts_with("charon/"),
        left_out: false,
        here: true,
        version: None,
        latest: String::new(),
        tainted: false,
        local: true,
        members: Vec::new(),
    })
}

/// A set of items for one purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Preset {
    /// Its name in addresses and rows.
    pub slug: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// What it does, and what it cannot do.
    pub summary: &'static str,
    items: &'static [&'static str],
}

/// What file names, queries and extensions are taken from; scenarios of the web need it.
const HTTP: &str = "parsers:crowdsecurity/http-logs";

/// The presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        slug: "web-basics",
        name: "Web basics",
        summary: "Probing for files, crawling, path traversal, SQL injection, cross-site scripting, back doors and open proxies.",
        items: &[
            HTTP,
            "scenarios:crowdsecurity/http-probing",
            "scenarios:crowdsecurity/http-crawl-non_statics",
            "scenarios:crowdsecurity/http-sensitive-files",
            "scenarios:crowdsecurity/http-path-traversal-probing",
            "scenarios:crowdsecurity/http-sqli-probing",
            "scenarios:crowdsecurity/http-xss-probing",
            "scenarios:crowdsecurity/http-backdoors-attempts",
            "scenarios:crowdsecurity/http-open-proxy",
            "scenarios:ltsich/http-w00tw00t",
        ],
    },
    Preset {
        slug: "brute-force",
        name: "Brute force",
        summary: "Many sign-ins that fail: POST requests that are answered with 401 or 403.",
        items: &[HTTP, "scenarios:crowdsecurity/http-generic-bf"],
    },
    Preset {
        slug: "cve-probes",
        name: "CVE probes",
        summary: "Requests that try known holes, such as Log4Shell or Spring4Shell.",
        items: &[HTTP, "collections:crowdsecurity/http-cve"],
    },
    Preset {
        slug: "bad-user-agents",
        name: "Bad user agents",
        summary: "Scanners and tools of attackers that name themselves in User-Agent.",
        items: &[HTTP, "scenarios:crowdsecurity/http-bad-user-agent"],
    },
    Preset {
        slug: "wordpress",
        name: "WordPress",
        summary: "Guessing of passwords at wp-login.php, listing of users, and reading of wp-config.php.",
        items: &[HTTP, "collections:crowdsecurity/wordpress"],
    },
    Preset {
        slug: "nextcloud",
        name: "Nextcloud",
        summary: "Keeps people from being banned for what Nextcloud's own pages ask in vain. Its scenario for guessed passwords reads the log of Nextcloud, which the agent is not given.",
        items: &[HTTP, "collections:crowdsecurity/nextcloud"],
    },
];

impl Preset {
    /// The preset of this name.
    pub fn find(slug: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.slug == slug)
    }

    /// What it switches on.
    pub fn items(&self) -> Vec<Item> {
        self.items.iter().filter_map(|item| item.parse().ok()).collect()
    }

    /// What is its own: what other presets need as well stays when it goes.
    pub fn own(&self) -> Vec<Item> {
        self.items().into_iter().filter(|item| item.to_string() != HTTP).collect()
    }
}

/// Every version of an item that differs between two lists.
pub(super) fn by_item(list: Vec<Listed>) -> BTreeMap<Item, Listed> {
    list.into_iter().map(|listed| (listed.item.clone(), listed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_name_items_rightly_and_an_index_cannot_lead_out_of_its_folder() {
        for preset in PRESETS {
            assert_eq!(preset.items().len(), preset.items.len(), "{}", preset.slug);
            assert!(!preset.own().is_empty() && Preset::find(preset.slug) == Some(preset));
        }
        let text = r#"{"collections": {"a/up": {"path": "../x.yaml"}, "a/root": {"path": "/etc/x.yaml"}, "a/in": {"path": "collections/a/in.yaml"}},
                       "parsers": {"a/p": {"path": "parsers/s/a/p.yaml", "stage": "../.."}}}"#;
        let index = Index::parse(text.as_bytes()).unwrap();
        let hub = Hub { folder: "/hub".into(), updated: false, index };
        let file = |text: &str| hub.file(&text.parse().unwrap());
        assert_eq!(file("collections:a/up"), None);
        assert_eq!(file("collections:a/root"), None);
        assert_eq!(file("collections:a/in").unwrap(), Path::new("/hub/collections/a/in.yaml"));
        assert_eq!(hub.place(&"parsers:a/p".parse().unwrap()), None);
    }
}
