//! The data plane from outside: raw sockets on both sides. One module per theme; `kit` starts a proxy in front
//! of an origin whose every byte is scripted.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test's helper fails the test")]

mod answers;
mod appsec;
mod bans;
mod bodies;
mod cases;
mod challenges;
mod client_tls;
mod compression;
mod cors;
mod dns;
mod floods;
mod framing;
mod h2_origin;
mod h3;
mod h3_early;
mod h3_faults;
mod h3_handover;
mod headers;
mod heads2;
mod health;
mod http2;
mod hygiene;
mod kept;
mod kit;
mod life;
mod limits;
mod logging;
mod pages;
mod proxy_protocol;
mod readers;
mod redirects;
mod rewrite;
mod routing;
mod smuggling;
mod tls_origin;
mod upgrade;
mod upstreams;
