//! Accounts: registering, opening, giving up; and what of the authority concerns no order.

use crate::error::{Error, Kind, http_date};
use crate::http::Http;
use base::{Clock, Secret, Timestamp};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{
    AccountBuilder, AccountCredentials, CertificateIdentifier, ExternalAccountKey, NewAccount,
    RevocationReason, RevocationRequest,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::sync::Arc;
use std::time::Duration;

/// How often a request is repeated whose nonce is refused: an authority may refuse nine of ten.
pub(crate) const NONCES: usize = 60;
/// Larger answers are no answers of an authority.
const LARGEST: usize = 256 * 1024;

/// Asks, and asks again while nonces are refused: what was asked is not looked at then (RFC 8555, section 6.5). A macro,
/// since the futures of closures are not known to be `Send`.
macro_rules! asked {
    ($http:expr, $clock:expr, $ask:expr) => {{
        let mut left = crate::account::NONCES;
        loop {
            match $ask.await {
                Err(instant_acme::Error::Api(problem))
                    if left > 0 && crate::account::is_bad_nonce(&problem) =>
                {
                    left -= 1;
                }
                other => {
                    break other.map_err(|error| crate::error::Error::of(error, &$http.said(), $clock.now()));
                }
            }
        }
    }};
}
pub(crate) use asked;

/// Where an authority is.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The address of its directory.
    pub url: String,
    /// Root certificates (PEM) that its address is trusted by besides the system's.
    pub roots_pem: Option<String>,
}

/// What binds a new account to one that the authority knows already (RFC 8555, section 7.3.4).
#[derive(Clone, Debug)]
pub struct Binding {
    /// Name of the key.
    pub key_id: String,
    /// The key, base64url.
    pub key: Secret<String>,
}

/// An account at an authority. Cheap to clone.
#[derive(Clone)]
pub struct Account {
    pub(crate) inner: instant_acme::Account,
    /// With what it is opened.
    credentials: Secret<String>,
    pub(crate) http: Http,
    pub(crate) clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("id", &self.inner.id()).finish_non_exhaustive()
    }
}

fn http(directory: &Directory) -> Result<Http, Error> {
    client(directory).map(Http::new)
}

/// What asks this authority.
pub(crate) fn client(directory: &Directory) -> Result<outbound::Client, Error> {
    let options = outbound::Options {
        largest: LARGEST,
        roots_pem: directory.roots_pem.clone(),
        ..outbound::Options::default()
    };
    outbound::Client::new(options).map_err(|error| {
        Error::setting(
            format!("the authority cannot be asked: {error}"),
            "correct its root certificate in the settings",
        )
    })
}

fn builder(http: &Http) -> AccountBuilder {
    instant_acme::Account::builder_with_http(Box::new(http.clone()))
}

impl Account {
    /// Registers a new account, whose terms of service were agreed to. Also returns with what it is opened again.
    ///
    /// # Errors
    /// When the authority cannot be asked or refuses.
    pub async fn register(
        directory: &Directory,
        email: &str,
        binding: Option<&Binding>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Secret<String>), Error> {
        let http = http(directory)?;
        let contact = format!("mailto:{email}");
        let contact: &[&str] = if email.is_empty() { &[] } else { &[&contact] };
        let new = NewAccount { contact, terms_of_service_agreed: true, only_return_existing: false };
        let binding = binding.map(external).transpose()?;
        let made = asked!(http, clock, builder(&http).create(&new, directory.url.clone(), binding.as_ref()));
        let (inner, credentials) = made?;
        let fault = |error: serde_json::Error| Error::setting(error.to_string(), "please report this");
        let credentials = Secret::new(serde_json::to_string(&credentials).map_err(fault)?);
        Ok((Self { inner, credentials: credentials.clone(), http, clock }, credentials))
    }

    /// Opens an account with what [`Account::register`] returned.
    ///
    /// # Errors
    /// When the authority's directory cannot be read; [`Kind::NoAccount`] when the credentials cannot be.
    pub async fn open(
        directory: &Directory,
        credentials: &Secret<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let http = http(directory)?;
        let inner = opened(credentials, &http, &clock).await?;
        Ok(Self { inner, credentials: credentials.clone(), http, clock })
    }

