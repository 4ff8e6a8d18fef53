//! Named steps of opening. In tests a process can be made to end abruptly at one, to show that the next start
//! mends everything; elsewhere a step does nothing.

#[cfg(test)]
pub(crate) static CRASH_AT: std::sync::Mutex<Option<String>> = std::sync::Mutex::new(None);

/// Marks a step that a crash may happen at.
pub(crate) fn step(name: &str) {
    #[cfg(test)]
    if CRASH_AT.lock().unwrap().as_deref() == Some(name) {
        std::process::abort();
    }
    #[cfg(not(test))]
    let _ = name;
}
