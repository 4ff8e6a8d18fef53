//! What tests need from outside: origins, raw clients, the API client and the real executable on a folder of
//! its own. Everything lives on loopback and on free ports, and waits for conditions, never for time.
//!
//! This is test code: what cannot go on panics with a sentence.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails by panic")]
#![allow(
    clippy::print_stderr,
    reason = "what a failed test should show goes where the test runner collects it"
)]

mod api;
mod app;
mod appsec;
mod bind;
mod browser;
mod captcha_provider;
mod central_api;
mod disk;
pub mod mmdb;
mod origin;
mod other_lapi;
pub mod pebble;
pub mod postgres;
mod raw;
mod wait;

pub use api::{Api, Reply};
pub use app::{ADMIN, Addresses, App, AppBuilder, PASSWORD, Run, charon_binary};
pub use appsec::{APPSEC_KEY, AppSecStandIn};
pub use bind::Bind;
pub use browser::walk;
pub use captcha_provider::{CAPTCHA_SECRET, CaptchaProvider};
pub use central_api::{CONSOLE_KEY, CentralApi};
pub use disk::Disk;
pub use origin::{Answer, Origin};
pub use other_lapi::{BOUNCERS, LapiTls, OtherLapi};
pub use raw::{Head, RawClient, Response};
pub use wait::{eventually, eventually_blocking};
