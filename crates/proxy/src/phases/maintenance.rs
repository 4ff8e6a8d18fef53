//! Maintenance: 503 with a page for everybody but the networks that work on it.

use crate::log::Fault;
use crate::networks::Networks;
use crate::pages::Page;
use crate::pipeline::{Call, Flow, Stop};
use crate::spec;
use base::FieldError;
use http::HeaderValue;
use http::header::RETRY_AFTER;

/// Maintenance that is on.
#[derive(Debug)]
pub(crate) struct Maintenance {
    message: String,
    retry_after: Option<HeaderValue>,
    pub(crate) page: Option<Page>,
    bypass: Networks,
}

/// Compiles the settings; `None` when it is off.
///
/// # Errors
/// The first fault, below `maintenance`.
pub(crate) fn build(spec: &spec::Maintenance) -> Result<Option<Maintenance>, FieldError> {
    if !spec.enabled {
        return Ok(None);
    }
    let page = spec.html.as_deref().map(Page::parse).transpose();
    let message = match spec.message.trim() {
        "" => "This site is being worked on and will be back soon.",
        message => message,
    };
    Ok(Some(Maintenance {
        message: message.to_owned(),
        retry_after: (spec.retry_after > 0).then(|| spec.retry_after.into()),
        page: page.map_err(|message| FieldError::new("maintenance.html", message))?,
        bypass: Networks::new(&spec.bypass),
    }))
}

pub(crate) fn run(call: &mut Call<'_>) -> Flow {
    let Some(maintenance) = call.extra().and_then(|extra| extra.maintenance.as_ref()) else {
        return Flow::Continue(());
    };
    if maintenance.bypass.contain(call.client_ip) {
        return Flow::Continue(());
    }
    let headers = maintenance.retry_after.iter().map(|value| (RETRY_AFTER, value.clone())).collect();
    let stop = Stop::new("maintenance", 503, Fault::None, maintenance.message.clone());
    Flow::Break(Stop { headers, ..stop })
}
