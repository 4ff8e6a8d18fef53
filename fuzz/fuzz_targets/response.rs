//! See `crates/proxy/src/fuzz/response.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxy::fuzz::run("response", data));
