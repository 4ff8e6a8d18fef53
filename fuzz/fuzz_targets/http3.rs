//! See `crates/proxy/src/fuzz/http3.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxy::fuzz::run("http3", data));
