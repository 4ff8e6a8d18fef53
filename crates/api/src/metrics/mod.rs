//! `/metrics`: what can be counted, for Prometheus and its like. Outside `/api/v1`, where such programs look.

mod get;

pub(crate) use get::get;
