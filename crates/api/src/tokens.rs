//! Random tokens of sessions and API clients. The database holds digests only.

use sha2::{Digest, Sha256};

/// Every API token starts with it, so that scanners of leaked secrets can find one.
pub(crate) const API_PREFIX: &str = "chn_";

/// A new token of 256 random bits.
pub(crate) fn session() -> String {
    base::random::hex_token::<32>()
}

/// A new API token.
pub(crate) fn api() -> String {
    format!("{API_PREFIX}{}", base::random::hex_token::<32>())
}

/// SHA-256 as lower-case hexadecimal text. Enough for random tokens, which nobody can guess by trying.
pub(crate) fn digest(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn tokens_differ_and_their_digest_is_not_the_token() {
        let (first, second) = (super::api(), super::api());
        assert_ne!(first, second);
        assert_eq!(first.len(), 4 + 64);
        assert!(!super::digest(&first).contains(&first[4..]));
    }
}
