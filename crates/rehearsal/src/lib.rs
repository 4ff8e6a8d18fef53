//! Whether the next certificate for a name will be issued, found out before it is needed: what was gathered about the
//! name goes in, plain sentences about what stands in the way come out. Asks nobody and reads no clock.

mod caa;
mod diagnose;
mod facts;
mod finding;
mod order;
mod report;
mod special;

pub use caa::{Caa, CaaRecord};
pub use diagnose::diagnose;
pub use facts::{
    Addresses, Answer, Authority, Credentials, Door, DoorState, Facts, Found, Held, Lookup, Proof, Zone,
};
pub use finding::{Fault, Finding, Severity};
pub use order::in_order;
pub use report::Report;
pub use special::{is_private, not_public, registered_domain};
