//! How the protocol's requests leave the house: by `outbound`, which knows the limits.

use bytes::Bytes;
use http::header::{DATE, RETRY_AFTER, USER_AGENT};
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
}

/// The door of `instant_acme` to the network.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: outbound::Client,
    said: Arc<Mutex<Said>>,
}

/// An answer that is none of the protocol's.
#[derive(Debug, thiserror::Error)]
#[error("it answered with status {0} and nothing of the protocol")]
pub(crate) struct Foreign(u16);

impl Http {
    pub(crate) fn new(client: outbound::Client) -> Self {
        Self { client, said: Arc::default() }
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
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) =
            Said { retry_after: text(RETRY_AFTER), date: text(DATE) };
        let is_json = body.first().is_some_and(|first| *first == b'{');
        if parts.status.as_u16() >= 300 && !is_json {
            return Err(Error::Other(Box::new(Foreign(parts.status.as_u16()))));
        }
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
