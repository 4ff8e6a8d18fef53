//! What is known of a request before anybody looks at its content: its id, who sent it, by which name and way.

use crate::error::Error;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use std::net::{IpAddr, SocketAddr};
use store::Audit;

/// The facts of one request.
#[derive(Clone, Debug)]
pub(crate) struct Meta {
    /// Its id, as in the answer's `X-Request-Id` and in the log.
    pub(crate) request_id: String,
    /// Address of the TCP peer. Forwarded headers are not believed: anybody can send them.
    pub(crate) client: Option<IpAddr>,
    /// `User-Agent`, made safe for logs.
    pub(crate) user_agent: String,
    /// The `Host` header as it came.
    pub(crate) host: String,
    /// The request came by TLS, as far as can be known.
    pub(crate) tls: bool,
}

impl Meta {
    pub(crate) fn read(headers: &HeaderMap, uri: &Uri, peer: Option<SocketAddr>) -> Self {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let client = peer.map(|peer| peer.ip().to_canonical());
        // Only Charon's own data plane on this machine is believed here, and a lie could only make the liar's
        // own cookie stricter.
        let tls = client.is_some_and(|address| address.is_loopback())
            && headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes() == b"https");
        let host = text(header::HOST).or_else(|| uri.authority().map(|authority| authority.as_str()));
        Self {
            request_id: base::random::hex_token::<8>(),
            client,
            user_agent: safe(text(header::USER_AGENT).unwrap_or_default(), 300),
            host: host.unwrap_or_default().to_owned(),
            tls,
        }
    }

    /// The client's address as text; empty when it is not known.
    pub(crate) fn client_text(&self) -> String {
        self.client.map(|address| address.to_string()).unwrap_or_default()
    }

    /// An audit entry about this request. `kind` is the kind of row, `action` is `KIND.VERB`.
    pub(crate) fn audit(&self, actor: &str, kind: &str, verb: &str, details: impl Into<String>) -> Audit {
        Audit {
            actor: safe(actor, 320),
            action: format!("{kind}.{verb}"),
            category: kind.split('.').next().unwrap_or(kind).to_owned(),
            resource_type: kind.to_owned(),
            details: safe(&details.into(), 500),
            ip_address: self.client_text(),
            user_agent: self.user_agent.clone(),
            request_id: self.request_id.clone(),
            ..Audit::default()
        }
    }
}

/// One line of at most `most` characters: line breaks and other control characters become spaces, so that no
/// text from outside can forge a line of a log.
pub(crate) fn safe(text: &str, most: usize) -> String {
    text.chars().take(most).map(|char| if char.is_control() { ' ' } else { char }).collect()
}

impl<S: Send + Sync> FromRequestParts<S> for Meta {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        // The outermost layer has put it there.
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Error::Internal("no request facts".to_owned()))
    }
}

/// The address of the TCP peer, when the server was started with connection information.
pub(crate) fn peer(extensions: &axum::http::Extensions) -> Option<SocketAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_make_lines() {
        assert_eq!(safe("a\r\nb\u{1b}[0m\0", 100), "a  b [0m ");
        assert_eq!(safe("abcdef", 3), "abc");
    }

    #[test]
    fn a_forwarded_address_is_not_believed_and_tls_only_from_this_machine() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
        headers.insert("x-forwarded-proto", "https".parse().unwrap());
        let read = |peer: &str| Meta::read(&headers, &Uri::from_static("/"), Some(peer.parse().unwrap()));
        let far = read("192.0.2.1:5");
        assert_eq!((far.client_text().as_str(), far.tls), ("192.0.2.1", false));
        let near = read("[::ffff:127.0.0.1]:5");
        assert_eq!((near.client_text().as_str(), near.tls), ("127.0.0.1", true));
    }
}
