//! Proves to a certificate authority that a name leads here (HTTP-01).

use crate::log::Fault;
use crate::pipeline::{Body, Call, Flow, Stop};

/// Costs a look at one pointer while no order is open. What is none of ours goes on like any other request.
pub(crate) fn run(call: &Call<'_>) -> Flow {
    if !matches!(call.request.method(), b"GET" | b"HEAD") {
        return Flow::Continue(());
    }
    let find = |challenges: &crate::Challenges| challenges.find(call.request.path()).map(str::to_owned);
    match call.worker.with_challenges(find) {
        None => Flow::Continue(()),
        Some(answer) => {
            let stop = Stop::new("acme", 200, Fault::None, "The answer for a certificate authority.");
            Flow::Break(Stop { body: Some(Box::new(Body::Text(answer))), ..stop })
        }
    }
}
