//! How the protocol's requests leave the house: by `outbound`, which knows the limits.

use bytes::Bytes;
use http::header::{DATE, LINK, RETRY_AFTER, USER_AGENT};
use http::{Request, Response};
use http_body_util::BodyExt;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// What the latest answer said besides its body.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) retry_after: Option<String>,
    pub(crate) date: Option<String>,
    /// Where other chains of the same certificate are (RFC 8555, section 7.4.2).
    pub(crate) alternates: Vec<String>,
}

/// The door of `instant_acme` to the network.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: outbound::Client,
    said: Arc<Mutex<Said>>,
    /// Where the certificate of an order is looked for in the place of where the authority says.
    place: Option<String>,
}

/// An answer that is none of the protocol's.
#[derive(Debug, thiserror::Error)]
#[error("it answered with status {0} and nothing of the protocol")]
pub(crate) struct Foreign(u16);

impl Http {
    pub(crate) fn new(client: outbound::Client) -> Self {
        Self { client, said: Arc::default(), place: None }
    }

    /// The same door, behind which orders say that their certificate is at `place`. So `instant_acme`, which knows of
    /// one chain only, fetches another one.
    pub(crate) fn with_certificate_at(&self, place: &str) -> Self {
        Self { place: Some(place.to_owned()), said: Arc::default(), client: self.client.clone() }
    }

    pub(crate) fn said(&self) -> Said {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn send(self, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        // The client names itself.
        request.headers_mut().remove(USER_AGENT);
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await;
        let body = body.to_bytes();
        let answer = self.client.send(Request::from_parts(parts, body)).await;
        let (parts, body) = answer.map_err(|error| Error::Other(Box::new(error)))?.into_parts();
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let links = parts.headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Said {
            retry_after: text(RETRY_AFTER),
            date: text(DATE),
            alternates: links.flat_map(alternates).collect(),
        };
        let is_json = body.first().is_some_and(|first| *first == b'{');
        if parts.status.as_u16() >= 300 && !is_json {
            return Err(Error::Other(Box::new(Foreign(parts.status.as_u16()))));
        }
        let body = match &self.place {
            Some(place) if is_json => elsewhere(&body, place).unwrap_or(body),
            _ => body,
        };
        let (parts, _) = {
            let mut answer = Response::new(());
            *answer.status_mut() = parts.status;
            *answer.headers_mut() = parts.headers;
            answer.into_parts()
        };
        Ok(BytesResponse { parts, body: Box::new(body) })
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().send(request))
    }
}

/// The addresses of a `Link` header (RFC 8288) that are other chains.
fn alternates(header: &str) -> impl Iterator<Item = String> {
    header.split(',').filter_map(|link| {
        let (place, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_one = parameters.split(';').any(|one| {
            one.trim().split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("rel") && value.trim_matches('"').eq_ignore_ascii_case("alternate")
            })
        });
        is_one.then(|| place.to_owned())
    })
}

/// An order whose certificate is at `place`; `None` for what is no order that has one.
fn elsewhere(body: &[u8], place: &str) -> Option<Bytes> {
    let mut order: serde_json::Value = serde_json::from_slice(body).ok()?;
    *order.as_object_mut()?.get_mut("certificate")? = place.into();
    Some(order.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_chains_are_told_from_other_links() {
        let found = |header: &str| alternates(header).collect::<Vec<_>>();
        assert_eq!(found(r#"<https://ca/c/1/alternate/1>;rel="alternate""#), ["https://ca/c/1/alternate/1"]);
        assert_eq!(
            found(r#"<https://ca/dir>; rel="index", <https://ca/2>; rel=alternate; type="x""#),
            ["https://ca/2"]
        );
        assert_eq!(found("junk, <https://ca/x>; rel=up, <https://ca"), Vec::<String>::new());
    }

    #[test]
    fn an_order_is_sent_elsewhere_and_nothing_else_is_changed() {
        let order = br#"{"status":"valid","certificate":"https://ca/1"}"#;
        let sent: serde_json::Value =
            serde_json::from_slice(&elsewhere(order, "https://ca/2").unwrap()).unwrap();
        assert_eq!(sent, serde_json::json!({"status": "valid", "certificate": "https://ca/2"}));
        assert_eq!(elsewhere(br#"{"status":"processing"}"#, "https://ca/2"), None);
    }
}
