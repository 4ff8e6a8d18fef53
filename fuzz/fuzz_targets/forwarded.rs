//! See `crates/proxy/src/fuzz/forwarded.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxy::fuzz::run("forwarded", data));
