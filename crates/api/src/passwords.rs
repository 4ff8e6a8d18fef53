//! Passwords: hashed with Argon2id, and verified against the bcrypt hashes of the original product too.

use crate::error::{Error, Result};
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use base::Secret;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Fewest characters of a new password.
pub const MIN_LENGTH: usize = 10;
/// Most characters of a new password: longer ones only cost time.
pub const MAX_LENGTH: usize = 256;

/// Each hash takes 19 MiB and a core for some hundredths of a second; two at once leave air for the rest.
static AT_ONCE: Semaphore = Semaphore::const_new(2);
/// How long a login waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Verified for accounts that do not exist, so that they take as long as those that do.
static DUMMY: LazyLock<Secret<String>> =
    LazyLock::new(|| Secret::new(hash_now(&base::random::hex_token::<16>()).unwrap_or_default()));

/// What a verification found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The password belongs to the hash.
    pub right: bool,
    /// The hash is old; make a new one while the password is at hand.
    pub outdated: bool,
}

/// The Argon2id hash (m = 19 MiB, t = 2, p = 1, as OWASP advises) of a password, as a PHC string. Takes some
/// hundredths of a second of a core; see [`hash`] for async code.
///
/// # Errors
/// When there is no memory for it.
pub fn hash_now(password: &str) -> std::result::Result<String, String> {
    let hash: PasswordHash = argon2()?
        .hash_password_with_salt(password.as_bytes(), &base::random::bytes::<16>())
        .map_err(|error| format!("the password cannot be hashed: {error}"))?;
    Ok(hash.to_string())
}

/// Whether `password` belongs to `hash` (PHC string of Argon2, or bcrypt). See [`verify`] for async code.
pub fn verify_now(password: &str, hash: &str) -> Verdict {
    if ["$2a$", "$2b$", "$2y$", "$2x$"].iter().any(|prefix| hash.starts_with(prefix)) {
        let right = bcrypt::non_truncating_verify(password, hash).unwrap_or(false);
        return Verdict { right, outdated: true };
    }
    let (Ok(argon2), Ok(parsed)) = (argon2(), PasswordHash::new(hash)) else {
        return Verdict { right: false, outdated: false };
    };
    let right =
        PasswordVerifier::<PasswordHash>::verify_password(&argon2, password.as_bytes(), &parsed).is_ok();
    let outdated = !hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$");
    Verdict { right, outdated }
}

/// [`hash_now`] on a thread for blocking work, two at once.
///
/// # Errors
/// [`Error::TooManyAttempts`] when too many wait for their turn.
pub async fn hash(password: &Secret<String>) -> Result<Secret<String>> {
    let password = password.clone();
    blocking(move || hash_now(password.expose())).await?.map(Secret::new).map_err(Error::Internal)
}

/// [`verify_now`] on a thread for blocking work, two at once. Without a hash (no such account, or one without a
/// password) it takes as long and finds the password wrong.
///
/// # Errors
/// [`Error::TooManyAttempts`] when too many wait for their turn.
pub async fn verify(password: &Secret<String>, hash: Option<&Secret<String>>) -> Result<Verdict> {
    let known = hash.filter(|hash| !hash.expose().is_empty()).cloned();
    let password = password.clone();
    blocking(move || match known {
        Some(hash) => verify_now(password.expose(), hash.expose()),
        None => {
            verify_now(password.expose(), DUMMY.expose());
            Verdict { right: false, outdated: false }
        }
    })
    .await
}

/// Why a password is not good enough for a new account; `None` when it is.
pub fn weakness(password: &str, email: &str) -> Option<String> {
    let length = password.chars().count();
    if length < MIN_LENGTH {
        return Some(format!("the password is too short; use {MIN_LENGTH} characters or more"));
    }
    if length > MAX_LENGTH {
        return Some(format!("the password is too long; use {MAX_LENGTH} characters or fewer"));
    }
    if password.trim().is_empty() || password.chars().all(|char| password.starts_with(char)) {
        return Some("the password is one character many times; choose another".to_owned());
    }
    if !email.is_empty() && password.eq_ignore_ascii_case(email) {
        return Some("the password is the e-mail address; choose another".to_owned());
    }
    None
}

fn argon2() -> std::result::Result<Argon2<'static>, String> {
    let params = Params::new(19_456, 2, 1, None).map_err(|error| error.to_string())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Work for a core, a few at a time.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let turn = tokio::time::timeout(PATIENCE, AT_ONCE.acquire()).await;
    let Ok(Ok(permit)) = turn else { return Err(Error::TooManyAttempts(PATIENCE)) };
    let done = tokio::task::spawn_blocking(work).await;
    drop(permit);
    done.map_err(|error| Error::Internal(format!("the password thread ended: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_hash_is_argon2id_with_the_advised_cost_and_is_not_outdated() {
        let hash = hash_now("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(verify_now("correct horse battery", &hash), Verdict { right: true, outdated: false });
        assert!(!verify_now("Correct horse battery", &hash).right);
        assert_ne!(hash, hash_now("correct horse battery").unwrap());
    }

    #[test]
    fn bcrypt_hashes_of_the_original_are_verified_and_outdated() {
        let hash = bcrypt::hash("old password", 4).unwrap();
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let hash = format!("{prefix}{}", &hash[4..]);
            assert_eq!(
                verify_now("old password", &hash),
                Verdict { right: true, outdated: true },
                "{prefix}"
            );
            assert!(!verify_now("other password", &hash).right);
        }
    }

    #[test]
    fn broken_and_empty_hashes_fit_no_password() {
        for hash in ["", "x", "$2a$", "$argon2id$", "plain"] {
            assert!(!verify_now("", hash).right && !verify_now(hash, hash).right, "{hash}");
        }
    }

    #[test]
    fn weak_passwords_are_refused_with_the_remedy() {
        assert!(weakness("short", "a@b.c").unwrap().contains("10 characters"));
        assert!(weakness(&"x".repeat(300), "a@b.c").unwrap().contains("256"));
        assert!(weakness("aaaaaaaaaaaa", "a@b.c").is_some());
        assert!(weakness("Admin@Example.com", "admin@example.com").is_some());
        assert!(weakness("correct horse", "a@b.c").is_none());
    }
}
