//! Turns one row of the original into one of ours, or says why it cannot.

use super::tables::{self, Field, Legacy, Rule};
use super::times::{self, Moment};
use crate::error::Error;
use crate::schema::{Column, Kind, Table};
use crate::settings;
use crate::vault::{Vault, hex};
use base::DomainPattern;
use sea_orm::Value as Sql;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// A row of the original: column -> value.
pub(super) type Row = Map<String, Value>;

/// What became of a row.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is carried.
    Carried {
        /// Values in the order of our columns.
        values: Vec<Sql>,
        /// What was changed, a sentence each.
        changes: Vec<String>,
        /// What is as it was but a person should look at.
        notes: Vec<String>,
        /// Old values that have no place in ours; they are kept aside.
        kept: Row,
    },
    /// It is set aside for this reason.
    SetAside(String),
}

/// Converts rows of one table. It remembers what it has seen, to tell duplicates and orphans.
pub(super) struct Converter<'a> {
    table: &'a Table,
    legacy: Legacy,
    vault: &'a Vault,
    now: i64,
    seen: HashMap<&'static str, HashSet<String>>,
}

/// Row ids of the tables carried so far that others point at.
pub(super) type Carried = HashMap<&'static str, HashSet<i64>>;

struct Draft<'a> {
    row: &'a mut Row,
    /// The value of this setting is a secret.
    secret: bool,
    /// The row of the original has the column at hand.
    there: bool,
    changes: Vec<String>,
    notes: Vec<String>,
    kept: Row,
}

impl<'a> Converter<'a> {
    pub(super) fn new(table: &'a Table, vault: &'a Vault, now: i64) -> Self {
        Self { table, legacy: tables::legacy(&table.name), vault, now, seen: HashMap::new() }
    }

    /// Converts one row.
    ///
    /// # Errors
    /// When a secret cannot be encrypted.
    pub(super) fn convert(&mut self, mut row: Row, carried: &Carried) -> Result<Outcome, Error> {
        if let Some(reason) = self.refuse(&row) {
            return Ok(Outcome::SetAside(reason));
        }
        let mut changes = Vec::new();
        for (column, reason) in self.legacy.dropped {
            if row.remove(*column).is_some_and(|value| !is_empty(&value)) {
                changes.push((*reason).to_owned());
            }
        }
        let mut values = Vec::with_capacity(self.table.columns.len());
        let key = row.get("key").map(text).unwrap_or_default();
        let mut draft = Draft {
            secret: self.table.name == "settings" && settings::is_secret(&key),
            there: false,
            changes,
            notes: Vec::new(),
            kept: Row::new(),
            row: &mut row,
        };
        for column in &self.table.columns {
            match self.value(column, &mut draft, carried)? {
                Ok(value) => values.push(value),
                Err(reason) => return Ok(Outcome::SetAside(reason)),
            }
        }
        let Draft { changes, notes, mut kept, .. } = draft;
        // What is left has no place in ours.
        kept.extend(row.into_iter().filter(|(_, value)| !is_empty(value)));
        Ok(Outcome::Carried { values, changes, notes, kept })
    }

    /// Whole rows that are not carried, whatever their columns say.
    fn refuse(&self, row: &Row) -> Option<String> {
        let deleted = row.get("deleted_at").map(times::read);
        match (self.table.name.as_str(), deleted) {
            ("domains", Some(Moment::At(_) | Moment::Unreadable)) => {
                Some("it was deleted in the original, which keeps deleted domains".to_owned())
            }
            _ => None,
        }
    }

    fn value(
        &mut self,
        column: &Column,
        draft: &mut Draft<'_>,
        carried: &Carried,
    ) -> Result<Result<Sql, String>, Error> {
        let name = column.name.as_str();
        let known = self.legacy.fields.iter().find(|field| field.to == name).copied();
        let own = [name];
        let (names, rule): (&[&str], Rule) = match &known {
            Some(Field { from, rule, .. }) if !from.is_empty() => (from, *rule),
            Some(Field { rule, .. }) => (&own, *rule),
            None => (&own, default_rule(column)),
        };
        draft.there = names.iter().any(|name| draft.row.contains_key(*name));
        let value = take(draft, names);
        match (self.table.name.as_str(), name) {
            ("settings", "secret") => return Ok(Ok(Sql::from(draft.secret))),
            ("settings", "value") if draft.secret => {
                return self.sealed(settings::PLACE, &value, draft).map(Ok);
            }
            _ => {}
        }
        self.by_rule(rule, column, value, draft, carried)
    }

