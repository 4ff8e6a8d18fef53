//! HTTP/1.x (RFC 9112): heads, body framing, and the connection of a client.

pub(crate) mod body;
pub(crate) mod conn;
pub(crate) mod head;
pub(crate) mod response;
