//! The client of certificate authorities (ACME, RFC 8555): accounts, orders, challenges, certificates. One step at a
//! time, each of which can be taken again after a crash; when to take which is not decided here.

mod account;
mod clock;
mod error;
mod http;
mod order;
mod terms;

pub use account::{Account, Binding, Directory};
pub use clock::{Elsewhere, clock};
pub use error::{Error, Kind};
pub use order::{Answer, Authorization, Challenge, Order, OrderStatus};
pub use terms::{NoTerms, Terms, account_of};
