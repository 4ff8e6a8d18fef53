//! Certificates that can be presented. One that cannot is named, and hosts that chose it get one by name.

use base::{Code, Problem, Secret};
use proxy::spec;
use std::collections::HashMap;
use store::ssl_certificates::{Certificate, INTERNAL_CA};

/// `provider` of certificates that the internal CA issued for a host.
pub const INTERNAL: &str = "internal";

/// Name in the certificate that is presented to clients that ask for no known host.
pub const DEFAULT_NAME: &str = "localhost";

type Row = (Certificate, Result<Secret<String>, String>);

/// The usable certificates, and their ids by row id.
pub(super) fn compile(
    rows: &[Row],
    problems: &mut Vec<Problem>,
) -> (Vec<spec::Certificate>, HashMap<i64, String>) {
    let mut list = Vec::new();
    let mut usable = HashMap::new();
    // Uploaded ones first: of two that fit a name, the data plane prefers the earlier.
    let (uploaded, internal): (Vec<&Row>, Vec<&Row>) = rows
        .iter()
        .filter(|(row, _)| row.provider != INTERNAL_CA && row.has_key)
        .partition(|(row, _)| row.provider != INTERNAL);
    for (row, key) in uploaded.into_iter().chain(internal) {
        match check(row, key) {
            Ok(certificate) => {
                usable.insert(row.id, row.uuid.clone());
                list.push(certificate);
            }
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
    (list, usable)
}

/// The certificate for clients that ask for no known host: the internal one for [`DEFAULT_NAME`].
pub(super) fn default(rows: &[Row], usable: &[spec::Certificate]) -> Option<spec::Certificate> {
    let named = |row: &Certificate| row.provider == INTERNAL && row.domains == [DEFAULT_NAME];
    let (row, _) = rows.iter().rev().find(|(row, _)| named(row))?;
    usable.iter().find(|certificate| certificate.id == row.uuid).cloned()
}

fn check(row: &Certificate, key: &Result<Secret<String>, String>) -> Result<spec::Certificate, String> {
    let key = key.as_ref().map_err(Clone::clone)?;
    Ok(spec::Certificate {
        id: row.uuid.clone(),
        chain_pem: row.certificate.clone(),
        key_pem: key.expose().clone(),
    })
}
