//! The background tasks of the control side, one file each. To add one: a file here, a line below, and a line in
//! the binary's list.

mod access_log;
mod apply;
mod certificates;
mod cookie_key;
mod data_plane;
mod database;
mod internal_certificates;
mod listeners;
mod retention;
mod rows;

pub use access_log::AccessLog;
pub use apply::{Apply, Memory, rows};
pub use certificates::Certificates;
pub use data_plane::DataPlane;
pub use database::Database;
pub use listeners::{Inherited, ListenerState, Listeners, Serves, Shared, Wanted, ports};
pub use retention::Retention;
