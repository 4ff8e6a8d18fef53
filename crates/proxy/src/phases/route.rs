//! Which host and which of its locations a request is for. Unknown hosts get the default site.

use crate::log::Fault;
use crate::pipeline::{Call, Flow, Stop};
use crate::spec::DefaultSite;
use std::sync::Arc;

const PHASE: &str = "route";

pub(crate) fn run(call: &mut Call<'_>) -> Flow {
    let snapshot = call.snapshot.clone();
    let config = &snapshot.config;
    let name = call.request.name();
    if is_misdirected(call, name) {
        let reason = "This connection was made for another host; the browser should open a new one.";
        return Flow::Break(Stop::new(PHASE, 421, Fault::Client, reason));
    }
    let Some((index, host)) = config.hosts.find(name) else {
        let reason = "No host of this name is served here.";
        return Flow::Break(match &config.default_site {
            DefaultSite::NotFound => Stop::new(PHASE, 404, Fault::None, reason),
            DefaultSite::Close => Stop::new(PHASE, 0, Fault::None, reason),
            DefaultSite::Redirect { url } => Stop::redirect(PHASE, 302, reason, url.clone().into_bytes()),
        });
    };
    let is_too_weak = call.peer.tls && call.peer.policy < config.tls_policy(host);
    if is_too_weak || host.is_protected && named_another(call, index) {
        let reason = "This connection was made for another host; this one is protected and wants its own.";
        return Flow::Break(Stop::new(PHASE, 421, Fault::Client, reason));
    }
    call.host = Some(index);
    if let Some(reason) = &host.unavailable {
        return Flow::Break(Stop::new(PHASE, 503, Fault::Charon, reason.to_string()));
    }
    call.location = host.location(call.request.path());
    Flow::Continue(())
}

/// A protected host is reached only over connections that were made for it: what was decided when the connection
/// began, and what others see of its name, must be about the host that is asked for.
fn named_another(call: &Call<'_>, host: usize) -> bool {
    let named = call.peer.sni.as_deref().map(|sni| call.snapshot.config.hosts.find(sni.as_bytes()));
    named.is_some_and(|found| found.map(|(index, _)| index) != Some(host))
}

/// Browsers share a connection of HTTP/2 or HTTP/3 among hosts of one certificate. A request for a host with another
/// certificate came by the wrong connection (RFC 9110, section 15.5.20).
fn is_misdirected(call: &Call<'_>, name: &[u8]) -> bool {
    if !call.request.version.has_streams() {
        return false;
    }
    let sni = call.peer.sni.as_deref();
    if sni.map(str::as_bytes) == Some(name) {
        return false;
    }
    let presented = |name| call.snapshot.config.presentation(name).certificate;
    match (presented(sni), presented(std::str::from_utf8(name).ok())) {
        (Some(one), Some(other)) => !Arc::ptr_eq(one, other),
        (one, other) => one.is_some() != other.is_some(),
    }
}
