//! Waiting for a condition.

use base::{Clock, SystemClock};
use std::time::Duration;

/// How often a condition is looked at.
const PACE: Duration = Duration::from_millis(10);

/// Asks `probe` until it gives a value, and returns that value.
///
/// # Panics
/// After `limit`, naming `what` was waited for.
pub async fn eventually<T>(what: &str, limit: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let end = SystemClock.monotonic() + limit;
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(SystemClock.monotonic() < end, "waited {limit:?} in vain until {what}");
        tokio::time::sleep(PACE).await;
    }
}

/// [`eventually`] for code outside a runtime.
///
/// # Panics
/// After `limit`, naming `what` was waited for.
#[expect(clippy::disallowed_methods, reason = "the one place in tests that waits, between two looks")]
pub fn eventually_blocking<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = SystemClock.monotonic() + limit;
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(SystemClock.monotonic() < end, "waited {limit:?} in vain until {what}");
        std::thread::sleep(PACE);
    }
}
