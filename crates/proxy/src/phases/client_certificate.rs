//! Client certificates: hosts that are reached only by clients who have shown one of the right authorities.

use crate::log::Fault;
use crate::pipeline::{Call, Flow, Stop};

const PHASE: &str = "client_certificate";

pub(crate) fn run(call: &mut Call<'_>) -> Flow {
    let Some(auth) = call.asked_for_certificates() else { return Flow::Continue(()) };
    let stop = if !call.peer.tls {
        let reason = "This host is reached by HTTPS only, with a client certificate.";
        auth.required.then(|| Stop::new(PHASE, 403, Fault::Client, reason))
    } else if call.peer.asked_by != Some(auth.authorities) {
        // Made before the host wanted certificates, or those of other authorities, or without its name.
        let reason = "This connection was made without the client certificate that this host wants to see.";
        Some(Stop::new(PHASE, 421, Fault::Client, reason))
    } else if call.peer.client_certificate.is_none() && auth.required {
        let reason = "This host wants to see a client certificate, and none was shown.";
        Some(Stop::new(PHASE, 403, Fault::Client, reason))
    } else {
        None
    };
    // The next connection may come with one.
    stop.map_or(Flow::Continue(()), |stop| Flow::Break(Stop { ends_connection: true, ..stop }))
}
