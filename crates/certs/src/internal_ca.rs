//! The internal certificate authority: made at the first start, it gives every host a certificate at once.
//! Browsers trust it only where its root certificate is installed.

use crate::Error;
use base::{Secret, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Ten years: the root is installed by hand, so it has to last.
const ROOT_LIFE: Duration = Duration::from_secs(3650 * 24 * 3600);
/// 90 days with the one before it was made, the most that Mozilla's modern policy takes; renewed after two thirds.
const LEAF_LIFE: Duration = Duration::from_secs(89 * 24 * 3600);

/// A certificate with its key, as PEM.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate, and for a leaf nothing else: the root is on the device already.
    pub chain_pem: String,
    /// The private key (PKCS #8).
    pub key_pem: Secret<String>,
}

/// The authority, ready to sign.
#[derive(Debug)]
pub struct InternalCa {
    issuer: Issuer<'static, KeyPair>,
}

impl InternalCa {
    /// Makes a new root (ECDSA P-256) that is valid from a day before `now`.
    ///
    /// # Errors
    /// [`Error::Issue`] when the key or the certificate cannot be made.
    pub fn create(now: Timestamp) -> Result<Issued, Error> {
        let key = KeyPair::generate().map_err(issue)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Charon internal CA");
        params.distinguished_name.push(DnType::OrganizationName, "Charon");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        valid(&mut params, now, ROOT_LIFE);
        let certificate = params.self_signed(&key).map_err(issue)?;
        Ok(Issued { chain_pem: certificate.pem(), key_pem: Secret::new(key.serialize_pem()) })
    }

    /// The authority from its root certificate and key.
    ///
    /// # Errors
    /// [`Error::NoKey`] or [`Error::NoCertificate`] when one of them cannot be read.
    pub fn from_pem(root_pem: &str, key_pem: &Secret<String>) -> Result<Self, Error> {
        let key = KeyPair::from_pem(key_pem.expose()).map_err(|_| Error::NoKey)?;
        let issuer = Issuer::from_ca_cert_pem(root_pem, key).map_err(|_| Error::NoCertificate)?;
        Ok(Self { issuer })
    }

    /// A certificate for `domains` (names, wildcards or addresses; at least one), valid for 89 days.
    ///
    /// # Errors
    /// [`Error::Issue`] when a name cannot stand in a certificate.
    pub fn issue(&self, domains: &[String], now: Timestamp) -> Result<Issued, Error> {
        let key = KeyPair::generate().map_err(issue)?;
        let mut params = CertificateParams::new(domains.to_vec()).map_err(issue)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        // A common name has at most 64 characters (RFC 5280, ub-common-name); clients do not read it.
        let name = domains.first().filter(|name| name.len() <= 64).map_or("Charon", String::as_str);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        valid(&mut params, now, LEAF_LIFE);
        let certificate = params.signed_by(&key, &self.issuer).map_err(issue)?;
        Ok(Issued { chain_pem: certificate.pem(), key_pem: Secret::new(key.serialize_pem()) })
    }
}

/// A day of slack at the start, for devices whose clock is behind.
fn valid(params: &mut CertificateParams, now: Timestamp, life: Duration) {
    let moment = |at: Timestamp| {
        date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(at.millis() / 1000).unwrap_or(0))
    };
    params.not_before = moment(now.minus(DAY));
    params.not_after = moment(now.plus(life));
}

fn issue(error: rcgen::Error) -> Error {
    Error::Issue(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{covers, inspect, read_chain};

    const NOW: Timestamp = Timestamp::from_millis(1_764_961_382_000);

    fn ca() -> (Issued, InternalCa) {
        let root = InternalCa::create(NOW).unwrap();
        let ca = InternalCa::from_pem(&root.chain_pem, &root.key_pem).unwrap();
        (root, ca)
    }

    #[test]
    fn a_leaf_names_what_was_asked_for_and_its_key_belongs_to_it() {
        let (_, ca) = ca();
        let names = ["app.example.com".to_owned(), "*.lan".to_owned(), "10.0.0.7".to_owned()];
        let leaf = ca.issue(&names, NOW).unwrap();
        let info = inspect(&leaf.chain_pem, &leaf.key_pem).unwrap();
        assert_eq!(info.domains, names);
        assert_eq!(info.issuer, "Charon internal CA");
        assert_eq!(info.expires_at, NOW.plus(LEAF_LIFE));
        assert!(covers(&info.domains, "nas.lan") && !covers(&info.domains, "a.nas.lan"));
    }

    #[test]
    fn a_foreign_key_a_reversed_chain_and_junk_are_refused_with_the_field() {
        let (root, ca) = ca();
        let leaf = ca.issue(&["a.lan".to_owned()], NOW).unwrap();
        let error = inspect(&leaf.chain_pem, &root.key_pem).unwrap_err();
        assert!(matches!(error, Error::KeyMismatch) && error.field() == "private_key");
        let chain = format!("{}{}", leaf.chain_pem, root.chain_pem);
        assert_eq!(read_chain(&chain).unwrap().chain_length, 2);
        let other = ca.issue(&["b.lan".to_owned()], NOW).unwrap();
        let reversed = format!("{}{}", other.chain_pem, leaf.chain_pem);
        assert!(matches!(read_chain(&reversed), Err(Error::BadChain { position: 2 })));
        assert!(matches!(read_chain("junk"), Err(Error::NoCertificate)));
        let junk = Secret::new("junk".to_owned());
        assert!(matches!(inspect(&leaf.chain_pem, &junk), Err(Error::NoKey)));
    }
}
