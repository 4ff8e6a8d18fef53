//! How decisions are enforced, as one setting of several values.

use crate::{Audit, Error, Store, settings};
use serde::{Deserialize, Serialize};

/// What becomes of clients of decisions whose type nobody here knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownTypes {
    /// They are banned.
    #[default]
    Ban,
    /// They have to solve a challenge.
    Captcha,
    /// They are served.
    Ignore,
}

/// What holds while LAPI does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenStale {
    /// The last decisions, each until its own end.
    #[default]
    Keep,
    /// None.
    Drop,
}

/// The values.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Enforcement {
    /// See [`UnknownTypes`].
    pub unknown_types: UnknownTypes,
    /// See [`WhenStale`].
    pub when_stale: WhenStale,
    /// How long a solved challenge holds.
    pub captcha_grace_minutes: u32,
    /// Files that tell countries and autonomous systems by address.
    pub geo_databases: Vec<String>,
}

impl Default for Enforcement {
    fn default() -> Self {
        Self {
            unknown_types: UnknownTypes::default(),
            when_stale: WhenStale::default(),
            captcha_grace_minutes: 60,
            geo_databases: Vec::new(),
        }
    }
}

const KEY: &str = "security.enforcement";

/// The stored values; what cannot be read has its default.
///
/// # Errors
/// When the database cannot be read.
pub async fn get(store: &Store) -> Result<Enforcement, Error> {
    let setting = settings::get(store, KEY).await?;
    Ok(setting.and_then(|setting| serde_json::from_str(&setting.value).ok()).unwrap_or_default())
}

/// Stores them.
///
/// # Errors
/// When the database cannot be written.
pub async fn set(store: &Store, values: &Enforcement, audit: Audit) -> Result<(), Error> {
    let setting = settings::NewSetting {
        key: KEY.to_owned(),
        value: serde_json::to_string(values).unwrap_or_default(),
        r#type: "json".to_owned(),
        category: "security".to_owned(),
    };
    settings::set(store, &[setting], audit).await.map(drop)
}
