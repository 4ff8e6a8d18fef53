//! How automatic certificates are asked for: a few settings that belong together. The keys of external accounts are
//! encrypted.

use crate::settings::{self, NewSetting};
use crate::{Audit, Error, Store};
use base::Secret;
use std::collections::BTreeMap;

/// Let's Encrypt.
pub const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";
/// Let's Encrypt's authority for trials: no browser trusts it, and its limits are wide.
pub const LETS_ENCRYPT_STAGING: &str = "https://acme-staging-v02.api.letsencrypt.org/directory";
/// ZeroSSL.
pub const ZERO_SSL: &str = "https://acme.zerossl.com/v2/DV90";
/// Google Trust Services.
pub const GOOGLE: &str = "https://dv.acme-v02.api.pki.goog/directory";

/// One certificate authority.
#[derive(Clone, Debug, Default)]
pub struct Authority {
    /// Address of its directory (RFC 8555, section 7.1.1); empty for none.
    pub directory: String,
    /// Root certificates (PEM) that its address is trusted by besides the system's.
    pub roots_pem: String,
    /// Name of the key that binds the account to one that is known there (section 7.3.4); empty for none.
    pub eab_key_id: String,
    /// That key, base64url; `None` when there is none, and on writing: as it is.
    pub eab_key: Option<Secret<String>>,
}

/// How automatic certificates are asked for.
#[derive(Clone, Debug)]
pub struct AcmeSettings {
    /// Where the authority sends warnings; may be empty.
    pub email: String,
    /// A person has agreed to the authority's terms. Nothing is asked for before.
    pub terms_agreed: bool,
    /// Who is asked.
    pub first: Authority,
    /// Who is asked when the first one has failed twice.
    pub second: Authority,
    /// Who is asked before them for names that have no certificate yet, for a trial; none when its directory is empty.
    pub trial: Authority,
    /// `ecdsa-p256`, `ecdsa-p384`, `rsa-2048` or `rsa-4096`.
    pub key_type: String,
    /// Profile of the authority; empty for its own choice.
    pub profile: String,
    /// The chain that ends in this authority is taken, where several are offered; empty for the authority's choice.
    pub preferred_chain: String,
    /// `http-01` or `tls-alpn-01`.
    pub challenge: String,
}

impl Default for AcmeSettings {
    fn default() -> Self {
        Self {
            email: String::new(),
            terms_agreed: false,
            first: Authority { directory: LETS_ENCRYPT.to_owned(), ..Authority::default() },
            second: Authority::default(),
            trial: Authority::default(),
            key_type: "ecdsa-p256".to_owned(),
            profile: String::new(),
            preferred_chain: String::new(),
            challenge: "http-01".to_owned(),
        }
    }
}

impl AcmeSettings {
    /// The settings of the authority at this directory.
    pub fn authority(&self, directory: &str) -> Option<&Authority> {
        [&self.first, &self.second, &self.trial]
            .into_iter()
            .find(|known| !directory.is_empty() && known.directory == directory)
    }
}

/// Reads them, with the keys of external accounts.
///
/// # Errors
/// [`Error::Secret`] when a key cannot be opened, or when the database cannot be read.
pub async fn get(store: &Store) -> Result<AcmeSettings, Error> {
    let rows = settings::all(store).await?;
    let texts: BTreeMap<&str, &str> = rows.iter().map(|row| (row.key.as_str(), row.value.as_str())).collect();
    let text = |key: &str| texts.get(key).map(|value| (*value).to_owned());
    let defaults = AcmeSettings::default();
    let secret = async |key: &str| {
        let is_set = rows.iter().any(|row| row.key == key && row.is_set);
        let value = if is_set { settings::secret_value(store, key).await? } else { None };
        Ok::<_, Error>(value.filter(|value| !value.expose().is_empty()))
    };
    let authority = async |prefix: &str, directory: String| {
        let part = |name: &str| text(&format!("acme.{prefix}{name}"));
        Ok::<_, Error>(Authority {
            directory: part("directory").unwrap_or(directory),
            roots_pem: part("roots_pem").unwrap_or_default(),
            eab_key_id: part("eab_key_id").unwrap_or_default(),
            eab_key: secret(&format!("acme.{prefix}eab_secret")).await?,
        })
    };
    Ok(AcmeSettings {
        // The original product asked for it in its set-up.
        email: text("acme.email").or_else(|| text("caddy.acme_email")).unwrap_or_default(),
        terms_agreed: text("acme.terms_agreed").is_some_and(|value| value == "true"),
        first: authority("", defaults.first.directory).await?,
        second: authority("second_", String::new()).await?,
        trial: authority("trial_", String::new()).await?,
        key_type: text("acme.key_type").unwrap_or(defaults.key_type),
        profile: text("acme.profile").unwrap_or_default(),
        preferred_chain: text("acme.preferred_chain").unwrap_or_default(),
        challenge: text("acme.challenge").unwrap_or(defaults.challenge),
    })
}

/// Writes them, all or none.
///
/// # Errors
/// When the database cannot be written.
pub async fn set(store: &Store, new: &AcmeSettings, audit: Audit) -> Result<(), Error> {
    let mut rows = Vec::new();
    let mut add = |key: &str, value: &str| {
        rows.push(NewSetting {
            key: format!("acme.{key}"),
            value: value.to_owned(),
            r#type: "string".to_owned(),
            category: "acme".to_owned(),
        });
    };
    add("email", &new.email);
    add("terms_agreed", if new.terms_agreed { "true" } else { "false" });
    add("key_type", &new.key_type);
    add("profile", &new.profile);
    add("preferred_chain", &new.preferred_chain);
    add("challenge", &new.challenge);
    for (prefix, authority) in [("", &new.first), ("second_", &new.second), ("trial_", &new.trial)] {
        add(&format!("{prefix}directory"), &authority.directory);
        add(&format!("{prefix}roots_pem"), &authority.roots_pem);
        add(&format!("{prefix}eab_key_id"), &authority.eab_key_id);
        if let Some(key) = &authority.eab_key {
            add(&format!("{prefix}eab_secret"), key.expose());
        } else if authority.eab_key_id.is_empty() {
            add(&format!("{prefix}eab_secret"), "");
        }
    }
    settings::set(store, &rows, audit).await.map(drop)
}
