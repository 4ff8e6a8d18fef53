//! See `crates/proxy/src/fuzz/request.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxy::fuzz::run("request", data));