    fn by_rule(
        &mut self,
        rule: Rule,
        column: &Column,
        value: Value,
        draft: &mut Draft<'_>,
        carried: &Carried,
    ) -> Result<Result<Sql, String>, Error> {
        let name = column.name.as_str();
        let shown = text(&value);
        Ok(Ok(match rule {
            Rule::Plain => self.plain(column, value, draft),
            Rule::Moment => self.moment(column, &value, draft),
            Rule::Uuid => {
                let id = shown.trim().to_owned();
                if id.is_empty() {
                    draft.changes.push(format!("{name} was empty: a new one was given"));
                    Sql::from(base::random::uuid())
                } else if self.note_seen(name, &id) {
                    draft.changes.push(format!("{name} stood in another row too: a new one was given"));
                    draft.kept.insert(name.to_owned(), value);
                    Sql::from(base::random::uuid())
                } else {
                    Sql::from(id)
                }
            }
            Rule::Required if shown.trim().is_empty() => return Ok(Err(format!("{name} is empty"))),
            Rule::Required => Sql::from(shown),
            Rule::Unique | Rule::Email => {
                let email = rule == Rule::Email;
                let stored = if email { crate::users::normal(&shown) } else { shown.clone() };
                if stored.trim().is_empty() {
                    return Ok(Err(format!("{name} is empty")));
                }
                if self.note_seen(name, &stored) {
                    return Ok(Err(format!("{name} '{stored}' stands in an earlier row already")));
                }
                if stored != shown {
                    draft.changes.push(format!("{name} is in lower case and without spaces around it now"));
                }
                Sql::from(stored)
            }
            Rule::Port => match whole(&value).filter(|port| (1..=65_535).contains(port)) {
                Some(port) => Sql::from(port),
                None => return Ok(Err(format!("{name} '{shown}' is not a port from 1 to 65535"))),
            },
            Rule::Json if is_empty(&value) => self.default_of(column),
            Rule::Json => match serde_json::from_str::<Value>(&shown) {
                Ok(_) => Sql::from(shown),
                Err(_) => {
                    draft
                        .changes
                        .push(format!("{name} was broken JSON: it is empty now, the old text is set aside"));
                    draft.kept.insert(name.to_owned(), value);
                    self.default_of(column)
                }
            },
            Rule::NotedJson => {
                if !shown.trim().is_empty() && serde_json::from_str::<Value>(&shown).is_err() {
                    draft.notes.push(format!("{name} is broken JSON; it was carried as it is"));
                }
                Sql::from(shown)
            }
            Rule::Secret => self.sealed(&format!("{}.{name}", self.table.name), &value, draft)?,
            Rule::Hashed if shown.is_empty() => Sql::from(String::new()),
            Rule::Hashed => {
                draft.changes.push(format!("{name}: only the hash is stored now"));
                Sql::from(hex(&Sha256::digest(shown.as_bytes())))
            }
            Rule::MustPointAt(target) => match whole(&value).filter(|id| points(carried, target, *id)) {
                Some(id) => Sql::from(id),
                None => {
                    return Ok(Err(format!("{name} {shown} points at a row that {target} does not have")));
                }
            },
            Rule::MayPointAt(_) if is_empty(&value) => Sql::BigInt(None),
            Rule::MayPointAt(target) => match whole(&value).filter(|id| points(carried, target, *id)) {
                Some(id) => Sql::from(id),
                None => {
                    draft
                        .changes
                        .push(format!("{name} pointed at a row that {target} does not have: none now"));
                    draft.kept.insert(name.to_owned(), value);
                    Sql::BigInt(None)
                }
            },
            Rule::OneOf(allowed) => {
                let stored = shown.trim();
                if stored.is_empty() {
                    self.default_of(column)
                } else if allowed.contains(&stored) {
                    Sql::from(stored)
                } else {
                    let least = allowed.last().copied().unwrap_or_default();
                    draft.changes.push(format!("{name} '{stored}' is unknown here: '{least}' now"));
                    draft.kept.insert(name.to_owned(), value);
                    Sql::from(least)
                }
            }
            Rule::Domains if shown.split(',').all(|part| part.trim().is_empty()) => {
                return Ok(Err(format!("{name} is empty")));
            }
            Rule::Domains => {
                for part in shown.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                    if let Err(fault) = DomainPattern::parse(part) {
                        draft.notes.push(format!("the domain {fault}; it was carried as it is"));
                    }
                }
                Sql::from(shown)
            }
        }))
    }

    fn plain(&self, column: &Column, value: Value, draft: &mut Draft<'_>) -> Sql {
        let name = &column.name;
        match column.kind {
            Kind::Text if value.is_null() && column.nullable => Sql::String(None),
            Kind::Text if is_empty(&value) => self.default_of(column),
            Kind::Text => Sql::from(text(&value)),
            Kind::Integer if is_empty(&value) && column.nullable => Sql::BigInt(None),
            Kind::Integer if is_empty(&value) => self.default_of(column),
            Kind::Integer => match whole(&value) {
                Some(number) => Sql::from(number),
                None => {
                    let now = if column.nullable { Sql::BigInt(None) } else { self.default_of(column) };
                    draft.changes.push(format!("{name} was not a number: the default now"));
                    draft.kept.insert(name.clone(), value);
                    now
                }
            },
            Kind::Boolean if is_empty(&value) => self.default_of(column),
            Kind::Boolean => match flag(&value) {
                Some(flag) => {
                    if !matches!(value, Value::Number(_) | Value::Bool(_)) {
                        draft.changes.push(format!("{name} was a text: {flag} now"));
                    }
                    Sql::from(flag)
                }
                None => {
                    draft.changes.push(format!("{name} was neither true nor false: the default now"));
                    draft.kept.insert(name.clone(), value);
                    self.default_of(column)
                }
            },
        }
    }

    fn moment(&self, column: &Column, value: &Value, draft: &mut Draft<'_>) -> Sql {
        let name = &column.name;
        match times::read(value) {
            Moment::At(millis) => Sql::from(millis),
            Moment::Never if column.nullable => Sql::BigInt(None),
            Moment::Never => {
                // A column that the original's table never had is not a change.
                if draft.there {
                    draft.changes.push(format!("{name} was empty: the moment of the takeover now"));
                }
                Sql::from(self.now)
            }
            Moment::Unreadable => {
                draft.kept.insert(name.clone(), value.clone());
                if column.nullable {
                    draft.changes.push(format!("{name} was no moment: empty now, the old text is set aside"));
                    Sql::BigInt(None)
                } else {
                    draft.changes.push(format!(
                        "{name} was no moment: that of the takeover now, the old is set aside"
                    ));
                    Sql::from(self.now)
                }
            }
        }
    }

    fn sealed(&self, place: &str, value: &Value, draft: &mut Draft<'_>) -> Result<Sql, Error> {
        let shown = text(value);
        if !shown.is_empty() {
            let column = place.rsplit_once('.').map_or(place, |(_, column)| column);
            draft.changes.push(format!("{column} is encrypted now"));
        }
        Ok(Sql::from(self.vault.seal(place, &shown)?))
    }

    fn default_of(&self, column: &Column) -> Sql {
        let default = column.default.as_deref().unwrap_or_default();
        match column.kind {
            Kind::Text => Sql::from(default.trim_matches('\'').replace("''", "'")),
            Kind::Integer => Sql::from(default.parse::<i64>().unwrap_or_default()),
            Kind::Boolean => Sql::from(default == "true"),
        }
    }

    /// Whether this value was seen before in this column; from now on it was.
    fn note_seen(&mut self, column: &str, value: &str) -> bool {
        let Some(column) =
            ["uuid", "id", "email", "key", "name", "host"].into_iter().find(|known| *known == column)
        else {
            return false;
        };
        !self.seen.entry(column).or_default().insert(value.to_owned())
    }
}

fn default_rule(column: &Column) -> Rule {
    let name = column.name.as_str();
    if column.kind == Kind::Integer && (name.ends_with("_at") || tables::MOMENTS.contains(&name)) {
        Rule::Moment
    } else if name == "uuid" {
        Rule::Uuid
    } else {
        Rule::Plain
    }
}

/// Takes the first value that is not empty out of the row. Others that differ stay and are kept aside.
fn take(draft: &mut Draft<'_>, names: &[&str]) -> Value {
    let mut found = Value::Null;
    for name in names {
        let Some(value) = draft.row.remove(*name) else { continue };
        if is_empty(&found) {
            found = value;
        } else if !is_empty(&value) && value != found {
            draft.kept.insert((*name).to_owned(), value);
        }
    }
    found
}

fn points(carried: &Carried, target: &str, id: i64) -> bool {
    carried.get(target).is_some_and(|ids| ids.contains(&id))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some(i64::from(*flag)),
        _ => None,
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_i64()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "1" | "true" | "t" | "yes" | "on" => Some(true),
            "0" | "false" | "f" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
