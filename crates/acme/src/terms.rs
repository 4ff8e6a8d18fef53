//! What an authority's directory says before anything is asked of it (RFC 8555, section 7.1.1).

use crate::account::{Directory, client};
use crate::error::http_date;
use base::{Secret, Timestamp};
use bytes::Bytes;
use http::Request;
use http::header::DATE;
use outbound::OutboundError;
use serde::Deserialize;

/// What the directory says besides addresses.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// The authority's names in CAA records.
    pub caa_identities: Vec<String>,
    /// It takes only accounts that are bound to one it knows already.
    pub external_account_required: bool,
    /// Its clock.
    pub time: Option<Timestamp>,
}

/// Why a directory says nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoTerms {
    /// Its address is not trusted.
    #[error("{0}")]
    NotTrusted(String),
    /// Its certificate has ended or not begun, by the clock of this machine.
    #[error("{0}")]
    NotNow(String),
    /// It cannot be asked, or is no directory.
    #[error("{0}")]
    Unreachable(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    /// No directory is without it.
    #[serde(rename = "newOrder")]
    _new_order: String,
    #[serde(default)]
    meta: Meta,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Meta {
    caa_identities: Vec<String>,
    external_account_required: bool,
}

impl Directory {
    /// Asks for the directory.
    ///
    /// # Errors
    /// When it cannot be asked, is not trusted, or is none.
    pub async fn terms(&self) -> Result<Terms, NoTerms> {
        let client = client(self).map_err(|error| NoTerms::NotTrusted(error.message))?;
        let request = Request::get(self.url.as_str()).body(Bytes::new());
        let request = request.map_err(|error| NoTerms::Unreachable(error.to_string()))?;
        let answer = client.send(request).await.map_err(|error| match error {
            OutboundError::Untimely { reason, .. } => NoTerms::NotNow(reason),
            OutboundError::Tls { .. } => NoTerms::NotTrusted(error.to_string()),
            _ => NoTerms::Unreachable(error.to_string()),
        })?;
        let time = answer.headers().get(DATE).and_then(|value| value.to_str().ok()).and_then(http_date);
        let status = answer.status();
        let Ok(Document { meta, .. }) = serde_json::from_slice(answer.body()) else {
            let message = format!("it answered with status {} and no ACME directory", status.as_u16());
            return Err(NoTerms::Unreachable(message));
        };
        Ok(Terms {
            caa_identities: meta.caa_identities,
            external_account_required: meta.external_account_required,
            time,
        })
    }
}

/// The address of the account that is opened with these credentials, as CAA records may name it (RFC 8657).
pub fn account_of(credentials: &Secret<String>) -> Option<String> {
    let read: serde_json::Value = serde_json::from_str(credentials.expose()).ok()?;
    read["id"].as_str().map(str::to_owned)
}
