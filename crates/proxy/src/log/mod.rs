//! The access log: one line per request. Workers append to a bounded buffer of their own and never wait; one thread
//! writes what is there and feeds live viewers.

mod entry;
mod feed;
mod format;
mod lane;
mod writer;

pub use entry::{Entry, Fault, Protocol, RequestId, StoppedBy};
pub(crate) use entry::{Record, Stopped};
pub use format::{LOG_FIELDS, LogFormat};
pub(crate) use lane::Lane;
pub(crate) use writer::Writer;
pub use writer::{LogSettings, LogStatus};
