//! Why a record could not be written, in words for the person who has to mend it.

use std::time::Duration;

/// Why a provider did not do what was asked. None of them holds a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DnsError {
    /// The provider does not accept the credentials, or they may not do this.
    #[error(
        "the DNS provider refuses the credentials{}; check them, their rights and their expiry",
        because(reason)
    )]
    Refused {
        /// What it said, or nothing.
        reason: String,
    },
    /// None of the zones that the credentials can see holds the name.
    #[error("no zone for {name} is found there; {}", zones(seen))]
    ZoneNotFound {
        /// The record that was to be written.
        name: String,
        /// The zones that were seen.
        seen: Vec<String>,
    },
    /// Too many requests.
    #[error("the DNS provider limits the rate of requests; {}", later(retry_after))]
    RateLimited {
        /// When to come back, where it said so.
        retry_after: Option<Duration>,
    },
    /// Nobody answers.
    #[error("the DNS provider cannot be reached: {reason}")]
    Unreachable {
        /// Who does not, and why.
        reason: String,
    },
    /// The answer is not what its documentation says.
    #[error("the DNS provider's answer is not understood: {reason}")]
    Malformed {
        /// What is missing.
        reason: String,
    },
    /// Something else changed the records at the same time, or what is there must not be touched.
    #[error("the record conflicts with what is there: {reason}")]
    Conflict {
        /// What is in the way.
        reason: String,
    },
    /// The provider did not do it for a reason of its own.
    #[error("the DNS provider did not do it{}", because(reason))]
    Failed {
        /// What it said.
        reason: String,
    },
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

fn zones(seen: &[String]) -> String {
    const SHOWN: usize = 10;
    if seen.is_empty() {
        return "the credentials see no zone that could hold it".to_owned();
    }
    let more = if seen.len() > SHOWN { ", and more" } else { "" };
    format!("the credentials see: {}{more}", seen[..seen.len().min(SHOWN)].join(", "))
}

fn later(after: &Option<Duration>) -> String {
    match after {
        Some(after) => format!("try again in {} s", after.as_secs()),
        None => "try again later".to_owned(),
    }
}

impl DnsError {
    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed { reason: reason.into() }
    }

    pub(crate) fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into() }
    }
}
