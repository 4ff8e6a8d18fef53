//! Orders: from the names to the certificate. Each function is one step that can be taken again.

use crate::account::{Account, NONCES, asked, is_bad_nonce};
use crate::error::Error;
use crate::http::Http;
use base::Clock;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use instant_acme::{
    AuthorizationStatus, CertificateIdentifier, ChallengeStatus, ChallengeType, Identifier, NewOrder,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use std::sync::Arc;

pub use instant_acme::OrderStatus;

/// So many other chains are looked at.
const ALTERNATES: usize = 8;

/// Kinds of challenges that can be answered (RFC 8555, section 8; RFC 8737).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Challenge {
    /// A file at a known path, on port 80.
    Http01,
    /// A certificate for that purpose alone, on port 443.
    TlsAlpn01,
    /// A TXT record.
    Dns01,
}

impl Challenge {
    /// All of them, by their names in the protocol.
    pub const ALL: &[(&str, Self)] =
        &[("http-01", Self::Http01), ("tls-alpn-01", Self::TlsAlpn01), ("dns-01", Self::Dns01)];

    /// Its name in the protocol.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, known)| *known == self).map_or("", |(name, _)| name)
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, challenge)| *challenge)
    }

    fn of(kind: &ChallengeType) -> Option<Self> {
        match kind {
            ChallengeType::Http01 => Some(Self::Http01),
            ChallengeType::TlsAlpn01 => Some(Self::TlsAlpn01),
            ChallengeType::Dns01 => Some(Self::Dns01),
            _ => None,
        }
    }

    fn kind(self) -> ChallengeType {
        match self {
            Self::Http01 => ChallengeType::Http01,
            Self::TlsAlpn01 => ChallengeType::TlsAlpn01,
            Self::Dns01 => ChallengeType::Dns01,
        }
    }
}

/// What answers a challenge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Which challenge.
    pub challenge: Challenge,
    /// HTTP-01: the last part of the path.
    pub token: String,
    /// HTTP-01: the body.
    pub key_authorization: String,
    /// TLS-ALPN-01: the digest for the certificate.
    pub digest: Vec<u8>,
    /// DNS-01: the value of the TXT record.
    pub txt: String,
    /// The authority has not been told yet that it may look.
    pub is_pending: bool,
}

impl Answer {
    /// The answer to a challenge with this token and key authorisation (RFC 8555, section 8.1).
    pub fn new(challenge: Challenge, token: &str, key_authorization: &str, is_pending: bool) -> Self {
        let digest = Sha256::digest(key_authorization.as_bytes());
        Self {
            challenge,
            token: token.to_owned(),
            key_authorization: key_authorization.to_owned(),
            txt: BASE64_URL_SAFE_NO_PAD.encode(digest),
            digest: digest.to_vec(),
            is_pending,
        }
    }
}

/// What has to be proven for one name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authorization {
    /// The name, without the `*.` of a wildcard.
    pub name: String,
    /// It is for a wildcard.
    pub wildcard: bool,
    /// It is proven.
    pub is_valid: bool,
    /// Why it failed, when it did.
    pub error: Option<Error>,
    /// How it can be proven.
    pub answers: Vec<Answer>,
}

/// How an order stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Where it is: with this it is found again.
    pub url: String,
    /// How it stands.
    pub status: OrderStatus,
    /// Why it failed, when the authority says so.
    pub error: Option<Error>,
    /// What has to be proven; read only while the order is not ready, or has failed.
    pub authorizations: Vec<Authorization>,
}

impl Account {
    /// Begins an order for these names, which takes the place of a certificate (PEM) where the authority keeps account
    /// of that (RFC 9773, section 5). Returns its address.
    ///
    /// # Errors
    /// When the authority cannot be asked or refuses.
    pub async fn begin(
        &self,
        names: &[String],
        profile: Option<&str>,
        replaces: Option<&str>,
    ) -> Result<String, Error> {
        let names: Vec<Identifier> = names.iter().map(|name| Identifier::Dns(name.clone())).collect();
        let leaf = replaces.and_then(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok());
        // Authorities without it say so, and one may have been told already that this one was replaced.
        if let Some(id) = leaf.as_ref().and_then(|leaf| CertificateIdentifier::try_from(leaf).ok())
            && let Ok(url) = self.begin_one(&names, profile, Some(id)).await
        {
            return Ok(url);
        }
        self.begin_one(&names, profile, None).await
    }

    async fn begin_one(
        &self,
        names: &[Identifier],
        profile: Option<&str>,
        replaces: Option<CertificateIdentifier<'_>>,
    ) -> Result<String, Error> {
        let mut order = NewOrder::new(names);
        if let Some(profile) = profile {
            order = order.profile(profile);
        }
        if let Some(id) = replaces {
            order = order.replaces(id);
        }
        let order = asked!(self.http, self.clock, self.inner.new_order(&order))?;
        Ok(order.url().to_owned())
    }

