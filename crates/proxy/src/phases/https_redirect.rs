//! Sends clients that came by plain HTTP to HTTPS, where the host wants it.

use crate::pipeline::{Call, Flow, Stop};

pub(crate) fn run(call: &mut Call<'_>) -> Flow {
    let config = &call.snapshot.config;
    if call.https || !call.host.is_some_and(|host| config.hosts.all()[host].force_https) {
        return Flow::Continue(());
    }
    let name = call.request.name();
    let mut location = b"https://".to_vec();
    if memchr::memchr(b':', name).is_some() {
        location.extend_from_slice(&[b"[", name, b"]"].concat());
    } else {
        location.extend_from_slice(name);
    }
    location.extend_from_slice(config.https_port.as_bytes());
    location.extend_from_slice(call.request.path());
    if let Some(query) = call.request.query() {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    // 301 lets clients change POST to GET; 308 does not, but some old clients do not know it.
    let status = if matches!(call.request.method(), b"GET" | b"HEAD") { 301 } else { 308 };
    Flow::Break(Stop::redirect("https_redirect", status, "This host is served by HTTPS only.", location))
}
