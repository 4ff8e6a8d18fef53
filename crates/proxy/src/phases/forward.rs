//! Sends a request to its origin and the answer back. Builds the head that the origin gets.

use crate::config::{Edits, Extra, Target, Traffic};
use crate::downstream::Downstream;
use crate::field::{self, Kind};
use crate::h1::body::Framing;
use crate::log::Fault;
use crate::phases::rewrite;
use crate::pipeline::{Call, Flow, Stop};
use crate::respond::OwnPages;
use crate::shape::Shaped;
use crate::upstream::exchange::{self, Failure};
use std::io::Write;

const PHASE: &str = "forward";

pub(crate) async fn run<D: Downstream>(call: &mut Call<'_>, down: &mut D) -> Flow {
    let snapshot = call.snapshot.clone();
    let Some(host) = call.host.map(|host| &snapshot.config.hosts.all()[host]) else {
        return Flow::Break(Stop::new(PHASE, 500, Fault::Charon, "The request has no host."));
    };
    let place = host.place(call.location);
    let Some(target) = &place.target else {
        return Flow::Break(Stop::new(PHASE, 500, Fault::Charon, "The host has no upstream."));
    };
    let traffic = &place.traffic;
    let extra = traffic.extra.as_deref();
    let rewritten = match extra.map(|extra| rewrite::apply(call, &extra.rewrite)).transpose() {
        Ok(path) => path.flatten(),
        Err(stop) => return Flow::Break(stop),
    };
    if let Some(limit) = extra.and_then(|extra| extra.max_body) {
        down.limit_body(limit);
    }
    let mut head = call.worker.buffers.take_vector();
    build_head(call, target, traffic, rewritten.as_deref(), &mut head);
    let result = match extra.filter(|extra| extra.shapes()) {
        None => exchange::run(call, down, target, traffic, &head).await,
        // Boxed, since most requests need none of it, and every open connection would hold its room.
        Some(extra) => Box::pin(run_shaped(call, down, target, traffic, extra, &head)).await,
    };
    call.worker.buffers.give_vector(head);
    match result {
        Ok(()) => Flow::Continue(()),
        Err(failure) => Flow::Break(explain(failure)),
    }
}

/// The same through what looks at bodies.
async fn run_shaped<D: Downstream>(
    call: &mut Call<'_>,
    down: &mut D,
    target: &Target,
    traffic: &Traffic,
    extra: &Extra,
    head: &[u8],
) -> Result<(), Failure> {
    let mut shaped = Shaped::new(call, down, extra.compression.as_ref(), OwnPages::of(call, &extra.pages));
    // A client that waits for our word before it sends the body would wait for the origin's.
    if extra.buffer_body > 0 && !call.request.expects_continue {
        let gathered = shaped.gather(call, extra.buffer_body).await;
        gathered.map_err(|fault| fault.map_or(Failure::ClientSlow, Failure::from))?;
    }
    exchange::run(call, &mut shaped, target, traffic, head).await
}

/// Whose fault a failure is, and what the client is told. Once an answer has begun, nothing more can be told,
/// and the answer is broken off instead.
pub(super) fn explain(failure: Failure) -> Stop {
    let (status, fault, reason) = match failure {
        Failure::ClientGone => (0, Fault::Client, "The client left before the answer was complete.".into()),
        Failure::ClientSlow => (408, Fault::Client, "The rest of the request did not come in time.".into()),
        Failure::ClientStalled => (0, Fault::Client, "The client took nothing more of the answer.".into()),
        Failure::ClientTooLarge => {
            (413, Fault::Client, "The body of the request is larger than is taken here.".into())
        }
        Failure::ClientBroken => (400, Fault::Client, "The body of the request is malformed.".into()),
        Failure::Unreachable(error) => {
            let status = if error.kind() == std::io::ErrorKind::TimedOut { 504 } else { 502 };
            (status, Fault::Upstream, format!("The origin cannot be reached: {error}.").into())
        }
        Failure::AllDown => (503, Fault::Upstream, "No server behind this site is known to be well.".into()),
        Failure::QueueFull => {
            let reason =
                "The servers behind this site are at their limit, and so are those who wait for them.";
            (503, Fault::Upstream, reason.into())
        }
        Failure::QueueTimeout => {
            let reason = "The servers behind this site stayed at their limit for too long.";
            (503, Fault::Upstream, reason.into())
        }
        Failure::Silent => (504, Fault::Upstream, "The origin did not answer in time.".into()),
        Failure::Closed => {
            (502, Fault::Upstream, "The origin closed the connection without an answer.".into())
        }
        Failure::BadAnswer(what) => (502, Fault::Upstream, format!("The origin's answer {what}.").into()),
        Failure::Truncated => {
            (502, Fault::Upstream, "The origin's answer ended before it was complete.".into())
        }
    };
    Stop { reason, ..Stop::new(PHASE, status, fault, "") }
}

