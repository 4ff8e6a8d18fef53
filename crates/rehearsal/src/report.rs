//! What is kept of a rehearsal and shown.

use crate::diagnose::diagnose;
use crate::facts::{Facts, Proof};
use crate::finding::{Finding, Severity};
use crate::order::in_order;
use base::Timestamp;
use serde::{Deserialize, Serialize};

/// The rehearsal of one name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The name, with `*.` for a wildcard.
    pub name: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// How it would be proven: `http-01`, `tls-alpn-01` or `dns-01`.
    pub proof: String,
    /// What stands in the way, in the order in which it is mended.
    pub findings: Vec<Finding>,
    /// What is in order.
    pub in_order: Vec<String>,
}

impl Report {
    /// Judges what was gathered.
    pub fn of(facts: &Facts) -> Self {
        let findings = diagnose(facts);
        Self {
            name: facts.name.clone(),
            at: facts.now,
            proof: facts.proof.as_str().to_owned(),
            in_order: in_order(facts, &findings),
            findings,
        }
    }

    /// How bad the worst finding is; `None` when nothing was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

impl Proof {
    /// The name of the challenge (RFC 8555, section 9.7.8).
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Dns01(_) => "dns-01",
        }
    }
}
