//! See `crates/proxy/src/fuzz/websocket.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxy::fuzz::run("websocket", data));
