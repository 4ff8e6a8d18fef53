//! CrowdSec's AppSec component, as it is wished: one setting for what may be seen, one for its key, which is encrypted
//! as every secret setting is.

use crate::{Audit, Error, Store, settings};
use base::Secret;
use serde::{Deserialize, Serialize};

const PLAIN: &str = "security.appsec";
// Its ending makes this setting a secret, see [`settings::is_secret`].
const KEY: &str = "security.appsec.api_key";

/// What holds when it does not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// Requests pass.
    #[default]
    Pass,
    /// Requests are refused.
    Refuse,
}

/// What becomes of requests whose bodies are longer than what it is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnLargeBody {
    /// They are judged without it.
    #[default]
    HeadOnly,
    /// They are refused.
    Refuse,
}

/// What may be seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Plain {
    /// Requests are judged by it.
    pub enabled: bool,
    /// `http://`, host, port, and perhaps a path.
    pub url: String,
    /// The longest that a request waits for it, in milliseconds.
    pub limit_ms: u32,
    /// The longest body that it is sent, in bytes.
    pub largest_body: u32,
    /// See [`OnFailure`].
    pub on_failure: OnFailure,
    /// See [`OnLargeBody`].
    pub on_large_body: OnLargeBody,
    /// Hosts that it is not asked about, by uuid.
    pub exempt_hosts: Vec<String>,
}

impl Default for Plain {
    fn default() -> Self {
        Self {
            enabled: false,
            url: String::new(),
            limit_ms: 200,
            largest_body: 64 * 1024,
            on_failure: OnFailure::default(),
            on_large_body: OnLargeBody::default(),
            exempt_hosts: Vec::new(),
        }
    }
}

/// What is wished.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AppSec {
    /// See [`Plain`].
    pub plain: Plain,
    /// The key of a bouncer; empty while none is set.
    pub key: Secret<String>,
}

/// What is stored.
///
/// # Errors
/// [`Error::Secret`] when the key cannot be opened, or when the database cannot be read.
pub async fn get(store: &Store) -> Result<AppSec, Error> {
    let stored = settings::get(store, PLAIN).await?;
    let plain = stored.and_then(|setting| serde_json::from_str(&setting.value).ok()).unwrap_or_default();
    let key = settings::secret_value(store, KEY).await?.unwrap_or_default();
    Ok(AppSec { plain, key })
}

/// Stores it, in place of what was stored.
///
/// # Errors
/// When the database cannot be written.
pub async fn set(store: &Store, appsec: &AppSec, audit: Audit) -> Result<(), Error> {
    let setting = |key: &str, value: String, kind: &str| settings::NewSetting {
        key: key.to_owned(),
        value,
        r#type: kind.to_owned(),
        category: "security".to_owned(),
    };
    let plain = serde_json::to_string(&appsec.plain).unwrap_or_default();
    let all = [setting(PLAIN, plain, "json"), setting(KEY, appsec.key.expose().clone(), "string")];
    settings::set(store, &all, audit).await.map(drop)
}
