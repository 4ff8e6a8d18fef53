//! Items of the hub, and which of them are wanted: what a person switched on, all that those need, and what a person
//! took out of them again.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// A kind of item, by the name of its folder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Sets of other items.
    Collections,
    /// What reads lines.
    Parsers,
    /// What finds attacks.
    Scenarios,
    /// What looks at decisions before they are made.
    Postoverflows,
    /// What alerts carry along (version 1.5 and later).
    Contexts,
    /// Settings of the application firewall (version 1.6 and later).
    AppsecConfigs,
    /// Rules of the application firewall (version 1.6 and later).
    AppsecRules,
}

impl Kind {
    /// All of them, collections first.
    pub const ALL: [Self; 7] = [
        Self::Collections,
        Self::Parsers,
        Self::Scenarios,
        Self::Postoverflows,
        Self::Contexts,
        Self::AppsecConfigs,
        Self::AppsecRules,
    ];

    /// As folders, the index and `cscli` call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collections => "collections",
            Self::Parsers => "parsers",
            Self::Scenarios => "scenarios",
            Self::Postoverflows => "postoverflows",
            Self::Contexts => "contexts",
            Self::AppsecConfigs => "appsec-configs",
            Self::AppsecRules => "appsec-rules",
        }
    }
}

/// One item: `collections:crowdsecurity/wordpress`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Author and name.
    pub name: String,
}

impl Item {
    /// An item.
    pub fn new(kind: Kind, name: &str) -> Self {
        Self { kind, name: name.to_owned() }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.name)
    }
}

impl From<Item> for String {
    fn from(item: Item) -> Self {
        item.to_string()
    }
}

impl FromStr for Item {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no item; write one like collections:crowdsecurity/wordpress");
        let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(wrong)?;
        let part = |part: &str| {
            let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
            !part.is_empty() && !part.starts_with(['.', '-']) && part.bytes().all(fine)
        };
        let (author, short) = name.split_once('/').ok_or_else(wrong)?;
        if name.len() > 200 || !part(author) || !part(short) {
            return Err(wrong());
        }
        Ok(Self::new(kind, name))
    }
}

impl TryFrom<String> for Item {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// What is always on: without these no line is read.
pub(super) fn base() -> [Item; 2] {
    ["crowdsecurity/syslog-logs", "crowdsecurity/dateparse-enrich"].map(|name| Item::new(Kind::Parsers, name))
}

/// What a person has chosen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Switched on.
    pub on: BTreeSet<Item>,
    /// Taken out of what is switched on.
    #[serde(default)]
    pub off: BTreeSet<Item>,
}

impl Default for Wanted {
    fn default() -> Self {
        let basics = Item::new(Kind::Collections, "crowdsecurity/base-http-scenarios");
        Self { on: BTreeSet::from([basics]), off: BTreeSet::new() }
    }
}

impl Wanted {
    /// Everything that is to be on, with whether it was chosen by itself.
    pub fn all(&self, index: &Index) -> BTreeMap<Item, bool> {
        let mut all = BTreeMap::new();
        let mut open: Vec<Item> = base().into_iter().chain(self.on.iter().cloned()).collect();
        while let Some(item) = open.pop() {
            if self.off.contains(&item) && !self.on.contains(&item) || all.contains_key(&item) {
                continue;
            }
            open.extend(index.members(&item));
            let chosen = self.on.contains(&item);
            all.insert(item, chosen);
        }
        all
    }

    /// Switches an item on, with all that it needs.
    pub fn install(&mut self, index: &Index, item: &Item) {
        for part in index.tree(item) {
            self.off.remove(&part);
        }
        self.on.insert(item.clone());
    }

    /// Switches an item off. What was on for its sake alone goes with it.
    pub fn remove(&mut self, index: &Index, item: &Item) {
        self.on.remove(item);
        if self.all(index).contains_key(item) {
            self.off.insert(item.clone());
        }
        // What nothing brings any more need not be kept out.
        let whole = Self { on: self.on.clone(), off: BTreeSet::new() }.all(index);
        self.off.retain(|item| whole.contains_key(item));
    }
}

/// The index of a hub.
#[derive(Clone, Debug)]
pub struct Index(Value);

