//! Automatic certificates: looks after the sets of names that hosts want certificates for, one step of an order at a
//! time, and renews what was issued. The rows say where each stands, so that a crash loses nothing: an order that is
//! open is taken up where it was left.

mod answers;
mod attempt;
mod certify;
mod clock;
mod progress;
mod records;

pub use answers::answer_first;
pub use certify::{Certify, Counts};
