//! Towards origins: connections that are kept, connections that are made, and the exchange on one of them.

pub(crate) mod dial;
pub(crate) mod exchange;
pub(crate) mod pool;
mod tunnel;

use crate::io::Io;
use std::net::SocketAddr;

/// A connection to an origin.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) io: Io,
    pub(crate) address: SocketAddr,
    /// Exchanges that it has carried. From the first one on, it may be ending at any moment.
    pub(crate) exchanges: u32,
}
