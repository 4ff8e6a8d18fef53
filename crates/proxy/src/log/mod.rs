//! The access log: one entry per request. Workers put records into bounded rings and never wait; one thread
//! turns them into JSON lines and feeds live viewers.

mod entry;
mod format;
mod writer;

pub use entry::{Entry, Fault, Protocol, RequestId, StoppedBy};
pub(crate) use entry::{Record, Texts};
pub use format::{LOG_FIELDS, LogFormat};
pub use writer::{LogSettings, LogStatus};
pub(crate) use writer::{Sender, Writer};
