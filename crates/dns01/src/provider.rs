//! What every provider can do, and the common way of those that hold records in zones.

use crate::DnsError;
use crate::schema::Settings;
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use tokio::sync::Mutex;

/// An answer that comes later.
pub type Wait<'a, T> = Pin<Box<dyn Future<Output = Result<T, DnsError>> + Send + 'a>>;

/// A record that was written. It can be stored and given to [`Provider::remove`] after a restart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Handle {
    /// The name that holds it.
    pub record: String,
    /// Its value.
    pub value: String,
}

/// Who writes TXT records. Other values at the same name stay as they are.
pub trait Provider: Debug + Send + Sync {
    /// Writes `value` at `record` (a full name, such as `_acme-challenge.example.org`). Twice leaves one.
    fn present<'a>(&'a self, record: &'a str, value: &'a str) -> Wait<'a, Handle>;

    /// Removes what [`Provider::present`] wrote. What is gone already is fine.
    fn remove<'a>(&'a self, handle: &'a Handle) -> Wait<'a, ()>;
}

/// Where the proof for `domain` stands (RFC 8555, section 8.4); a wildcard has that of its parent.
pub fn challenge_name(domain: &str) -> String {
    format!("_acme-challenge.{}", plain(domain).trim_start_matches("*."))
}

/// A name in lower case and without the dot at its end.
pub(crate) fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// A zone as its provider knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Zone {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Zone {
    pub(crate) fn new(id: impl Into<String>, name: &str) -> Self {
        Self { id: id.into(), name: plain(name) }
    }

    /// The record's name within the zone; empty for the zone's own.
    pub(crate) fn within<'a>(&self, record: &'a str) -> &'a str {
        record.strip_suffix(self.name.as_str()).map_or(record, |rest| rest.trim_end_matches('.'))
    }
}

/// The zone with the longest name that holds `record`.
pub(crate) fn longest(record: &str, zones: Vec<Zone>) -> Result<Zone, DnsError> {
    let seen: Vec<String> = zones.iter().map(|zone| zone.name.clone()).collect();
    let holds = |zone: &Zone| {
        record == zone.name || record.strip_suffix(zone.name.as_str()).is_some_and(|rest| rest.ends_with('.'))
    };
    let found = zones.into_iter().filter(|zone| !zone.name.is_empty() && holds(zone));
    found
        .max_by_key(|zone| zone.name.len())
        .ok_or_else(|| DnsError::ZoneNotFound { name: record.to_owned(), seen })
}

/// `a.b.c`, `b.c`, `c`.
pub(crate) fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, rest)| rest))
}

/// One value at a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    /// What the provider calls it; empty where it is known by its value.
    pub(crate) id: String,
    pub(crate) value: String,
}

impl Entry {
    pub(crate) fn of(value: &str) -> Self {
        Self { id: String::new(), value: unquoted(value) }
    }
}

/// A value as providers of quoted records give it: quotes taken off, pieces put together.
pub(crate) fn unquoted(text: &str) -> String {
    let text = text.trim();
    if text.len() < 2 || !text.starts_with('"') || !text.ends_with('"') {
        return text.to_owned();
    }
    let mut value = String::new();
    let mut inside = false;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => inside = !inside,
            '\\' => value.extend(letters.next()),
            letter if inside => value.push(letter),
            _ => {}
        }
    }
    value
}

/// A value in quotes, for providers that take records as zone files hold them.
pub(crate) fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What is to be done at a name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change<'a> {
    Add(&'a str),
    Remove(&'a Entry),
}

impl Change<'_> {
    /// All values that the name shall hold after it, for providers that take whole sets.
    pub(crate) fn after(self, before: &[Entry]) -> Vec<String> {
        let kept =
            before.iter().filter(|entry| !matches!(self, Change::Remove(gone) if gone.value == entry.value));
        let mut values: Vec<String> = kept.map(|entry| entry.value.clone()).collect();
        if let Change::Add(value) = self {
            values.push(value.to_owned());
        }
        values
    }
}

/// What a provider with zones and records says of itself; [`Zoned`] makes a [`Provider`] of it.
pub(crate) trait Records: Debug + Send + Sync + Sized + 'static {
    /// The zone that holds `record`.
    fn zone(&self, record: &str) -> impl Future<Output = Result<Zone, DnsError>> + Send;
    /// The TXT values at `record`.
    fn list(&self, zone: &Zone, record: &str) -> impl Future<Output = Result<Vec<Entry>, DnsError>> + Send;
    /// Does one change, knowing what was there `before`.
    fn change(
        &self,
        zone: &Zone,
        record: &str,
        before: &[Entry],
        change: Change<'_>,
    ) -> impl Future<Output = Result<(), DnsError>> + Send;

    fn boxed(self) -> Box<dyn Provider> {
        Box::new(Zoned(self))
    }
}

/// Reading and writing back a set of records must not interleave, whoever made the providers.
static ONE_AT_A_TIME: [Mutex<()>; 64] = [const { Mutex::const_new(()) }; 64];

fn lock_of(zone: &Zone) -> &'static Mutex<()> {
    let mut hasher = DefaultHasher::new();
    zone.name.hash(&mut hasher);
    &ONE_AT_A_TIME[(hasher.finish() % 64) as usize]
}

#[derive(Debug)]
struct Zoned<T>(T);

impl<T: Records> Provider for Zoned<T> {
    fn present<'a>(&'a self, record: &'a str, value: &'a str) -> Wait<'a, Handle> {
        Box::pin(async move {
            let record = plain(record);
            let zone = self.0.zone(&record).await?;
            let _lock = lock_of(&zone).lock().await;
            let before = self.0.list(&zone, &record).await?;
            if !before.iter().any(|entry| entry.value == value) {
                self.0.change(&zone, &record, &before, Change::Add(value)).await?;
            }
            Ok(Handle { record, value: value.to_owned() })
        })
    }

    fn remove<'a>(&'a self, handle: &'a Handle) -> Wait<'a, ()> {
        Box::pin(async move {
            let zone = self.0.zone(&handle.record).await?;
            let _lock = lock_of(&zone).lock().await;
            let mut before = self.0.list(&zone, &handle.record).await?;
            while let Some(at) = before.iter().position(|entry| entry.value == handle.value) {
                self.0.change(&zone, &handle.record, &before, Change::Remove(&before[at])).await?;
                before.remove(at);
            }
            Ok(())
        })
    }
}

/// What every provider over HTTP begins with.
pub(crate) fn endpoint(settings: &Settings) -> String {
    settings.url("endpoint")
}
