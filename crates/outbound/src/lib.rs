//! The only HTTP client of the control side: time limits, limits of size, no redirects, and where it may go.
//! One [`Client`] per purpose; everything that is asked of a foreign server goes through [`Client::send`].

mod client;
mod error;
mod knock;
mod reach;

pub use client::{Client, Identity, Options};
pub use error::OutboundError;
pub use knock::{Knock, knock_http, knock_tls};
pub use reach::Reach;
