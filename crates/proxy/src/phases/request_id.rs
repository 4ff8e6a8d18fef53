//! How a request is named: by us, or by the trusted proxy in front of us.

use crate::config::{Edits, Template};
use crate::field::Kind;
use crate::pipeline::Call;
use crate::spec;
use base::FieldError;
use http::HeaderName;

/// Longest id that is taken over.
const MAX_ID: usize = 128;

/// How requests are named.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// Carries the id to the origin, and to the client.
    header: Option<HeaderName>,
    take_over: bool,
    answer: bool,
}

/// Compiles the settings.
///
/// # Errors
/// The first fault, below `request_id`.
pub(crate) fn build(spec: &spec::RequestIds) -> Result<RequestIds, FieldError> {
    let header = match spec.header.as_str() {
        "" => None,
        name => Some(
            crate::config::editable(name).map_err(|message| FieldError::new("request_id.header", message))?,
        ),
    };
    if header.is_none() && (spec.take_over || spec.answer) {
        let message = "a header is needed to take an id over or to send it to clients; write X-Request-Id";
        return Err(FieldError::new("request_id.header", message));
    }
    Ok(RequestIds { header, take_over: spec.take_over, answer: spec.answer })
}

impl RequestIds {
    /// Puts the id into the heads for the origin, in the place of the usual header and of what the client sent
    /// under that name.
    pub(crate) fn prepare_request(&self, edits: &mut Edits) {
        edits.replace(Kind::XRequestId);
        if let Some(header) = &self.header {
            edits.set_template(header.clone(), Template::request_id());
        }
    }

    /// Puts the id into answers, where clients are to see it.
    pub(crate) fn prepare_answer(&self, edits: &mut Edits) {
        if let Some(header) = self.header.as_ref().filter(|_| self.answer) {
            edits.set_template(header.clone(), Template::request_id());
        }
    }
}

/// Takes an id over. Never stops a request: what is no id is not taken.
pub(crate) fn run(call: &mut Call<'_>) {
    if call.trusted {
        call.taken_id = taken(call);
    }
}

fn taken(call: &Call<'_>) -> Option<Box<[u8]>> {
    let ids = call.extra()?.request_id.as_ref().filter(|ids| ids.take_over)?;
    let mut values = call.request.headers(ids.header.as_ref()?.as_str());
    values.next().filter(|id| values.next().is_none() && is_id(id)).map(Into::into)
}

fn is_id(text: &[u8]) -> bool {
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte);
    (1..=MAX_ID).contains(&text.len()) && text.iter().all(legal)
}
