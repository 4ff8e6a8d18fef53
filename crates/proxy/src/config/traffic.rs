//! The traffic features of one host or location, compiled once. A host without any costs a request one look at
//! an empty pointer.

use super::{Edits, security_headers};
use crate::compress::Compression;
use crate::pages::{Page, Pages};
use crate::phases::cors::{self, Cors};
use crate::phases::maintenance::{self, Maintenance};
use crate::phases::redirects::{self, Redirect};
use crate::phases::request_id::{self, RequestIds};
use crate::phases::rewrite;
use crate::pipeline::Call;
use crate::spec::{self, Hsts, MAX_BUFFERED_BODY};
use base::{FieldError, Port};
use http::HeaderValue;
use http::header::{ALT_SVC, STRICT_TRANSPORT_SECURITY};
use std::borrow::Cow;

/// What is done to the requests and answers of a host or location.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) request_edits: Edits,
    /// Edits of the origin's answers, by [`way`]: those that go by `https` have Strict-Transport-Security, those that go
    /// by TLS of ours tell of HTTP/3.
    response_edits: [Edits; 3],
    /// The same for answers of our own.
    own_edits: [Edits; 3],
    /// Everything beyond constant headers.
    pub(crate) extra: Option<Box<Extra>>,
}

/// Features that look at each request. What a host has not is `None` or empty.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    pub(crate) maintenance: Option<Maintenance>,
    pub(crate) redirects: Vec<Redirect>,
    pub(crate) rewrite: Vec<rewrite::Step>,
    pub(crate) cors: Option<Cors>,
    /// In bytes.
    pub(crate) max_body: Option<u64>,
    /// In bytes; 0 for none.
    pub(crate) buffer_body: usize,
    pub(crate) compression: Option<Compression>,
    pub(crate) pages: Pages,
    pub(crate) request_id: Option<RequestIds>,
}

impl Traffic {
    /// Compiles what a place of a host was given, inheritance done.
    ///
    /// # Errors
    /// The first fault, with the path of its field within [`spec::Traffic`].
    pub(crate) fn build(
        spec: &spec::Traffic,
        hsts: Option<Hsts>,
        http3_port: Option<Port>,
    ) -> Result<Self, FieldError> {
        let edits = |field: &str, edits: &Option<Vec<_>>, of_request| {
            Edits::build(edits.as_deref().unwrap_or_default(), of_request)
                .map_err(|(at, message)| FieldError::new(format!("{field}.{at}"), message))
        };
        let extra = Extra::build(spec)?;
        let mut request = edits("request_headers", &spec.request_headers, true)?;
        if let Some(ids) = &extra.request_id {
            ids.prepare_request(&mut request);
        }
        let mut response = edits("response_headers", &spec.response_headers, false)?;
        if extra.cors.is_some() {
            Cors::silence(&mut response);
        }
        let mut own = Edits::default();
        for edits in [&mut response, &mut own] {
            if let Some(cors) = &extra.cors {
                cors.prepare(edits);
            }
            if let Some(ids) = &extra.request_id {
                ids.prepare_answer(edits);
            }
            if let Some(security) = spec.security_headers {
                security_headers::apply(security, edits);
            }
        }
        let secure = |edits: &Edits| {
            let mut secure = edits.clone();
            if let Some(hsts) = hsts {
                let scope = if hsts.include_subdomains { "; includeSubDomains" } else { "" };
                let preload = if hsts.preload { "; preload" } else { "" };
                let value = format!("max-age={}{scope}{preload}", hsts.max_age);
                if let Ok(value) = HeaderValue::from_str(&value) {
                    secure.set(STRICT_TRANSPORT_SECURITY, value);
                }
            }
            secure
        };
        let telling = |edits: &Edits| {
            let mut telling = secure(edits);
            let value = http3_port.map(|port| HeaderValue::from_str(&format!("h3=\":{port}\"; ma=86400")));
            if let Some(Ok(value)) = value {
                telling.set(ALT_SVC, value);
            }
            telling
        };
        Ok(Self {
            request_edits: request,
            response_edits: [response.clone(), secure(&response), telling(&response)],
            own_edits: [own.clone(), secure(&own), telling(&own)],
            extra: (!extra.is_empty()).then(|| Box::new(extra)),
        })
    }

