//! What a PEM chain and its key say, and whether a server can use them.

use base::{Secret, Timestamp};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// What the leaf of a chain says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Info {
    /// Names and addresses it is good for, in lower case; from the subject alternative names (RFC 9525).
    pub domains: Vec<String>,
    /// Common name or organisation of the issuer.
    pub issuer: String,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub expires_at: Timestamp,
    /// SHA-256 of the leaf's DER, lower-case hexadecimal.
    pub fingerprint: String,
    /// Certificates in the chain, the leaf included.
    pub chain_length: usize,
}

/// Why a certificate cannot be used. Each text names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No certificate in the text.
    #[error("there is no certificate in it; paste the PEM text that starts with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// The text does not parse.
    #[error("certificate {position} of the chain cannot be read: {reason}")]
    BadCertificate {
        /// Counted from 1.
        position: usize,
        /// The parser's words.
        reason: String,
    },
    /// The leaf names nothing.
    #[error("the certificate names no domain (subject alternative name); ask its issuer for one that does")]
    NoDomains,
    /// The order or the set of the chain is wrong.
    #[error(
        "certificate {position} of the chain did not sign the one before it; put the server's certificate \
         first, then each issuer in turn"
    )]
    BadChain {
        /// Counted from 1.
        position: usize,
    },
    /// A certificate of the text belongs to no chain of the leaf.
    #[error(
        "certificate {position} of the text has nothing to do with the server's certificate; leave it out, or \
         add the issuer that is missing between them"
    )]
    Stray {
        /// Counted from 1.
        position: usize,
    },
    /// An RSA key is too short.
    #[error(
        "certificate {position} has an RSA key of {bits} bits, which clients refuse; get one with 2048 bits or more, \
         or with ECDSA"
    )]
    WeakKey {
        /// Counted from 1.
        position: usize,
        /// Of its key.
        bits: usize,
    },
    /// A signature that clients do not take any more.
    #[error(
        "certificate {position} is signed with {digest}, which clients refuse; get one signed with SHA-256"
    )]
    WeakSignature {
        /// Counted from 1.
        position: usize,
        /// What is broken.
        digest: &'static str,
    },
    /// No usable key in the text.
    #[error(
        "there is no private key in it; paste the PEM text that starts with -----BEGIN PRIVATE KEY----- \
         (an encrypted key must be decrypted first)"
    )]
    NoKey,
    /// The key has a type that cannot be used.
    #[error(
        "the private key cannot be used: {0}; use an RSA (2048 bits or more), ECDSA P-256/P-384 or Ed25519 key"
    )]
    UnsupportedKey(String),
    /// Key and certificate do not belong together.
    #[error("the private key does not belong to the certificate; upload the key that was made with it")]
    KeyMismatch,
    /// The internal CA could not make a certificate.
    #[error("the internal certificate authority could not issue a certificate: {0}")]
    Issue(String),
    /// No file could be made of a certificate and its key.
    #[error("the PFX file could not be made: {0}")]
    Export(String),
}

impl Error {
    /// Which of the two texts is at fault: `certificate` or `private_key`.
    pub fn field(&self) -> &'static str {
        match self {
            Self::NoKey | Self::UnsupportedKey(_) | Self::KeyMismatch => "private_key",
            _ => "certificate",
        }
    }
}

/// Reads a chain and checks that its order is right and that its leaf names something.
///
/// # Errors
/// See [`Error`].
pub fn read_chain(chain_pem: &str) -> Result<Info, Error> {
    let chain = parse_chain(chain_pem)?;
    let bad = |index: usize, reason: String| Error::BadCertificate { position: index + 1, reason };
    let mut parsed = Vec::with_capacity(chain.len());
    for (index, der) in chain.iter().enumerate() {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| bad(index, error.to_string()))?;
        parsed.push(certificate);
    }
    for (index, pair) in parsed.windows(2).enumerate() {
        if pair[0].issuer() != pair[1].subject() {
            return Err(Error::BadChain { position: index + 2 });
        }
    }
    let leaf = &parsed[0];
    let domains = names(leaf);
    if domains.is_empty() {
        return Err(Error::NoDomains);
    }
    let moment =
        |time: x509_parser::time::ASN1Time| Timestamp::from_millis(time.timestamp().saturating_mul(1000));
    Ok(Info {
        domains,
        issuer: issuer_name(leaf),
        not_before: moment(leaf.validity().not_before),
        expires_at: moment(leaf.validity().not_after),
        fingerprint: Sha256::digest(&chain[0]).iter().map(|byte| format!("{byte:02x}")).collect(),
        chain_length: chain.len(),
    })
}