    /// The same account behind another door.
    pub(crate) async fn through(&self, http: &Http) -> Result<instant_acme::Account, Error> {
        opened(&self.credentials, http, &self.clock).await
    }

    /// Makes the account useless, here and there (RFC 8555, section 7.3.6).
    ///
    /// # Errors
    /// When the authority cannot be asked or refuses.
    pub async fn deactivate(self) -> Result<(), Error> {
        asked!(self.http, self.clock, self.inner.clone().deactivate())
    }

    /// Revokes a certificate (PEM, the leaf first), because it is not needed any more, or because somebody else has
    /// its key.
    ///
    /// # Errors
    /// When the authority cannot be asked or refuses.
    pub async fn revoke(&self, chain_pem: &str, is_key_known: bool) -> Result<(), Error> {
        let leaf = leaf(chain_pem)?;
        let reason = if is_key_known {
            RevocationReason::KeyCompromise
        } else {
            RevocationReason::CessationOfOperation
        };
        let request = RevocationRequest { certificate: &leaf, reason: Some(reason) };
        asked!(self.http, self.clock, self.inner.revoke(&request))
    }

    /// When the authority wants a certificate to be renewed, and after which time it wants to be asked again
    /// (RFC 9773). `None` when it does not offer that.
    ///
    /// # Errors
    /// When the authority cannot be asked.
    pub async fn renewal_window(
        &self,
        chain_pem: &str,
    ) -> Result<Option<((Timestamp, Timestamp), Duration)>, Error> {
        let leaf = leaf(chain_pem)?;
        // A certificate without a key identifier of its issuer has no name there.
        let Ok(id) = CertificateIdentifier::try_from(&leaf) else { return Ok(None) };
        match self.inner.renewal_info(&id).await {
            Ok((info, again)) => {
                let window = &info.suggested_window;
                let moment = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
                let (start, end) = (window.start.unix_timestamp(), window.end.unix_timestamp());
                Ok(Some(((moment(start), moment(end)), again)))
            }
            Err(instant_acme::Error::Unsupported(_)) => Ok(None),
            Err(error) => Err(Error::of(error, &self.http.said(), self.clock.now())),
        }
    }

    /// Names of the profiles that the authority offers.
    pub fn profiles(&self) -> Vec<String> {
        let mut names: Vec<String> = self.inner.profiles().map(|profile| profile.name.to_owned()).collect();
        names.sort();
        names
    }

    /// The authority's clock in its latest answer.
    pub fn authority_time(&self) -> Option<Timestamp> {
        http_date(self.http.said().date.as_deref()?)
    }
}

async fn opened(
    credentials: &Secret<String>,
    http: &Http,
    clock: &Arc<dyn Clock>,
) -> Result<instant_acme::Account, Error> {
    let read: AccountCredentials = serde_json::from_str(credentials.expose()).map_err(|error| {
        let message = format!("the stored account cannot be read: {error}");
        Error::new(Kind::NoAccount, message, "Charon registers a new one")
    })?;
    let inner = builder(http).from_credentials(read).await;
    inner.map_err(|error| Error::of(error, &http.said(), clock.now()))
}

pub(crate) fn is_bad_nonce(problem: &instant_acme::Problem) -> bool {
    problem.r#type.as_deref().is_some_and(|name| name.ends_with(":badNonce"))
}

fn external(binding: &Binding) -> Result<ExternalAccountKey, Error> {
    let text = binding.key.expose().trim().trim_end_matches('=').replace('+', "-").replace('/', "_");
    let key = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| {
        Error::setting(
            "the key of the external account binding is no base64",
            "copy the key (HMAC key) as the authority shows it in your account there",
        )
    })?;
    Ok(ExternalAccountKey::new(binding.key_id.clone(), &key))
}

fn leaf(chain_pem: &str) -> Result<CertificateDer<'static>, Error> {
    CertificateDer::from_pem_slice(chain_pem.as_bytes()).map_err(|error| {
        Error::setting(format!("the certificate cannot be read: {error}"), "please report this")
    })
}
