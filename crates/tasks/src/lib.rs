//! The framework of background tasks: a [`Wake`] that never loses a call, a [`Task`] that is run on wake and
//! on an interval, and its [`Status`], which is never silent: doing nothing is a status with a reason.
//!
//! To add a task: implement [`Task`] in `control/src/tasks/NAME.rs` and add one line to its list.

mod run;
mod status;
mod wake;

pub use run::{Task, spawn, spawn_task};
pub use status::{Outcome, Phase, Status, Statuses};
pub use wake::Wake;
