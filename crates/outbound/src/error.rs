//! Why a request has failed, in words for the person who has to mend it.

use std::error::Error;
use std::time::Duration;

/// Why a request has failed. None of them holds a header or a body, which may be secret, nor the query of an address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OutboundError {
    /// What was given cannot be used: an address, a certificate, a key.
    #[error("{what} cannot be used: {reason}")]
    Invalid {
        /// What it is.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The name has no address, or nobody answers there.
    #[error("{address} cannot be reached: {reason}")]
    Unreachable {
        /// Scheme, host and port.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// No agreement on TLS: the certificate is not trusted or of another name, or ours was refused.
    #[error("{address} and this client do not agree on TLS: {reason}")]
    Tls {
        /// Scheme, host and port.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// The certificate has ended, or not begun yet, by the clock of this machine.
    #[error("{address} and this client do not agree on TLS: {reason}")]
    Untimely {
        /// Scheme, host and port.
        address: String,
        /// Which, and what this machine's clock says.
        reason: String,
    },
    /// No whole answer in time.
    #[error("{address} has not answered within {} s", limit.as_secs_f64())]
    TimedOut {
        /// Scheme, host and port.
        address: String,
        /// The time that it had.
        limit: Duration,
    },
    /// The answer is longer than is read.
    #[error("the answer of {address} is longer than {largest} bytes")]
    TooLarge {
        /// Scheme, host and port.
        address: String,
        /// The most that is read, in bytes.
        largest: usize,
    },
    /// The address lies where this client must not go (see [`crate::Reach`]).
    #[error("{address} must not be asked: {allowed}")]
    NotAllowed {
        /// Scheme, host and port.
        address: String,
        /// What is allowed, as the end of a sentence.
        allowed: &'static str,
    },
    /// What came is not HTTP, or ended in the middle.
    #[error("the answer of {address} is broken: {reason}")]
    Broken {
        /// Scheme, host and port.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// What the innermost causes say, without the request that the outer ones repeat.
pub(crate) fn reason_of(error: &(dyn Error + 'static)) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        reason = inner.to_string();
        cause = inner.source();
    }
    reason
}

/// The first cause of type `T`, also within errors of input and output.
pub(crate) fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref())
            && let Some(found) = cause::<T>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}
