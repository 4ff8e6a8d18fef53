//! What an authority is sent (PKCS #10, RFC 2986), and the keys of certificates.

use crate::Error;
use base::Secret;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair, RsaKeySize, date_time_ymd};
use std::time::Duration;

/// Kinds of keys for certificates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum KeyType {
    /// ECDSA on P-256: small and quick.
    #[default]
    EcdsaP256,
    /// ECDSA on P-384.
    EcdsaP384,
    /// RSA with 2048 bits, for clients that know nothing else.
    Rsa2048,
    /// RSA with 4096 bits.
    Rsa4096,
}

impl KeyType {
    /// All of them, by their names in settings.
    pub const ALL: &[(&str, Self)] = &[
        ("ecdsa-p256", Self::EcdsaP256),
        ("ecdsa-p384", Self::EcdsaP384),
        ("rsa-2048", Self::Rsa2048),
        ("rsa-4096", Self::Rsa4096),
    ];

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}

/// A new private key (PKCS #8, PEM).
///
/// # Errors
/// [`Error::Issue`] when the cryptographic library makes none.
pub fn new_key(kind: KeyType) -> Result<Secret<String>, Error> {
    let key = match kind {
        KeyType::EcdsaP256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
        KeyType::EcdsaP384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
        KeyType::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048),
        KeyType::Rsa4096 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_4096),
    };
    let key = key.map_err(|error| Error::Issue(error.to_string()))?;
    Ok(Secret::new(key.serialize_pem()))
}

/// The request for a certificate for `names`, signed with `key_pem`: DER.
///
/// # Errors
/// [`Error::NoKey`] when the key cannot be read; [`Error::Issue`] when a name cannot stand in a certificate.
pub fn signing_request(names: &[String], key_pem: &Secret<String>) -> Result<Vec<u8>, Error> {
    let key = KeyPair::from_pem(key_pem.expose()).map_err(|_| Error::NoKey)?;
    let mut params = CertificateParams::new(names.to_vec()).map_err(issue)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(issue)?;
    Ok(request.der().to_vec())
}

/// The certificate that answers a TLS-ALPN-01 challenge for `name` (RFC 8737, section 3): signed by itself, with the
/// `digest` of the key authorisation in a critical extension.
///
/// # Errors
/// [`Error::Issue`] when it cannot be made.
pub fn challenge_certificate(name: &str, digest: &[u8]) -> Result<crate::Issued, Error> {
    let key = KeyPair::generate().map_err(issue)?;
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(issue)?;
    params.distinguished_name = DistinguishedName::new();
    // It is looked at once, by a client that asks for nothing but the extension.
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = params.not_before + Duration::from_secs(100 * 365 * 24 * 3600);
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key).map_err(issue)?;
    Ok(crate::Issued { chain_pem: certificate.pem(), key_pem: Secret::new(key.serialize_pem()) })
}

fn issue(error: rcgen::Error) -> Error {
    Error::Issue(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_key_signs_a_request_and_answers_are_certificates() {
        for (name, kind) in KeyType::ALL {
            let key = new_key(*kind).unwrap();
            let names = ["a.example.com".to_owned(), "*.b.example.com".to_owned()];
            assert!(signing_request(&names, &key).unwrap().len() > 200, "{name}");
        }
        let junk = Secret::new("junk".to_owned());
        assert!(matches!(signing_request(&["a.lan".to_owned()], &junk), Err(Error::NoKey)));
        let answer = challenge_certificate("a.example.com", &[7; 32]).unwrap();
        assert_eq!(crate::read_chain(&answer.chain_pem).unwrap().domains, ["a.example.com"]);
        assert_eq!(KeyType::named("rsa-4096"), Some(KeyType::Rsa4096));
        assert_eq!(KeyType::named("dsa"), None);
    }
}
