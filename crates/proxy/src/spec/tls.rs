//! How TLS is spoken with clients.

use serde::{Deserialize, Serialize};

/// Which clients are taken: the recommendations of Mozilla's "Server Side TLS". The stricter is the greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsPolicy {
    /// TLS 1.2 with forward secrecy and AEAD ciphers, and TLS 1.3.
    #[default]
    Intermediate,
    /// TLS 1.3 only.
    Modern,
}

/// What clients get that name a host, or none, for which there is neither a host nor a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownName {
    /// [`super::Spec::default_certificate`].
    #[default]
    DefaultCertificate,
    /// The alert `unrecognized_name` (RFC 6066, section 3).
    Refuse,
}

/// What a host wants of TLS.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostTls {
    /// `None`: that of [`super::Spec::tls_policy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<TlsPolicy>,
    /// Clients show certificates of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificates: Option<ClientCertificates>,
}

/// Who may come with a certificate of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificates {
    /// Whether clients without one are refused. A certificate that does not verify is refused in any case.
    pub required: bool,
    /// The authorities whose certificates are taken, PEM.
    pub ca_pem: String,
}
