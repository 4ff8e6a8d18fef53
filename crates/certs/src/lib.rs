//! Certificates: what a PEM pair says and whether it is usable, and the internal CA that serves until a real
//! certificate is there. Reads no clock and touches no files: time and PEM text are arguments.

mod accept;
mod client;
mod export;
mod inspect;
mod internal_ca;
mod renewal;
mod request;
mod validity;

pub use accept::{Accepted, accept};
pub use client::{bundle, client};
pub use export::pfx;
pub use inspect::{Error, Info, Shown, covers, ends_in, inspect, read_chain, read_roots, shown};
pub use internal_ca::{InternalCa, Issued};
pub use renewal::{
    LONGEST_WAIT, ORDERS_PER_THREE_HOURS, Setback, VALIDATIONS_PER_HOUR, order_room, renewal_time,
    renewal_within, retry_time, validation_time,
};
pub use request::{KeyType, challenge_certificate, new_key, signing_request};
pub use validity::{Validity, renewal_due, validity};
