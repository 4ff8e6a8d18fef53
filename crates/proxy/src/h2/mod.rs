//! HTTP/2 (RFC 9113) on the `h2` crate: the connection, its streams, and how their writes are put together.

mod coalesce;
pub(crate) mod conn;
mod flood;
pub(crate) mod stream;

#[cfg(any(test, fuzzing))]
pub(crate) use flood::Flood;
#[cfg(any(test, fuzzing))]
pub(crate) use stream::read_head;
