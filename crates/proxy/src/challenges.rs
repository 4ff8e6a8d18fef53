//! What proves to a certificate authority that names lead here: answers to the challenges of open orders, by
//! HTTP-01 (RFC 8555, section 8.3) and TLS-ALPN-01 (RFC 8737).

use ahash::AHashMap;
use arc_swap::ArcSwapOption;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::Arc;

/// The path under which answers are asked for.
pub(crate) const PATH: &[u8] = b"/.well-known/acme-challenge/";
/// The protocol of TLS-ALPN-01.
pub(crate) const ALPN: &[u8] = b"acme-tls/1";

/// The answers to the challenges of all open orders.
#[derive(Clone, Debug, Default)]
pub struct Challenges {
    by_token: AHashMap<Box<[u8]>, Box<str>>,
    by_name: AHashMap<Box<str>, Arc<CertifiedKey>>,
}

impl Challenges {
    /// Answers requests for this token with this key authorisation.
    pub fn add_token(&mut self, token: &str, key_authorization: &str) {
        self.by_token.insert(token.as_bytes().into(), key_authorization.into());
    }

    /// Answers handshakes for this name with this certificate (PEM), which holds the proof, and its key.
    ///
    /// # Errors
    /// A sentence, when certificate and key cannot be used.
    pub fn add_certificate(&mut self, name: &str, certificate: &str, key: &str) -> Result<(), String> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| error.to_string())?;
        let key = any_supported_type(&key).map_err(|error| error.to_string())?;
        // Not looked at more closely: its critical extension is none that a check of certificates knows.
        let key = Arc::new(CertifiedKey::new(chain, key));
        self.by_name.insert(name.to_ascii_lowercase().into(), key);
        Ok(())
    }

    /// These answers and those, which come first.
    pub(crate) fn and(&self, first: &Self) -> Self {
        let mut all = self.clone();
        all.by_token.extend(first.by_token.iter().map(|(token, answer)| (token.clone(), answer.clone())));
        all.by_name.extend(first.by_name.iter().map(|(name, key)| (name.clone(), key.clone())));
        all
    }

    /// Whether there is nothing to answer.
    pub fn is_empty(&self) -> bool {
        self.by_token.is_empty() && self.by_name.is_empty()
    }

    /// The answer to a request for `path`, when there is one.
    pub(crate) fn find(&self, path: &[u8]) -> Option<&str> {
        self.by_token.get(path.strip_prefix(PATH)?).map(|answer| &**answer)
    }
}

/// The answers by whom they are for.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Authorities.
    pub(crate) orders: Option<Arc<Challenges>>,
    /// Charon itself, when it looks whether it is reached.
    pub(crate) rehearsal: Option<Arc<Challenges>>,
}

impl Parts {
    pub(crate) fn all(&self) -> Option<Arc<Challenges>> {
        match (&self.orders, &self.rehearsal) {
            (Some(orders), Some(rehearsal)) => Some(Arc::new(rehearsal.and(orders))),
            (one, other) => one.clone().or_else(|| other.clone()),
        }
    }
}

/// What is answered at present. Nothing, and nothing to look at, while no order is open.
pub(crate) type Published = Arc<ArcSwapOption<Challenges>>;

/// Picks the certificate that proves a name.
#[derive(Debug)]
pub(crate) struct Resolver(pub(crate) Published);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?.to_ascii_lowercase();
        self.0.load().as_ref()?.by_name.get(name.as_str()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(token: &str, answer: &str) -> Arc<Challenges> {
        let mut challenges = Challenges::default();
        challenges.add_token(token, answer);
        Arc::new(challenges)
    }

    #[test]
    fn authorities_get_their_answers_beside_and_before_those_of_a_rehearsal() {
        let find = |parts: &Parts, token: &str| {
            let path = [PATH, token.as_bytes()].concat();
            parts.all().and_then(|all| all.find(&path).map(str::to_owned))
        };
        let mut parts = Parts { orders: Some(saying("a", "order")), rehearsal: Some(saying("b", "own")) };
        assert_eq!(find(&parts, "a").as_deref(), Some("order"));
        assert_eq!(find(&parts, "b").as_deref(), Some("own"));
        parts.rehearsal = Some(saying("a", "own"));
        assert_eq!(find(&parts, "a").as_deref(), Some("order"));
        parts.orders = None;
        assert_eq!(find(&parts, "a").as_deref(), Some("own"));
        parts.rehearsal = None;
        assert!(parts.all().is_none());
    }
}
