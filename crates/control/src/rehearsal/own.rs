//! What Charon answers itself, so that it is seen whether a name leads to this very Charon.

use proxy::{Challenges, Proxy};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The answers of rehearsals that run. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Own {
    proxy: Arc<Proxy>,
    all: Arc<Mutex<BTreeMap<u64, Token>>>,
}

/// What is answered for one rehearsal of one name.
#[derive(Clone, Debug)]
struct Token {
    name: String,
    token: String,
    answer: String,
    certificate: certs::Issued,
}

/// What to ask for, and what is answered while this lives.
#[derive(Debug)]
pub(super) struct Answered {
    own: Own,
    number: u64,
    pub(super) path: String,
    pub(super) body: String,
    /// By TLS-ALPN-01.
    pub(super) certificate: CertificateDer<'static>,
}

impl Own {
    pub(super) fn new(proxy: Arc<Proxy>) -> Self {
        Self { proxy, all: Arc::default() }
    }

    /// Answers for this name from now on.
    pub(super) fn answer(&self, name: &str) -> Result<Answered, String> {
        let (token, answer) = (base::random::hex_token::<16>(), base::random::hex_token::<16>());
        let certificate = certs::challenge_certificate(name, &base::random::bytes::<32>());
        let certificate = certificate.map_err(|error| error.to_string())?;
        let der = CertificateDer::from_pem_slice(certificate.chain_pem.as_bytes());
        let answered = Answered {
            own: self.clone(),
            number: u64::from_le_bytes(base::random::bytes()),
            path: format!("/.well-known/acme-challenge/{token}"),
            body: answer.clone(),
            certificate: der.map_err(|error| error.to_string())?,
        };
        let token = Token { name: name.to_owned(), token, answer, certificate };
        self.change(|all| _ = all.insert(answered.number, token))?;
        Ok(answered)
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<u64, Token>)) -> Result<(), String> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut all);
        let mut challenges = Challenges::default();
        for one in all.values() {
            challenges.add_token(&one.token, &one.answer);
            let key = one.certificate.key_pem.expose();
            challenges.add_certificate(&one.name, &one.certificate.chain_pem, key)?;
        }
        self.proxy.answer_rehearsal((!challenges.is_empty()).then(|| Arc::new(challenges)));
        Ok(())
    }
}

impl Drop for Answered {
    fn drop(&mut self) {
        // What could be used before can still be used.
        _ = self.own.change(|all| _ = all.remove(&self.number));
    }
}