impl Index {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        match value.get("collections").is_some_and(Value::is_object) {
            true => Ok(Self(value)),
            false => Err("it names no collections".to_owned()),
        }
    }

    /// What it says of an item.
    pub fn entry(&self, item: &Item) -> Option<&Value> {
        self.0.get(item.kind.as_str())?.get(&item.name)
    }

    /// All items.
    pub fn items(&self) -> impl Iterator<Item = (Item, &Value)> {
        Kind::ALL.into_iter().flat_map(|kind| {
            let entries = self.0.get(kind.as_str()).and_then(Value::as_object);
            entries.into_iter().flatten().map(move |(name, entry)| (Item::new(kind, name), entry))
        })
    }

    /// What an item consists of, one level deep.
    pub fn members(&self, item: &Item) -> Vec<Item> {
        let entry = self.entry(item);
        let members = |kind: Kind| {
            let names = entry.and_then(|entry| entry.get(kind.as_str())).and_then(Value::as_array);
            names.into_iter().flatten().filter_map(Value::as_str).map(move |name| Item::new(kind, name))
        };
        Kind::ALL.into_iter().flat_map(members).collect()
    }

    /// An item and all that it consists of.
    pub fn tree(&self, item: &Item) -> BTreeSet<Item> {
        let (mut tree, mut open) = (BTreeSet::new(), vec![item.clone()]);
        while let Some(item) = open.pop() {
            if tree.insert(item.clone()) {
                open.extend(self.members(&item));
            }
        }
        tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let text = r#"{
            "collections": {
                "a/web": {"scenarios": ["a/probe", "a/agent"], "collections": ["a/cve"], "parsers": ["a/http"]},
                "a/cve": {"scenarios": ["a/log4j"], "collections": ["a/web"]},
                "a/blog": {"scenarios": ["a/login"], "parsers": ["a/http"]}
            },
            "scenarios": {"a/probe": {}, "a/agent": {}, "a/log4j": {}, "a/login": {}},
            "parsers": {"a/http": {}}
        }"#;
        Index::parse(text.as_bytes()).unwrap()
    }

    fn names(wanted: &Wanted) -> Vec<String> {
        let base = base();
        let all = wanted.all(&index());
        all.keys().filter(|item| !base.contains(item)).map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_on_follows_from_what_was_chosen_and_taken_out() {
        let item = |text: &str| text.parse::<Item>().unwrap();
        let index = index();
        let mut wanted = Wanted { on: BTreeSet::from([item("collections:a/web")]), off: BTreeSet::new() };
        let whole = names(&wanted);
        assert_eq!(whole.len(), 6, "{whole:?}");
        // A member goes, also when its collection stays; it comes back with itself or with its collection.
        wanted.remove(&index, &item("scenarios:a/agent"));
        assert!(!names(&wanted).contains(&"scenarios:a/agent".to_owned()));
        wanted.install(&index, &item("collections:a/web"));
        assert_eq!(names(&wanted), whole);
        wanted.remove(&index, &item("collections:a/cve"));
        assert_eq!(
            names(&wanted),
            ["collections:a/web", "parsers:a/http", "scenarios:a/agent", "scenarios:a/probe"]
        );
        // What another one needs stays when a collection goes, and nothing else does.
        wanted.install(&index, &item("collections:a/blog"));
        wanted.remove(&index, &item("collections:a/web"));
        assert_eq!(names(&wanted), ["collections:a/blog", "parsers:a/http", "scenarios:a/login"]);
        assert!(wanted.off.is_empty());
        wanted.remove(&index, &item("collections:a/blog"));
        assert_eq!(names(&wanted), Vec::<String>::new());
        // The base cannot be taken out in a way that stays unseen: it is kept on.
        assert!(base().iter().all(|item| wanted.all(&index).contains_key(item)));
    }

    #[test]
    fn a_name_that_could_lead_out_of_the_hub_or_be_an_option_is_none() {
        for wrong in [
            "collections:x",
            "collections:../x",
            "collections:a/..",
            "x:a/b",
            "a/b",
            "parsers:-a/b",
            "parsers:a/b c",
        ] {
            assert!(wrong.parse::<Item>().is_err(), "{wrong}");
        }
        let item: Item = "appsec-rules:crowdsecurity/vpatch-CVE-2017-9841".parse().unwrap();
        assert_eq!(item.to_string(), "appsec-rules:crowdsecurity/vpatch-CVE-2017-9841");
    }
}
