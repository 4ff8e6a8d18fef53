//! Settings by key. Values of secret keys are encrypted. Every write counts as a change of what is served.

use crate::{Audit, Error, Store};
use base::{Secret, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use serde::Serialize;

/// One row of `settings`.
#[derive(Clone, PartialEq, Eq, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "settings")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    #[sea_orm(unique)]
    pub key: String,
    #[sea_orm(default_value = "")]
    pub value: String,
    #[sea_orm(default_value = "")]
    pub r#type: String,
    #[sea_orm(default_value = "")]
    pub category: String,
    #[sea_orm(default_value = false)]
    pub secret: bool,
    #[sea_orm(default_value = 0)]
    pub updated_at: i64,
}

/// Settings point at nothing.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) const PLACE: &str = "settings.value";

/// Keys of the original product whose values are secrets; so is every key with one of these endings.
const SECRET_ENDINGS: &[&str] = &["password", "secret", "token", "api_key", "apikey", "private_key"];

/// Whether values of this key are encrypted and never shown.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_ENDINGS.iter().any(|ending| key.ends_with(ending))
}

/// A stored setting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Setting {
    /// Row id.
    pub id: i64,
    /// The key.
    pub key: String,
    /// The value; empty when [`Setting::secret`] (see [`secret_value`]).
    pub value: String,
    /// `string`, `int`, `bool`, `json` or empty.
    pub r#type: String,
    /// Group for the UI.
    pub category: String,
    /// The value is encrypted and not shown.
    pub secret: bool,
    /// Whether there is a value at all.
    pub is_set: bool,
    /// When it was last written.
    pub updated_at: Timestamp,
}

impl From<Model> for Setting {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            key: row.key,
            is_set: !row.value.is_empty(),
            value: if row.secret { String::new() } else { row.value },
            r#type: row.r#type,
            category: row.category,
            secret: row.secret,
            updated_at: Timestamp::from_millis(row.updated_at),
        }
    }
}

/// A setting to be written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NewSetting {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// `string`, `int`, `bool`, `json` or empty.
    pub r#type: String,
    /// Group for the UI.
    pub category: String,
}

/// All settings by key.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(store: &Store) -> Result<Vec<Setting>, Error> {
    let rows = Entity::find().order_by_asc(Column::Key).all(store.read()).await?;
    Ok(rows.into_iter().map(Setting::from).collect())
}

/// The setting with this key.
///
/// # Errors
/// When the database cannot be read.
pub async fn get(store: &Store, key: &str) -> Result<Option<Setting>, Error> {
    let row = Entity::find().filter(Column::Key.eq(key)).one(store.read()).await?;
    Ok(row.map(Setting::from))
}

/// The value of a secret setting.
///
/// # Errors
/// [`Error::Secret`] when it cannot be opened, or when the database cannot be read.
pub async fn secret_value(store: &Store, key: &str) -> Result<Option<Secret<String>>, Error> {
    match Entity::find().filter(Column::Key.eq(key)).one(store.read()).await? {
        Some(row) if row.secret => store.vault().open_sealed(PLACE, &row.value).map(Some),
        Some(row) => Ok(Some(Secret::new(row.value))),
        None => Ok(None),
    }
}

/// Writes settings, all or none. The audit entry gets old and new values of those that are not secret.
///
/// # Errors
/// When the database cannot be written.
pub async fn set(store: &Store, settings: &[NewSetting], mut audit: Audit) -> Result<Vec<Setting>, Error> {
    let mut write = store.write().await?;
    let now = store.now().millis();
    let (mut before, mut after) = (serde_json::Map::new(), serde_json::Map::new());
    let mut stored = Vec::new();
    for setting in settings {
        let secret = is_secret(&setting.key);
        let value = if secret { store.vault().seal(PLACE, &setting.value)? } else { setting.value.clone() };
        let shown = |value: &str| serde_json::Value::from(if secret { "***" } else { value });
        let known = Entity::find().filter(Column::Key.eq(&setting.key)).one(&*write).await?;
        let kept = |new: &str, old: Option<&String>| match (new, old) {
            ("", Some(old)) => old.clone(),
            (new, _) => new.to_owned(),
        };
        let mut row = ActiveModel {
            id: NotSet,
            key: Set(setting.key.clone()),
            value: Set(value),
            r#type: Set(kept(&setting.r#type, known.as_ref().map(|row| &row.r#type))),
            category: Set(kept(&setting.category, known.as_ref().map(|row| &row.category))),
            secret: Set(secret),
            updated_at: Set(now),
        };
        after.insert(setting.key.clone(), shown(&setting.value));
        let row = match known {
            Some(known) => {
                before.insert(setting.key.clone(), shown(&known.value));
                row.id = Unchanged(known.id);
                row.update(&*write).await?
            }
            None => row.insert(&*write).await?,
        };
        stored.push(Setting::from(row));
    }
    audit.before = audit.before.or_else(|| Some(before.into()));
    audit.after = audit.after.or_else(|| Some(after.into()));
    write.audit(audit).await?;
    write.serves();
    write.commit().await?;
    Ok(stored)
}
