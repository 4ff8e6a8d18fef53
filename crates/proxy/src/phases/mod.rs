//! The phases of a request, one file each. To add one: a file here, and a line in `pipeline::run` whose
//! comment says why it stands there. A phase continues or stops with status, reason and rule.

pub(crate) mod access;
pub(crate) mod appsec;
pub(crate) mod bans;
pub(crate) mod body_limit;
pub(crate) mod challenges;
pub(crate) mod client_certificate;
pub(crate) mod client_ip;
pub(crate) mod cors;
pub(crate) mod forward;
pub(crate) mod https_redirect;
pub(crate) mod log;
pub(crate) mod maintenance;
pub(crate) mod redirects;
pub(crate) mod request_id;
pub(crate) mod rewrite;
pub(crate) mod route;
