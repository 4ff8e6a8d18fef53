//! The leaf of the graph: time, randomness, secrets, problem codes and the value types that cannot hold
//! a wrong value. Everything depends on this crate, so think twice before adding to it.

pub mod clock;
pub mod problems;
pub mod random;
mod secret;
mod status_set;
pub mod types;
mod upstream_address;

pub use clock::{Clock, SystemClock, Timestamp};
pub use problems::{Code, Problem, Problems, Severity};
pub use secret::Secret;
pub use status_set::StatusSet;
pub use types::{Domain, DomainPattern, FieldError, Port, UpstreamHost};
pub use upstream_address::{AddressPart, UpstreamAddress};
