//! See `crates/proxy/src/fuzz/rules.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxy::fuzz::run("rules", data));
