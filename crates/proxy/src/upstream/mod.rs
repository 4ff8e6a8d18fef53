//! Towards origins: connections that are kept, connections that are made, and the exchange on one of them.

pub(crate) mod dial;
pub(crate) mod exchange;
pub(crate) mod pool;
mod tunnel;

use crate::io::Io;
use std::net::SocketAddr;
use std::time::Duration;

/// A connection to an origin.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) io: Io,
    pub(crate) address: SocketAddr,
    /// Exchanges that it has carried. From the first one on, it may be ending at any moment.
    pub(crate) exchanges: u32,
    /// When the last one ended, on the monotonic clock.
    pub(crate) since: Duration,
    /// How long it may idle: what the origin says (`Keep-Alive: timeout=`), with a margin.
    pub(crate) lifetime: Duration,
}
