//! See `crates/proxy/src/fuzz/proxy_protocol.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxy::fuzz::run("proxy_protocol", data));
