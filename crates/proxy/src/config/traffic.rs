//! The traffic features of one host or location, compiled once. A host without any costs a request one look at
//! an empty pointer.

use super::Edits;
use crate::spec::{self, Hsts};
use base::FieldError;
use http::HeaderValue;
use http::header::STRICT_TRANSPORT_SECURITY;

/// What is done to the requests and answers of a host or location.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) request_edits: Edits,
    /// Edits of answers that came by `http`, and by `https`; the latter with Strict-Transport-Security.
    pub(crate) response_edits: [Edits; 2],
}

impl Traffic {
    /// Compiles what a place of a host was given, inheritance done.
    ///
    /// # Errors
    /// The first fault, with the path of its field within [`spec::Traffic`].
    pub(crate) fn build(spec: &spec::Traffic, hsts: Option<Hsts>) -> Result<Self, FieldError> {
        let edits = |field: &str, edits: &Option<Vec<_>>, of_request| {
            Edits::build(edits.as_deref().unwrap_or_default(), of_request)
                .map_err(|(at, message)| FieldError::new(format!("{field}.{at}"), message))
        };
        not_yet(spec)?;
        let plain = edits("response_headers", &spec.response_headers, false)?;
        let mut secure = plain.clone();
        if let Some(hsts) = hsts {
            let scope = if hsts.include_subdomains { "; includeSubDomains" } else { "" };
            let value = format!("max-age={}{scope}", hsts.max_age);
            if let Ok(value) = HeaderValue::from_str(&value) {
                secure.set(STRICT_TRANSPORT_SECURITY, value);
            }
        }
        Ok(Self {
            request_edits: edits("request_headers", &spec.request_headers, true)?,
            response_edits: [plain, secure],
        })
    }
}

/// What is specified but not served yet is refused, not passed over.
fn not_yet(spec: &spec::Traffic) -> Result<(), FieldError> {
    for (field, given) in [
        ("rewrite", spec.rewrite.is_some()),
        ("redirects", spec.redirects.is_some()),
        ("cors", spec.cors.is_some()),
        ("security_headers", spec.security_headers.is_some()),
        ("compression", spec.compression.is_some()),
        ("maintenance", spec.maintenance.is_some()),
        ("error_pages", spec.error_pages.is_some()),
        ("max_body", spec.max_body.is_some()),
        ("buffer_body", spec.buffer_body.is_some()),
        ("request_id", spec.request_id.is_some()),
    ] {
        if given {
            return Err(FieldError::new(field, "this version does not serve this feature; leave it out"));
        }
    }
    Ok(())
}

impl spec::Traffic {
    /// What a location gets: its own fields, and its host's where it leaves one out.
    pub(crate) fn below(&self, host: &Self) -> Self {
        fn or<T: Clone>(own: &Option<T>, host: &Option<T>) -> Option<T> {
            own.as_ref().or(host.as_ref()).cloned()
        }
        Self {
            rewrite: or(&self.rewrite, &host.rewrite),
            redirects: or(&self.redirects, &host.redirects),
            request_headers: or(&self.request_headers, &host.request_headers),
            response_headers: or(&self.response_headers, &host.response_headers),
            cors: or(&self.cors, &host.cors),
            security_headers: or(&self.security_headers, &host.security_headers),
            compression: or(&self.compression, &host.compression),
            maintenance: or(&self.maintenance, &host.maintenance),
            error_pages: or(&self.error_pages, &host.error_pages),
            max_body: or(&self.max_body, &host.max_body),
            buffer_body: or(&self.buffer_body, &host.buffer_body),
            request_id: or(&self.request_id, &host.request_id),
        }
    }

    /// What is wrong with these settings, by field: the same that [`crate::Config::build`] would find.
    ///
    /// # Errors
    /// The first fault; its field is a path within the settings, like `redirects.2.to`.
    pub fn check(&self) -> Result<(), FieldError> {
        Traffic::build(self, None).map(drop)
    }
}
