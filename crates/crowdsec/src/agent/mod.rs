//! The agent as a child of Charon: what is installed, its configuration, the process, and the log that it reads.

pub(crate) mod archive;
pub(crate) mod change;
pub(crate) mod console;
pub(crate) mod editions;
pub(crate) mod escalation;
pub(crate) mod feed;
pub(crate) mod files;
pub(crate) mod hub;
pub(crate) mod install;
pub(crate) mod items;
pub(crate) mod process;
mod run;
pub(crate) mod staged;
pub(crate) mod tree;
