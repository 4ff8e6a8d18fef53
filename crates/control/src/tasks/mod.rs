//! The background tasks of the control side, one file each. To add one: a file here, a line below, and a line in
//! the binary's list.

mod access_log;
mod apply;
mod certificates;
mod database;
mod internal_certificates;
mod keys;
mod retention;

pub use access_log::AccessLog;
pub use apply::{Apply, Memory, first, rows};
pub use certificates::Certificates;
pub use database::Database;
pub use retention::Retention;
