//! Certificates that a client shows, and the authorities that it trusts: neither needs to name a domain.

use crate::inspect::{Error, Shown, parse_chain, shown};
use base::Secret;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

/// What the first certificate of a client's chain says, once its key is known to belong to it.
///
/// # Errors
/// See [`Error`].
pub fn client(chain_pem: &str, key_pem: &Secret<String>) -> Result<Shown, Error> {
    let first = bundle(chain_pem)?.into_iter().next().ok_or(Error::NoCertificate)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.expose().as_bytes()).map_err(|_| Error::NoKey)?;
    let key = any_supported_type(&key).map_err(|error| Error::UnsupportedKey(error.to_string()))?;
    CertifiedKey::new(parse_chain(chain_pem)?, key).keys_match().map_err(|_| Error::KeyMismatch)?;
    Ok(first)
}

/// What each certificate of a text says, in no order.
///
/// # Errors
/// See [`Error`].
pub fn bundle(pem: &str) -> Result<Vec<Shown>, Error> {
    let read = |(index, der): (usize, &_)| {
        let unreadable =
            || Error::BadCertificate { position: index + 1, reason: "it is no X.509".to_owned() };
        shown(der).ok_or_else(unreadable)
    };
    parse_chain(pem)?.iter().map(AsRef::as_ref).enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_needs_its_own_key_and_no_domain() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name.push(rcgen::DnType::CommonName, "charon");
        let pem = params.self_signed(&key).unwrap().pem();
        let own = Secret::new(key.serialize_pem());
        assert_eq!(client(&pem, &own).unwrap().subject, "charon");
        let other = Secret::new(rcgen::KeyPair::generate().unwrap().serialize_pem());
        assert!(matches!(client(&pem, &other), Err(Error::KeyMismatch)));
        assert!(matches!(client("", &own), Err(Error::NoCertificate)));
        assert!(matches!(client(&pem, &Secret::new(String::new())), Err(Error::NoKey)));
        assert_eq!(bundle(&format!("{pem}{pem}")).unwrap().len(), 2);
        assert!(bundle("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
    }
}
