//! Certificates that can be presented. One that cannot is named, and hosts that chose it get one by name.

use super::CertificateRow;
use base::{Code, Problem};
use proxy::spec;
use std::sync::Arc;
use store::ssl_certificates::{Certificate, INTERNAL_CA};

pub use store::ssl_certificates::INTERNAL;

/// Name in the certificate that is presented to clients that ask for no known host.
pub const DEFAULT_NAME: &str = "localhost";

/// The certificates that can be presented; the others are named in the problems.
pub(super) fn usable<'a>(
    rows: &'a [Arc<CertificateRow>],
    problems: &mut Vec<Problem>,
) -> Vec<(&'a Certificate, &'a Arc<spec::Certificate>)> {
    let mut usable = Vec::with_capacity(rows.len());
    for CertificateRow { row, served } in rows.iter().map(|row| &**row) {
        if row.provider == INTERNAL_CA || !row.has_key {
            continue;
        }
        match served {
            Ok(certificate) => usable.push((row, certificate)),
            Err(reason) => problems.push(
                Problem::new(
                    Code::CertificateUnusable,
                    format!("the certificate {} cannot be presented: {reason}", row.name),
                    "upload the certificate with its key again",
                )
                .about(format!("certificate {}", row.name))
                .link("/certificates"),
            ),
        }
    }
    usable
}

/// The certificate for clients that ask for no known host: the internal one for [`DEFAULT_NAME`].
pub(super) fn default(usable: &[(&Certificate, &Arc<spec::Certificate>)]) -> Option<Arc<spec::Certificate>> {
    let named = |row: &Certificate| row.provider == INTERNAL && row.domains == [DEFAULT_NAME];
    usable.iter().rev().find(|(row, _)| named(row)).map(|(_, certificate)| Arc::clone(certificate))
}