/// The head for the origin. What we say about the client comes last and from us alone: whatever the client
/// said about itself is dropped unless the peer is trusted.
fn build_head(call: &Call<'_>, target: &Target, traffic: &Traffic, path: Option<&[u8]>, out: &mut Vec<u8>) {
    let request = call.request;
    let edits = &traffic.request_edits;

    out.extend_from_slice(request.method());
    out.push(b' ');
    out.extend_from_slice(path.unwrap_or_else(|| request.path()));
    if let Some(query) = request.query() {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    match (&edits.host, request.authority()) {
        (Some(host), _) => field::put(out, b"Host", host),
        // An HTTP/1.0 client that names no host.
        (None, b"") => field::put(out, b"Host", target.default_host.as_bytes()),
        (None, authority) => field::put(out, b"Host", authority),
    }
    let mut trailers = false;
    for line in &request.fields {
        let passes = match line.kind {
            Kind::Other => !line.nominated,
            Kind::Kept => true,
            // Sent on, so that the origin decides; its 100 comes back by the same way.
            Kind::Expect => request.expects_continue,
            Kind::Te => {
                trailers |= field::list(request.text(line.value))
                    .any(|coding| coding.eq_ignore_ascii_case(b"trailers"));
                false
            }
            Kind::XForwardedHost | Kind::XForwardedPort | Kind::Claim => call.trusted,
            Kind::ClientCert => call.trusted && call.asked_for_certificates().is_none(),
            _ => false,
        };
        if passes {
            let name = request.text(line.name);
            if !edits.drops(name) {
                match &target.sticky {
                    Some(sticky) if name.eq_ignore_ascii_case(b"cookie") => {
                        sticky.put_others(out, name, request.text(line.value));
                    }
                    _ => field::put(out, name, request.text(line.value)),
                }
            }
        }
    }
    match request.framing {
        Framing::Length(length) => put_number_line(out, b"Content-Length: ", length),
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        // Origins may refuse such methods without a length (RFC 9110, section 8.6).
        _ if matches!(request.method(), b"POST" | b"PUT" | b"PATCH") => {
            out.extend_from_slice(b"Content-Length: 0\r\n");
        }
        _ => {}
    }
    if request.websocket {
        out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: websocket\r\n");
    } else if trailers {
        // We pass trailers on, so the origin may send some (RFC 9110, section 10.1.4).
        out.extend_from_slice(b"TE: trailers\r\nConnection: TE\r\n");
    }
    about_client(call, edits, out);
    out.extend_from_slice(&edits.lines);
    for (name, template) in &edits.dynamic {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        template.render(call, None, out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

fn about_client(call: &Call<'_>, edits: &Edits, out: &mut Vec<u8>) {
    let request = call.request;
    let has = |kind| call.trusted && request.values(kind).next().is_some();
    if !edits.replaces(Kind::XForwardedFor) {
        out.extend_from_slice(b"X-Forwarded-For: ");
        if call.trusted {
            for value in request.values(Kind::XForwardedFor) {
                out.extend_from_slice(value);
                out.extend_from_slice(b", ");
            }
        }
        out.extend_from_slice(call.peer.ip_text.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    if !edits.replaces(Kind::XForwardedProto) {
        let proto: &[u8] = if call.https { b"https" } else { b"http" };
        field::put(out, b"X-Forwarded-Proto", proto);
    }
    if !edits.replaces(Kind::XForwardedHost) && !has(Kind::XForwardedHost) {
        field::put(out, b"X-Forwarded-Host", request.authority());
    }
    if !edits.replaces(Kind::XForwardedPort) && !has(Kind::XForwardedPort) {
        put_number_line(out, b"X-Forwarded-Port: ", call.peer.local.port().into());
    }
    if !edits.replaces(Kind::XRealIp) {
        out.extend_from_slice(b"X-Real-IP: ");
        if call.client_ip == call.peer.ip {
            out.extend_from_slice(call.peer.ip_text.as_bytes());
        } else {
            put_display(out, call.client_ip);
        }
        out.extend_from_slice(b"\r\n");
    }
    if !edits.replaces(Kind::XRequestId) {
        field::put(out, b"X-Request-Id", &call.id.text());
    }
    if let Some(shown) = &call.peer.client_certificate
        && call.asked_for_certificates().is_some()
    {
        out.extend_from_slice(&shown.lines);
    }
}

fn put_number_line(out: &mut Vec<u8>, name: &[u8], number: u64) {
    out.extend_from_slice(name);
    field::put_number(out, number);
    out.extend_from_slice(b"\r\n");
}

fn put_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    // A vector takes everything that is written to it.
    let _ = write!(out, "{value}");
}
