//! The phases of a request, one file each. To add one: a file here, and a line in `pipeline::run` whose
//! comment says why it stands there. A phase continues or stops with status, reason and rule.

pub(crate) mod access;
pub(crate) mod client_ip;
pub(crate) mod forward;
pub(crate) mod https_redirect;
pub(crate) mod log;
pub(crate) mod route;
