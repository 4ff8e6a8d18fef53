//! Hosts whose clients show certificates: who is taken, and what the origin is told of them.

use super::tls::PROVIDER;
use crate::spec::ClientCertificates;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// SHA-256 of the authorities' PEM.
pub(crate) type Authorities = [u8; 32];

/// Whose certificates are taken.
#[derive(Debug)]
pub(crate) struct ClientAuth {
    pub(crate) required: bool,
    /// By which a connection is known that was made before they changed.
    pub(crate) authorities: Authorities,
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    /// How TLS is spoken with such clients, by policy and protocol, from the first of them on.
    pub(super) made: [OnceLock<Arc<ServerConfig>>; 4],
}

impl ClientAuth {
    pub(super) fn new(wanted: &ClientCertificates) -> Result<Arc<Self>, (String, &'static str)> {
        const REMEDY: &str =
            "Paste the certificate of the authority that signs the clients' certificates, as PEM.";
        let fault = |reason: String| {
            (format!("the authority of its client certificates cannot be used: {reason}"), REMEDY)
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(wanted.ca_pem.as_bytes()) {
            let certificate = certificate.map_err(|error| fault(error.to_string()))?;
            roots.add(certificate).map_err(|error| fault(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(fault("there is no certificate in it".to_owned()));
        }
        // Clients without one are met too: they are told by a page what they lack, which TLS cannot.
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), PROVIDER.clone())
            .allow_unauthenticated()
            .build()
            .map_err(|error| fault(error.to_string()))?;
        let authorities = sha256(wanted.ca_pem.as_bytes());
        Ok(Arc::new(Self { required: wanted.required, authorities, verifier, made: Default::default() }))
    }
}

/// A certificate that a client has shown, and that was verified.
#[derive(Debug)]
pub(crate) struct Shown {
    /// Lines for the head to the origin, each with its end.
    pub(crate) lines: Box<[u8]>,
}

impl Shown {
    /// What the origin is told: the certificate itself (RFC 9440), its subject (RFC 4514) and its fingerprint.
    pub(crate) fn new(leaf: &CertificateDer<'_>) -> Self {
        let mut lines = format!("Client-Cert: :{}:\r\n", STANDARD.encode(leaf));
        if let Ok((_, certificate)) = X509Certificate::from_der(leaf) {
            lines.push_str("X-Client-Cert-Subject: ");
            lines.push_str(&distinguished_name(certificate.subject()));
            lines.push_str("\r\n");
        }
        lines.push_str("X-Client-Cert-SHA256: ");
        push_hex(&mut lines, &sha256(leaf));
        lines.push_str("\r\n");
        Self { lines: lines.into_bytes().into() }
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut into = [0; 32];
    into.copy_from_slice(digest(&SHA256, bytes).as_ref());
    into
}

fn push_hex(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // A string takes everything that is written to it.
        let _ = write!(out, "{byte:02x}");
    }
}

/// The string form of RFC 4514, in visible ASCII only: nothing in a value can end it, or the header.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let sets: Vec<_> = name.iter_rdn().collect();
    let mut out = String::new();
    for set in sets.into_iter().rev() {
        if !out.is_empty() {
            out.push(',');
        }
        for (at, attribute) in set.iter().enumerate() {
            if at > 0 {
                out.push('+');
            }
            let kind = attribute.attr_type().to_id_string();
            match (short(&kind), attribute.as_str()) {
                (Some(short), Ok(value)) => {
                    out.push_str(short);
                    out.push('=');
                    push_escaped(&mut out, value);
                }
                (short, _) => {
                    out.push_str(short.unwrap_or(&kind));
                    out.push_str("=#");
                    push_hex(&mut out, attribute.attr_value().data);
                }
            }
        }
    }
    out
}

/// The names of RFC 4514, section 3, and of e-mail addresses.
fn short(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

fn push_escaped(out: &mut String, value: &str) {
    let last = value.len().saturating_sub(1);
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b'=' => out.extend(['\\', char::from(byte)]),
            b'#' if at == 0 => out.push_str("\\#"),
            b' ' if at == 0 || at == last => out.push_str("\\ "),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                out.push('\\');
                push_hex(out, &[byte]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::push_escaped;

    #[test]
    fn nothing_in_a_subject_can_end_it_or_the_header() {
        for (value, escaped) in [
            ("Ann Lee", "Ann Lee"),
            ("x,CN=admin", "x\\,CN\\=admin"),
            ("a+OU=ops", "a\\+OU\\=ops"),
            ("a\r\nX-Role: admin", "a\\0d\\0aX-Role: admin"),
            (" #a ", "\\ #a\\ "),
            ("#a", "\\#a"),
            ("J\u{f6}rg", "J\\c3\\b6rg"),
            ("\\", "\\\\"),
        ] {
            let mut out = String::new();
            push_escaped(&mut out, value);
            assert_eq!(out, escaped);
        }
    }
}
