//! Which captcha suspected clients get, and the keys that their answers are signed with. Settings: one of several
//! values, and two secrets, which are encrypted.

use crate::{Audit, Error, Store, settings};
use base::{Secret, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whose captcha it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Charon's own short calculation.
    #[default]
    Work,
    /// Cloudflare's.
    Turnstile,
    /// hCaptcha.
    Hcaptcha,
}

/// What is set.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Captcha {
    /// Whose captcha it is.
    pub kind: Kind,
    /// Which site asks, as the provider names it; no secret.
    pub site_key: String,
    /// Another one after each change.
    pub as_of: String,
}

const KEY: &str = "security.captcha";
/// What the provider knows Charon by.
const SECRET: &str = "security.captcha.secret";
/// A JSON array of [`SigningKey`], the newest first.
const SIGNING: &str = "security.captcha.signing_secret";
/// How old a signing key gets. Longer than any answer holds, so that the one before is enough.
const ROTATED: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is set; what cannot be read has its default.
///
/// # Errors
/// When the database cannot be read.
pub async fn get(store: &Store) -> Result<Captcha, Error> {
    let setting = settings::get(store, KEY).await?;
    Ok(setting.and_then(|setting| serde_json::from_str(&setting.value).ok()).unwrap_or_default())
}

/// The provider's secret; `None` while none is kept.
///
/// # Errors
/// [`Error::Secret`] when it cannot be opened, or when the database cannot be read.
pub async fn secret(store: &Store) -> Result<Option<Secret<String>>, Error> {
    Ok(settings::secret_value(store, SECRET).await?.filter(|secret| !secret.expose().is_empty()))
}

/// Whether a secret is kept.
///
/// # Errors
/// When the database cannot be read.
pub async fn has_secret(store: &Store) -> Result<bool, Error> {
    Ok(settings::get(store, SECRET).await?.is_some_and(|setting| setting.is_set))
}

/// Stores it, and returns it with its new mark. The secret stays when none is given; the calculation has none.
///
/// # Errors
/// When the database cannot be written.
pub async fn set(
    store: &Store,
    kind: Kind,
    site_key: &str,
    secret: Option<&Secret<String>>,
    audit: Audit,
) -> Result<Captcha, Error> {
    let captcha = Captcha { kind, site_key: site_key.to_owned(), as_of: base::random::hex_token::<8>() };
    let row = |key: &str, value: String, r#type: &str| settings::NewSetting {
        key: key.to_owned(),
        value,
        r#type: r#type.to_owned(),
        category: "security".to_owned(),
    };
    let mut rows = vec![row(KEY, serde_json::to_string(&captcha).unwrap_or_default(), "json")];
    match (kind, secret) {
        (Kind::Work, _) => rows.push(row(SECRET, String::new(), "string")),
        (_, Some(secret)) => rows.push(row(SECRET, secret.expose().clone(), "string")),
        (_, None) => {}
    }
    settings::set(store, &rows, audit).await?;
    Ok(captcha)
}

/// A key that answers are signed with.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SigningKey {
    key: String,
    made_at: Timestamp,
}

/// The keys that answers are signed with, the newest first. Makes the first one, and another one when the newest is
/// old; one that cannot be read any more is replaced, and whoever has answered is asked once more.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn signing_keys(store: &Store, now: Timestamp) -> Result<Vec<Secret<String>>, Error> {
    let (stored, fault) = match settings::secret_value(store, SIGNING).await {
        Ok(stored) => (stored, None),
        Err(Error::Secret(why)) => (None, Some(why)),
        Err(error) => return Err(error),
    };
    let mut keys: Vec<SigningKey> =
        stored.and_then(|text| serde_json::from_str(text.expose()).ok()).unwrap_or_default();
    if keys.first().is_none_or(|newest| now.since(newest.made_at) >= ROTATED) {
        // The first one is no news.
        let what = match (keys.is_empty(), &fault) {
            (_, Some(why)) => Some(format!("the old one is lost: {why}")),
            (true, None) => None,
            (false, None) => Some("the last one is 30 days old".to_owned()),
        };
        keys.insert(0, SigningKey { key: base::random::hex_token::<32>(), made_at: now });
        keys.truncate(2);
        let value = store.vault().seal(settings::PLACE, &serde_json::to_string(&keys).unwrap_or_default())?;
        let write = store.write().await?;
        settings::Entity::delete_many().filter(settings::Column::Key.eq(SIGNING)).exec(&*write).await?;
        let row = settings::ActiveModel {
            id: NotSet,
            key: Set(SIGNING.to_owned()),
            value: Set(value),
            r#type: Set("json".to_owned()),
            category: Set("security".to_owned()),
            secret: Set(true),
            updated_at: Set(now.millis()),
        };
        row.insert(&*write).await?;
        if let Some(why) = what {
            let what = format!("Made a new key for answers to captchas, since {why}");
            write.audit(Audit::system("rotate", "security", what)).await?;
        }
        write.commit().await?;
    }
    Ok(keys.into_iter().map(|key| Secret::new(key.key)).collect())
}
