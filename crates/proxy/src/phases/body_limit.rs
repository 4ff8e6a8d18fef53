//! The largest body of a request. A body that says its length is refused before anything of it is read; one in
//! chunks is cut off when it has become too large, see [`crate::downstream::BodyFault::TooLarge`].

use crate::h1::body::Framing;
use crate::log::Fault;
use crate::pipeline::{Call, Flow, Stop};

pub(crate) fn run(call: &mut Call<'_>) -> Flow {
    let limit = call.extra().and_then(|extra| extra.max_body);
    match (limit, call.request.framing) {
        (Some(limit), Framing::Length(length)) if length > limit => {
            let reason =
                format!("The body of the request is larger than the {limit} bytes that are taken here.");
            Flow::Break(Stop::new("body_limit", 413, Fault::Client, reason))
        }
        _ => Flow::Continue(()),
    }
}
