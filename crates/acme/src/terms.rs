//! What an authority's directory says before anything is asked of it (RFC 8555, section 7.1.1).

use crate::account::{Directory, http};
use crate::error::{Error, http_date};
use base::{Clock, Timestamp};
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
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
    /// When it cannot be asked, or is none.
    pub async fn terms(&self, clock: &dyn Clock) -> Result<Terms, Error> {
        let http = http(self)?;
        let body = http.get(&self.url).await;
        let body = body.map_err(|error| Error::of(error, &http.said(), clock.now()))?;
        let read: Result<Document, _> = serde_json::from_slice(&body);
        let Document { meta } =
            read.map_err(|error| Error::of(instant_acme::Error::Json(error), &http.said(), clock.now()))?;
        Ok(Terms {
            caa_identities: meta.caa_identities,
            external_account_required: meta.external_account_required,
            time: http.said().date.as_deref().and_then(http_date),
        })
    }
}
