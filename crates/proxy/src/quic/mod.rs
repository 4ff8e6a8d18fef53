//! HTTP/3 (RFC 9114) on QUIC, which is the `quinn` crate's: sockets, connections, their streams, and field sections.
//! Requests take the same path as those of HTTP/1.1 and HTTP/2 from [`stream`] on.

mod conn;
mod control;
mod flood;
mod frames;
pub(crate) mod handover;
mod head;
mod huffman;
pub(crate) mod listen;
mod qpack;
mod socket;
mod static_table;
mod stream;
mod varint;

pub use handover::QuicHandover;
#[cfg(any(test, fuzzing))]
pub(crate) use head::{read as read_head, trailers as read_trailers};
pub use socket::QuicListening;
