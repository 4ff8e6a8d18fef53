//! See `crates/proxy/src/fuzz/http2.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxy::fuzz::run("http2", data));
