//! Certificates: what a PEM pair says and whether it is usable, and the internal CA that serves until a real
//! certificate is there. Reads no clock and touches no files: time and PEM text are arguments.

mod accept;
mod client;
mod inspect;
mod internal_ca;
mod validity;

pub use accept::{Accepted, accept};
pub use client::{bundle, client};
pub use inspect::{Error, Info, Shown, covers, inspect, read_chain, shown};
pub use internal_ca::{InternalCa, Issued};
pub use validity::{Validity, renewal_due, validity};
