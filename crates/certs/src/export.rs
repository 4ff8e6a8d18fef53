//! A certificate with its key as one PKCS #12 file (RFC 7292), for Windows, Java and appliances.

use crate::Error;
use crate::inspect::parse_chain;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::{rsa, signature};
use base::Secret;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

/// The chain and its key, encrypted with `password` (AES-256 by PBKDF2 with SHA-256). `name` is shown by programs
/// that list what is in the file.
///
/// # Errors
/// [`Error::NoKey`], [`Error::BadCertificate`] and [`Error::NoCertificate`] for what cannot be read;
/// [`Error::Export`] when no file can be made of it.
pub fn pfx(
    name: &str,
    chain_pem: &str,
    key_pem: &Secret<String>,
    password: &Secret<String>,
) -> Result<Vec<u8>, Error> {
    let export = |error: p12_keystore::error::Error| Error::Export(error.to_string());
    let ders = parse_chain(chain_pem)?;
    // How programs find the certificate of a key: any value that both have.
    let id = ders.first().map(|leaf| Sha256::digest(leaf).to_vec()).ok_or(Error::NoCertificate)?;
    let chain =
        ders.iter().map(|der| Certificate::from_der(der)).collect::<Result<Vec<_>, _>>().map_err(export)?;
    let key = PrivateKey::from_der(&pkcs8(key_pem)?).map_err(export)?;
    let mut store = KeyStore::new();
    store.add_entry(name, KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(id, key, chain)));
    store.writer(password.expose()).write().map_err(export)
}

/// The key in the one form that such files know (RFC 5958): keys are stored as they were uploaded.
fn pkcs8(key_pem: &Secret<String>) -> Result<Vec<u8>, Error> {
    let key = PrivateKeyDer::from_pem_slice(key_pem.expose().as_bytes()).map_err(|_| Error::NoKey)?;
    let unknown = || Error::Export("its key is of a kind that such files do not know".to_owned());
    match &key {
        PrivateKeyDer::Pkcs8(key) => Ok(key.secret_pkcs8_der().to_vec()),
        PrivateKeyDer::Pkcs1(key) => {
            let pair = rsa::KeyPair::from_der(key.secret_pkcs1_der()).map_err(|_| Error::NoKey)?;
            let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| unknown())?;
            Ok(der.as_ref().to_vec())
        }
        PrivateKeyDer::Sec1(key) => [
            &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
            &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
        ]
        .into_iter()
        .find_map(|curve| signature::EcdsaKeyPair::from_private_key_der(curve, key.secret_sec1_der()).ok())
        .and_then(|pair| pair.to_pkcs8v1().ok())
        .map(|der| der.as_ref().to_vec())
        .ok_or_else(unknown),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