/// Reads certificates of authorities that are to be trusted. Returns how many there are.
///
/// # Errors
/// [`Error::NoCertificate`] or [`Error::BadCertificate`].
pub fn read_roots(pem: &str) -> Result<usize, Error> {
    let chain = parse_chain(pem)?;
    for (index, der) in chain.iter().enumerate() {
        X509Certificate::from_der(der)
            .map_err(|error| Error::BadCertificate { position: index + 1, reason: error.to_string() })?;
    }
    Ok(chain.len())
}

/// Like [`read_chain`], and checks that `key_pem` is a usable key that belongs to the leaf.
///
/// # Errors
/// See [`Error`].
pub fn inspect(chain_pem: &str, key_pem: &Secret<String>) -> Result<Info, Error> {
    let info = read_chain(chain_pem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.expose().as_bytes()).map_err(|_| Error::NoKey)?;
    let key = any_supported_type(&key).map_err(|error| Error::UnsupportedKey(error.to_string()))?;
    let pair = CertifiedKey::new(parse_chain(chain_pem)?, key);
    match pair.keys_match() {
        Ok(()) => Ok(info),
        Err(_) => Err(Error::KeyMismatch),
    }
}

/// Whether one of `names` (as in [`Info::domains`]) is good for `domain`, by RFC 9525: a wildcard stands for
/// exactly one label.
pub fn covers(names: &[String], domain: &str) -> bool {
    let parent = domain.split_once('.').map(|(_, parent)| parent);
    names.iter().any(|name| {
        name.eq_ignore_ascii_case(domain)
            || name
                .strip_prefix("*.")
                .is_some_and(|suffix| parent.is_some_and(|parent| parent.eq_ignore_ascii_case(suffix)))
    })
}

/// Whether the chain (PEM) ends in what this authority has signed, by its common name or organisation.
pub fn ends_in(chain_pem: &str, authority: &str) -> bool {
    let last = parse_chain(chain_pem).ok().and_then(|mut chain| chain.pop());
    last.is_some_and(|der| {
        X509Certificate::from_der(&der)
            .is_ok_and(|(_, last)| issuer_name(&last).eq_ignore_ascii_case(authority.trim()))
    })
}

pub(crate) fn parse_chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let mut chain = Vec::new();
    for (index, item) in CertificateDer::pem_slice_iter(pem.as_bytes()).enumerate() {
        let der =
            item.map_err(|error| Error::BadCertificate { position: index + 1, reason: error.to_string() })?;
        chain.push(der);
    }
    if chain.is_empty() { Err(Error::NoCertificate) } else { Ok(chain) }
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let mut names: Vec<String> = extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect();
    names.dedup();
    names
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}

/// What a certificate says that somebody presented, whoever signed it; see [`shown`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Common name of the subject, or all of it.
    pub subject: String,
    /// Names and addresses it is good for, in lower case; may be empty.
    pub domains: Vec<String>,
    /// Common name or organisation of the issuer.
    pub issuer: String,
    /// Start of validity.
    pub not_before: Timestamp,
    /// End of validity.
    pub expires_at: Timestamp,
}

/// Reads one certificate (DER) without judging it. `None` when it is no certificate.
pub fn shown(der: &[u8]) -> Option<Shown> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let moment =
        |time: x509_parser::time::ASN1Time| Timestamp::from_millis(time.timestamp().saturating_mul(1000));
    let subject = certificate.subject();
    let name = subject.iter_common_name().find_map(|part| part.as_str().ok());
    Some(Shown {
        subject: name.map_or_else(|| subject.to_string(), str::to_owned),
        domains: names(&certificate),
        issuer: issuer_name(&certificate),
        not_before: moment(certificate.validity().not_before),
        expires_at: moment(certificate.validity().not_after),
    })
}

fn issuer_name(certificate: &X509Certificate<'_>) -> String {
    let issuer = certificate.issuer();
    let name =
        issuer.iter_common_name().chain(issuer.iter_organization()).find_map(|part| part.as_str().ok());
    name.map_or_else(|| issuer.to_string(), str::to_owned)
}
