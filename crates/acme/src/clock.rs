//! What time it is elsewhere.

use crate::account::{Directory, client};
use crate::error::http_date;
use base::Timestamp;
use bytes::Bytes;
use http::Request;
use outbound::OutboundError;

/// What an authority says of the time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Elsewhere {
    /// Its clock.
    Says(Timestamp),
    /// Its certificate has ended or not begun, by the clock of this machine.
    NotNow(String),
}

/// The authority's clock, from the head of its directory (RFC 9110, section 6.6.1). `None` when it cannot be asked or
/// does not say.
pub async fn clock(directory: &Directory) -> Option<Elsewhere> {
    let client = client(directory).ok()?;
    let request = Request::get(&directory.url).body(Bytes::new()).ok()?;
    match client.send(request).await {
        Ok(answer) => {
            let date = answer.headers().get(http::header::DATE)?.to_str().ok()?;
            http_date(date).map(Elsewhere::Says)
        }
        Err(OutboundError::Untimely { reason, .. }) => Some(Elsewhere::NotNow(reason)),
        Err(_) => None,
    }
}
