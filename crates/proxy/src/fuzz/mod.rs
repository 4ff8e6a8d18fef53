//! What is fuzzed: functions that take any bytes, put them through the readers of this crate, and panic when two
//! ways of reading them disagree. `fuzz/` runs them under libFuzzer; the tests below run its corpus and a seeded
//! random part of the same. To add one: a file here, a line in [`TARGETS`], and a file in `fuzz/fuzz_targets`.

mod forwarded;
mod http2;
mod http3;
mod path;
mod proxy_protocol;
mod request;
mod response;
mod rules;
mod strict;
mod websocket;

/// A name, and what takes any bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them by name.
pub const TARGETS: &[Target] = &[
    ("request", request::run),
    ("response", response::run),
    ("http2", http2::run),
    ("http3", http3::run),
    ("path", path::run),
    ("proxy_protocol", proxy_protocol::run),
    ("forwarded", forwarded::run),
    ("rules", rules::run),
    ("websocket", websocket::run),
];

/// Runs the target of this name.
///
/// # Panics
/// When two ways of reading `data` disagree: that is a finding. Also when there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    target.unwrap_or_else(|| panic!("there is no target {name}")).1(data);
}

/// A runtime of this thread for targets that need sockets or streams.
fn on_runtime(work: impl Future<Output = ()>) {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(work));
}

#[cfg(test)]
mod tests;
