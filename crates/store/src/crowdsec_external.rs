//! Where CrowdSec runs when it runs on another machine, and how Charon shows itself there. One setting for what may be
//! seen, and one for each secret, which is encrypted as every secret setting is.

use crate::{Audit, Error, Store, security_configs, settings};
use base::Secret;
use serde::{Deserialize, Serialize};

const PLAIN: &str = "security.crowdsec.external";
// Their endings make these settings secrets, see [`settings::is_secret`].
const API_KEY: &str = "security.crowdsec.external.api_key";
const PRIVATE_KEY: &str = "security.crowdsec.external.private_key";
const PASSWORD: &str = "security.crowdsec.external.password";

/// The other machine's LAPI. What is empty is not set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct External {
    /// `http://` or `https://`, host, port, and perhaps the beginning of a path.
    pub url: String,
    /// The key of Charon as a bouncer.
    pub api_key: Secret<String>,
    /// In its place: a client certificate with its chain, PEM.
    pub certificate: String,
    /// The certificate's key, PEM.
    pub private_key: Secret<String>,
    /// Certificates of authorities that are trusted beside the system's, PEM.
    pub authorities: String,
    /// The name of Charon as a machine.
    pub machine: String,
    /// Its password.
    pub password: Secret<String>,
}

impl Default for External {
    fn default() -> Self {
        let none = || Secret::new(String::new());
        Self {
            url: String::new(),
            api_key: none(),
            certificate: String::new(),
            private_key: none(),
            authorities: String::new(),
            machine: String::new(),
            password: none(),
        }
    }
}

/// What may be seen, as it is stored.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Plain {
    url: String,
    certificate: String,
    authorities: String,
    machine: String,
}

/// What is stored. Of a database of the original the address comes along.
///
/// # Errors
/// [`Error::Secret`] when a secret cannot be opened, or when the database cannot be read.
pub async fn get(store: &Store) -> Result<External, Error> {
    let stored = settings::get(store, PLAIN).await?.map(|setting| setting.value);
    let plain: Plain = match stored {
        Some(text) => serde_json::from_str(&text).unwrap_or_default(),
        None => Plain { url: security_configs::api_url(store).await?, ..Plain::default() },
    };
    let secret = async |key: &str| {
        let value = settings::secret_value(store, key).await?;
        Ok::<_, Error>(value.unwrap_or_else(|| Secret::new(String::new())))
    };
    Ok(External {
        url: plain.url,
        api_key: secret(API_KEY).await?,
        certificate: plain.certificate,
        private_key: secret(PRIVATE_KEY).await?,
        authorities: plain.authorities,
        machine: plain.machine,
        password: secret(PASSWORD).await?,
    })
}

/// Stores it, in place of what was stored.
///
/// # Errors
/// When the database cannot be written.
pub async fn set(store: &Store, external: &External, audit: Audit) -> Result<(), Error> {
    let plain = Plain {
        url: external.url.clone(),
        certificate: external.certificate.clone(),
        authorities: external.authorities.clone(),
        machine: external.machine.clone(),
    };
    let setting = |key: &str, value: &str, kind: &str| settings::NewSetting {
        key: key.to_owned(),
        value: value.to_owned(),
        r#type: kind.to_owned(),
        category: "security".to_owned(),
    };
    let all = [
        setting(PLAIN, &serde_json::to_string(&plain).unwrap_or_default(), "json"),
        setting(API_KEY, external.api_key.expose(), "string"),
        setting(PRIVATE_KEY, external.private_key.expose(), "string"),
        setting(PASSWORD, external.password.expose(), "string"),
    ];
    settings::set(store, &all, audit).await.map(drop)
}
