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

    /// Whether there is nothing to answer.
    pub fn is_empty(&self) -> bool {
        self.by_token.is_empty() && self.by_name.is_empty()
    }

    /// The answer to a request for `path`, when there is one.
    pub(crate) fn find(&self, path: &[u8]) -> Option<&str> {
        self.by_token.get(path.strip_prefix(PATH)?).map(|answer| &**answer)
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