    /// Looks how an order stands.
    ///
    /// # Errors
    /// When the authority cannot be asked, or does not know the order.
    pub async fn look(&self, url: &str) -> Result<Order, Error> {
        let mut order = self.open_order(url).await?;
        let now = self.clock.now();
        let status = order.state().status;
        let error =
            order.state().error.as_ref().map(|problem| Error::of_problem(problem, &self.http.said(), now));
        let mut authorizations = Vec::new();
        if matches!(status, OrderStatus::Pending | OrderStatus::Invalid) {
            let count = order.state().authorizations.len();
            for at in 0..count {
                authorizations.push(self.authorization(&mut order, at).await?);
            }
        }
        Ok(Order { url: url.to_owned(), status, error, authorizations })
    }

    async fn authorization(
        &self,
        order: &mut instant_acme::Order,
        at: usize,
    ) -> Result<Authorization, Error> {
        let mut left = NONCES;
        loop {
            let mut all = order.authorizations();
            let mut seen = 0;
            let found = loop {
                match all.next().await {
                    Some(Ok(handle)) if seen == at => break Ok(self.read(&handle)),
                    Some(Ok(_)) => seen += 1,
                    Some(Err(error)) => break Err(error),
                    None => break Err(instant_acme::Error::Str("an authorisation of the order")),
                }
            };
            match found {
                Err(instant_acme::Error::Api(problem)) if left > 0 && is_bad_nonce(&problem) => {
                    left -= 1;
                }
                other => return other.map_err(|error| Error::of(error, &self.http.said(), self.clock.now())),
            }
        }
    }

    fn read(&self, handle: &instant_acme::AuthorizationState) -> Authorization {
        let identifier = handle.identifier();
        let name = match identifier.identifier {
            Identifier::Dns(name) => name.clone(),
            other => other.authorized(false).to_string(),
        };
        let now = self.clock.now();
        let mut problems = handle.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        let error = problems.next().map(|problem| Error::of_problem(problem, &self.http.said(), now));
        let answer = |found: &instant_acme::Challenge| {
            let key_authorization = format!("{}.{}", found.token, self.inner.key_thumbprint());
            let is_pending = found.status == ChallengeStatus::Pending;
            Some(Answer::new(Challenge::of(&found.r#type)?, &found.token, &key_authorization, is_pending))
        };
        Authorization {
            name,
            wildcard: handle.wildcard,
            is_valid: handle.status == AuthorizationStatus::Valid,
            error,
            answers: handle.challenges.iter().filter_map(answer).collect(),
        }
    }

    /// Tells the authority that it may look at the answer to a challenge for a name.
    ///
    /// # Errors
    /// When the authority cannot be asked or refuses.
    pub async fn ready(
        &self,
        url: &str,
        name: &str,
        wildcard: bool,
        challenge: Challenge,
    ) -> Result<(), Error> {
        // What an order has read once it keeps, so that each request of these is repeated by itself.
        let mut order = self.open_order(url).await?;
        asked!(self.http, self.clock, async {
            let mut all = order.authorizations();
            while let Some(handle) = all.next().await {
                let mut handle = handle?;
                let is_it = matches!(handle.identifier().identifier, Identifier::Dns(known) if known == name)
                    && handle.wildcard == wildcard;
                if is_it && let Some(mut found) = handle.challenge(challenge.kind()) {
                    return found.set_ready().await;
                }
            }
            Err(instant_acme::Error::Str("a challenge of the kind that is wanted"))
        })
    }

    /// Sends the request for the certificate (PKCS #10, DER) of an order that is ready.
    ///
    /// # Errors
    /// When the authority cannot be asked or refuses.
    pub async fn finalize(&self, url: &str, request: &[u8]) -> Result<(), Error> {
        let mut order = self.open_order(url).await?;
        asked!(self.http, self.clock, order.finalize_csr(request))
    }

    /// The chain (PEM) of an order that is valid; `None` while the authority is still at it. The first of its chains
    /// that `is_wished` takes, when the authority offers several; else the one that it prefers itself.
    ///
    /// # Errors
    /// When the authority cannot be asked or refuses.
    pub async fn certificate(
        &self,
        url: &str,
        is_wished: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, Error> {
        let Some(first) = Self::fetch(&self.inner, &self.http, &self.clock, url).await? else {
            return Ok(None);
        };
        if is_wished(&first) {
            return Ok(Some(first));
        }
        for place in self.http.said().alternates.iter().take(ALTERNATES) {
            let http = self.http.with_certificate_at(place);
            let account = self.through(&http).await?;
            if let Some(chain) = Self::fetch(&account, &http, &self.clock, url).await?
                && is_wished(&chain)
            {
                return Ok(Some(chain));
            }
        }
        Ok(Some(first))
    }

    async fn fetch(
        account: &instant_acme::Account,
        http: &Http,
        clock: &Arc<dyn Clock>,
        url: &str,
    ) -> Result<Option<String>, Error> {
        let mut order = asked!(http, clock, account.order(url.to_owned()))?;
        asked!(http, clock, order.certificate())
    }

    async fn open_order(&self, url: &str) -> Result<instant_acme::Order, Error> {
        asked!(self.http, self.clock, self.inner.order(url.to_owned()))
    }
}
