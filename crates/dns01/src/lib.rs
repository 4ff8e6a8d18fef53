//! DNS-01: TXT records written through the API of who holds the zone, and the look whether everyone sees them.
//! A provider is one file in `providers/` and one line in its `mod.rs`; the form is drawn from its [`Kind`].

mod error;
mod http;
mod lookup;
mod names;
mod propagation;
mod provider;
mod providers;
mod schema;
mod text;
mod trial;
mod tsig;
mod wire;

pub use error::DnsError;
pub use lookup::Resolvers;
pub use names::{Addresses, CaaRecord, Unknown};
pub use propagation::{Lack, Propagation};
pub use provider::{Handle, Provider, Wait, challenge_name};
pub use providers::{KINDS, kind};
pub use schema::{Field, FieldError, FieldKind, Kind, Means, Settings, reference};
pub use trial::{Outcome, TrialStep, test};

#[cfg(test)]
mod tests;
