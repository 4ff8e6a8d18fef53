//! REST API of Charon: one folder per resource, one file per verb. No handler changes run-time state: it changes
//! rows, and reconcilers do the rest. What handlers see of the engines is [`Engines`], implemented by the binary.
//!
//! To add a route: write `RESOURCE/VERB.rs` and add its line to `routes` of `RESOURCE/mod.rs`; its level is the
//! extractor in its signature and `x-charon-role` in its description (a test holds the two together).

mod access;
mod acme;
mod api_tokens;
mod audit;
mod auth;
mod certificates;
mod dns_credentials;
mod docs;
pub mod engines;
mod error;
mod guard;
mod health;
mod host_check;
mod input;
mod live;
mod local;
mod logs;
mod meta;
mod metrics;
mod openapi;
pub mod passwords;
mod proxy_hosts;
mod revisions;
mod router;
mod schema;
mod security;
mod servers;
mod settings;
mod setup;
mod state;
mod system;
mod throttle;
mod tokens;
mod traffic;
mod users;

pub use engines::Engines;
pub use error::Error;
pub use guard::CSP;
pub use local::LocalOwner;
pub use openapi::{Document, openapi};
pub use router::{router, router_with_ui};
pub use settings::known::LOG_FIELDS;
pub use state::{BuildInfo, SetupToken, State, Wiring};
