//! What a person uploads, made fit to serve: the chain in its order, without what clients do not need, and nothing
//! weak.

use crate::inspect::{Error, Info, inspect, parse_chain};
use base::Secret;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// The fewest bits of an RSA key that clients still take (CA/Browser Forum Baseline Requirements, section 6.1.5).
const LEAST_RSA: usize = 2048;
/// Signatures that no client takes any more: MD5 and SHA-1, with RSA and with ECDSA.
const BROKEN: &[(&str, &str)] =
    &[("1.2.840.113549.1.1.4", "MD5"), ("1.2.840.113549.1.1.5", "SHA-1"), ("1.2.840.10045.4.1", "SHA-1")];

/// A chain that can be served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// The server's certificate first, then each issuer in turn, PEM; without a root that clients have themselves.
    pub chain_pem: String,
    /// What it says.
    pub info: Info,
    /// The order was another one, or something was there twice, or a root: it was put right.
    pub repaired: bool,
}

/// Puts a chain in order, by its key, and refuses what is weak.
///
/// # Errors
/// See [`Error`].
pub fn accept(chain_pem: &str, key_pem: &Secret<String>) -> Result<Accepted, Error> {
    let given = parse_chain(chain_pem)?;
    let mut parsed = Vec::with_capacity(given.len());
    for (index, der) in given.iter().enumerate() {
        let bad = |reason: String| Error::BadCertificate { position: index + 1, reason };
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|error| bad(error.to_string()))?;
        if !rest.is_empty() {
            return Err(bad("something follows behind it".to_owned()));
        }
        parsed.push(certificate);
    }
    let order = in_order(leaf(&given, key_pem)?, &given, &parsed)?;
    for &index in &order {
        // How a root has signed itself is checked by nobody.
        if !is_root(&parsed[index]) || order.len() == 1 {
            strong(&parsed[index], index + 1)?;
        }
    }
    let chain_pem: String = order.iter().map(|&index| pem(&given[index])).collect();
    let info = inspect(&chain_pem, key_pem)?;
    let repaired = !order.iter().copied().eq(0..given.len());
    Ok(Accepted { chain_pem, info, repaired })
}

/// The one that the key was made with.
fn leaf(given: &[CertificateDer<'static>], key_pem: &Secret<String>) -> Result<usize, Error> {
    let key = PrivateKeyDer::from_pem_slice(key_pem.expose().as_bytes()).map_err(|_| Error::NoKey)?;
    let key = any_supported_type(&key).map_err(|error| Error::UnsupportedKey(error.to_string()))?;
    let fits = |der: &CertificateDer<'static>| {
        CertifiedKey::new(vec![der.clone()], key.clone()).keys_match().is_ok()
    };
    given.iter().position(fits).ok_or(Error::KeyMismatch)
}

/// From the leaf to the last issuer that is there. What has no place in it is named, but for a second copy.
fn in_order(
    leaf: usize,
    given: &[CertificateDer<'static>],
    parsed: &[X509Certificate<'_>],
) -> Result<Vec<usize>, Error> {
    let mut order = vec![leaf];
    let mut last = leaf;
    while !is_root(&parsed[last])
        && let Some(next) =
            (0..parsed.len()).find(|next| !order.contains(next) && has_signed(&parsed[*next], &parsed[last]))
    {
        order.push(next);
        last = next;
    }
    let placed = |der: &CertificateDer<'static>| order.iter().any(|&index| given[index] == *der);
    if let Some(stray) = given.iter().position(|der| !placed(der)) {
        return Err(Error::Stray { position: stray + 1 });
    }
    if order.len() > 1 && is_root(&parsed[last]) {
        order.pop();
    }
    Ok(order)
}

fn is_root(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject() == certificate.issuer()
}

/// By name, and by the identifiers of the keys where both have one (RFC 5280, section 4.2.1.1).
fn has_signed(issuer: &X509Certificate<'_>, signed: &X509Certificate<'_>) -> bool {
    use x509_parser::extensions::ParsedExtension;
    let extensions = |certificate: &X509Certificate<'_>| {
        let mut keys = (None, None);
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => keys.0 = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    keys.1 = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
        }
        keys
    };
    let (own, of_issuer) = (extensions(issuer).0, extensions(signed).1);
    issuer.subject() == signed.issuer() && own.zip(of_issuer).is_none_or(|(own, named)| own == named)
}

fn strong(certificate: &X509Certificate<'_>, position: usize) -> Result<(), Error> {
    if let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed()
        && key.key_size() < LEAST_RSA
    {
        return Err(Error::WeakKey { position, bits: key.key_size() });
    }
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    match BROKEN.iter().find(|(oid, _)| *oid == algorithm) {
        Some((_, digest)) => Err(Error::WeakSignature { position, digest }),
        None => Ok(()),
    }
}

fn pem(der: &CertificateDer<'_>) -> String {
    let text = STANDARD.encode(der);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, left) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = left;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
