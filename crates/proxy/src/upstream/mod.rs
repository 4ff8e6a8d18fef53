//! Towards origins: which server, connections that are kept, connections that are made, and the exchange on one of
//! them. What is known about servers (`live`, `health`, `names`) is shared by all workers; an attendant in a thread
//! of its own looks names up and makes the active checks.

pub(crate) mod attend;
pub(crate) mod balance;
pub(crate) mod dial;
pub(crate) mod exchange;
pub(crate) mod h2;
mod health;
pub(crate) mod inquiry;
pub(crate) mod live;
pub(crate) mod names;
pub(crate) mod pool;
mod probe;
pub(crate) mod proxy_header;
mod resolve;
mod select;
pub(crate) mod status;
pub(crate) mod sticky;
pub(crate) mod trial;
mod tunnel;

use crate::io::Io;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A connection to an origin.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) io: Io,
    /// `None` for Unix sockets.
    pub(crate) address: Option<SocketAddr>,
    /// The generation of the server's name that the address is from.
    pub(crate) generation: u32,
    /// Exchanges that it has carried. From the first one on, it may be ending at any moment.
    pub(crate) exchanges: u32,
    /// When the last one ended, on the monotonic clock.
    pub(crate) since: Duration,
    /// How long it may idle: what the origin says (`Keep-Alive: timeout=`), with a margin.
    pub(crate) lifetime: Duration,
}

/// An error with a sentence part in front of what the system says.
fn say(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what} ({error})"))
}
