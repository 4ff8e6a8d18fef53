//! See `crates/proxy/src/fuzz/path.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxy::fuzz::run("path", data));
