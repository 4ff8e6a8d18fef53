//! Who is never banned: the entries stand in `security_configs.admin_whitelist`, as they did in the original; what else
//! is known of them (a note, by whom, since when, until when) in one setting beside it.

use crate::security_configs::{ActiveModel, changed, new_row, row};
use crate::{Audit, Error, Store, settings};
use base::Timestamp;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{ConnectionTrait, NotSet};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A JSON object of entries and what is known of them.
const KEY: &str = "security.never_banned.notes";

/// An address or a network that is never banned.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// As it was written.
    pub value: String,
    /// What is known of it.
    pub note: Note,
}

/// What is known of an entry. Those of before have nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    /// Why.
    pub text: String,
    /// Who wrote it; empty when nobody knows.
    pub by: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Until when; `None` for ever.
    pub expires_at: Option<Timestamp>,
}

impl Note {
    fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

type Notes = BTreeMap<String, Note>;

async fn notes(connection: &impl ConnectionTrait) -> Result<Notes, Error> {
    let stored = settings::Entity::find().filter(settings::Column::Key.eq(KEY)).one(connection).await?;
    Ok(stored.and_then(|row| serde_json::from_str(&row.value).ok()).unwrap_or_default())
}

fn values(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

/// All entries that are not over, in the order in which they were written.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(store: &Store) -> Result<Vec<Entry>, Error> {
    let now = store.now();
    let known = row(store.read()).await?.map(|row| values(&row.admin_whitelist)).unwrap_or_default();
    let mut notes = notes(store.read()).await?;
    let entry = |value: String| {
        let note = notes.remove(&value).unwrap_or_default();
        Entry { value, note }
    };
    Ok(known.into_iter().map(entry).filter(|entry| !entry.note.is_over(now)).collect())
}

/// Entries whose time is over.
pub(crate) async fn over(store: &Store) -> Result<BTreeSet<String>, Error> {
    let now = store.now();
    let notes = notes(store.read()).await?;
    Ok(notes.into_iter().filter(|(_, note)| note.is_over(now)).map(|(value, _)| value).collect())
}

/// Writes an entry, in the place of one about the same. The moment since when stays.
///
/// # Errors
/// When the database cannot be written.
pub async fn put(store: &Store, entry: Entry, audit: Audit) -> Result<Entry, Error> {
    let now = store.now();
    let Entry { value, mut note } = entry;
    let name = value.clone();
    let written = change(store, audit, move |list, notes| {
        let known = notes.get(&value).filter(|known| !known.is_over(now)).and_then(|known| known.since);
        let old = list.contains(&value) && !notes.contains_key(&value);
        note.since = if old { None } else { known.or(Some(now)) };
        if !list.contains(&value) {
            list.push(value.clone());
        }
        notes.insert(value, note);
    })
    .await?;
    Ok(Entry { note: written.get(&name).cloned().unwrap_or_default(), value: name })
}

/// Takes an entry off the list. Says whether it was on it.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove(store: &Store, value: &str, audit: Audit) -> Result<bool, Error> {
    if !list(store).await?.iter().any(|entry| entry.value == value) {
        return Ok(false);
    }
    change(store, audit, |list, _| list.retain(|known| known != value)).await?;
    Ok(true)
}

/// Changes both places in one transaction. Entries that are over, and what was known of those that are gone, are
/// forgotten.
async fn change(
    store: &Store,
    audit: Audit,
    work: impl FnOnce(&mut Vec<String>, &mut Notes),
) -> Result<Notes, Error> {
    let mut write = store.write().await?;
    let now = store.now();
    let known = row(&*write).await?;
    let mut notes = notes(&*write).await?;
    let mut list = known.as_ref().map(|row| values(&row.admin_whitelist)).unwrap_or_default();
    list.retain(|value| !notes.get(value).is_some_and(|note| note.is_over(now)));
    work(&mut list, &mut notes);
    notes.retain(|value, _| list.contains(value));
    let mut active: ActiveModel = match &known {
        Some(row) => changed(row, now.millis()),
        None => new_row(now.millis()),
    };
    active.admin_whitelist = Set(list.join(","));
    let row = match &known {
        Some(_) => active.update(&*write).await?,
        None => active.insert(&*write).await?,
    };
    keep(&*write, &notes, now).await?;
    write.audit(audit.about(&row.uuid)).await?;
    write.serves();
    write.commit().await?;
    Ok(notes)
}

/// Forgets what was known of entries that are not in `list` any more.
pub(crate) async fn prune(
    connection: &impl ConnectionTrait,
    list: &[String],
    now: Timestamp,
) -> Result<(), Error> {
    let mut notes = notes(connection).await?;
    let before = notes.len();
    notes.retain(|value, note| list.contains(value) && !note.is_over(now));
    if notes.len() != before { keep(connection, &notes, now).await } else { Ok(()) }
}

async fn keep(connection: &impl ConnectionTrait, notes: &Notes, now: Timestamp) -> Result<(), Error> {
    settings::Entity::delete_many().filter(settings::Column::Key.eq(KEY)).exec(connection).await?;
    let setting = settings::ActiveModel {
        id: NotSet,
        key: Set(KEY.to_owned()),
        value: Set(serde_json::to_string(notes).unwrap_or_default()),
        r#type: Set("json".to_owned()),
        category: Set("security".to_owned()),
        secret: Set(false),
        updated_at: Set(now.millis()),
    };
    setting.insert(connection).await?;
    Ok(())
}