    /// Edits of the origin's answer to this call.
    pub(crate) fn answer_edits(&self, call: &Call<'_>) -> Cow<'_, Edits> {
        self.edits(&self.response_edits[way(call)], call)
    }

    /// Edits of an answer of our own.
    pub(crate) fn own_edits(&self, call: &Call<'_>) -> Cow<'_, Edits> {
        self.edits(&self.own_edits[way(call)], call)
    }

    fn edits<'a>(&'a self, edits: &'a Edits, call: &Call<'_>) -> Cow<'a, Edits> {
        let extra = self.extra.as_deref();
        let cors = extra.and_then(|extra| extra.cors.as_ref()).filter(|cors| cors.by_origin());
        if edits.dynamic.is_empty() && cors.is_none() {
            return Cow::Borrowed(edits);
        }
        let mut filled = edits.filled(call);
        if let Some(cors) = cors {
            cors.answer(call, &mut filled);
        }
        Cow::Owned(filled)
    }
}

/// By which way an answer goes: by `http`, by `https` of a trusted proxy's, or by TLS of ours.
fn way(call: &Call<'_>) -> usize {
    usize::from(call.https) + usize::from(call.https && call.peer.tls)
}

impl Extra {
    fn build(spec: &spec::Traffic) -> Result<Self, FieldError> {
        let buffer_body = spec.buffer_body.unwrap_or(0);
        if buffer_body > MAX_BUFFERED_BODY {
            let message = format!("at most {MAX_BUFFERED_BODY} bytes can be held back");
            return Err(FieldError::new("buffer_body", message));
        }
        let mut pages = Pages::default();
        if let Some(spec) = &spec.error_pages {
            super::rules::count("error_pages.pages", spec.pages.len())?;
            pages.replace_origin = spec.replace_origin;
            for (at, page) in spec.pages.iter().enumerate() {
                let wrong = |field: &str, message| {
                    FieldError::new(format!("error_pages.pages.{at}.{field}"), message)
                };
                if page.statuses.is_empty() || (100..400).any(|status| page.statuses.contains(status)) {
                    let message = "write statuses from 400 to 599, like 404 or 500-599".to_owned();
                    return Err(wrong("statuses", message));
                }
                let html = Page::parse(&page.html).map_err(|message| wrong("html", message))?;
                pages.all.push((page.statuses.clone(), html));
            }
        }
        Ok(Self {
            maintenance: spec.maintenance.as_ref().map(maintenance::build).transpose()?.flatten(),
            redirects: redirects::build(spec.redirects.as_deref().unwrap_or_default())?,
            rewrite: rewrite::build(spec.rewrite.as_deref().unwrap_or_default())?,
            cors: spec.cors.as_ref().map(cors::build).transpose()?.flatten(),
            max_body: spec.max_body.filter(|limit| *limit > 0),
            buffer_body: usize::try_from(buffer_body).unwrap_or(usize::MAX),
            compression: spec.compression.as_ref().map(Compression::build).transpose()?.flatten(),
            pages,
            request_id: spec.request_id.as_ref().map(request_id::build).transpose()?,
        })
    }

    /// Whether bodies of this exchange are looked at.
    pub(crate) fn shapes(&self) -> bool {
        self.compression.is_some() || self.pages.replace_origin || self.buffer_body > 0
    }

    /// Whether there is nothing that looks at requests.
    fn is_empty(&self) -> bool {
        let Self {
            maintenance,
            redirects,
            rewrite,
            cors,
            max_body,
            buffer_body,
            compression,
            pages,
            request_id,
        } = self;
        maintenance.is_none()
            && redirects.is_empty()
            && rewrite.is_empty()
            && cors.is_none()
            && max_body.is_none()
            && *buffer_body == 0
            && compression.is_none()
            && pages.all.is_empty()
            && request_id.is_none()
    }
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
        Traffic::build(self, None, None).map(drop)
    }
}
