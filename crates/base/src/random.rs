//! The one door to randomness: bytes from the operating system.

/// Fills `buffer` with random bytes from the operating system.
///
/// # Panics
/// When the system has no randomness to give. Going on without it would make guessable secrets.
#[expect(clippy::expect_used, reason = "without randomness every secret would be guessable; stop at once")]
pub fn fill(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives no random bytes");
}

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut buffer = [0; N];
    fill(&mut buffer);
    buffer
}

/// A token of `8 * N` bits of randomness as lower-case hexadecimal text of `2 * N` characters.
pub fn hex_token<const N: usize>() -> String {
    bytes::<N>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new random UUID (RFC 9562, version 4) as text.
pub fn uuid() -> String {
    uuid::Builder::from_random_bytes(bytes()).into_uuid().to_string()
}
