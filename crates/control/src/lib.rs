//! The brain: reads rows, compiles them to the configuration of the data plane, publishes it, and keeps an eye
//! on everything that can fail. Only this crate knows both rows and `proxy::Spec`.

pub mod acme;
pub mod captcha;
pub mod compile;
pub mod crowdsec;
mod diff;
pub mod dns;
mod last_good;
pub mod rehearsal;
mod state;
pub mod tasks;

pub use diff::{Change, Kind};
pub(crate) use diff::{diff, split, summary};
pub use last_good::{LastGood, LastGoodError};
pub use state::{Applied, HostState, Serving};
