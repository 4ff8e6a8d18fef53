//! Answers of our own: small pages that say what happened, whose fault it was, and the request's id.

use crate::config::Edits;
use crate::downstream::Downstream;
use crate::h1::body::Framing;
use crate::h1::response::Head;
use crate::log::Fault;
use crate::pipeline::{Call, Stop};
use httparse::Header;
use std::fmt::Write;
use std::future::poll_fn;
use std::io;

/// Answers a request that a phase has stopped.
pub(crate) async fn stop<D: Downstream>(call: &mut Call<'_>, down: &mut D, stop: Stop) {
    call.seen.fault = stop.fault;
    if stop.status == 0 || down.begun() {
        down.abort();
    } else {
        call.seen.status = stop.status;
        if send(call, down, &stop).await.is_err() {
            down.abort();
        }
    }
    call.seen.stop = Some(stop);
}

async fn send<D: Downstream>(call: &Call<'_>, down: &mut D, stop: &Stop) -> io::Result<()> {
    let page = if stop.location.is_some() { String::new() } else { page(call, stop) };
    let id = call.id.text();
    let mut headers = [httparse::EMPTY_HEADER; 6];
    let mut used = 0;
    let mut add = |name, value| {
        headers[used] = Header { name, value };
        used += 1;
    };
    if let Some(location) = &stop.location {
        add("Location", location.as_slice());
    } else {
        add("Content-Type", b"text/html; charset=utf-8");
        add("Content-Security-Policy", b"default-src 'none'; style-src 'unsafe-inline'");
    }
    if stop.location.is_none() || stop.status == 302 {
        add("Cache-Control", b"no-store");
    }
    if stop.status == 405 {
        add("Allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    add("X-Request-Id", &id);
    let length = page.len() as u64;
    let framing = if call.request.is_head() { Framing::None } else { Framing::Length(length) };
    let head = Head {
        status: stop.status,
        reason: reason(stop.status),
        headers: &headers[..used],
        framing: if length == 0 { Framing::None } else { framing },
        length: Some(length),
        nominates: false,
    };
    // Strict-Transport-Security belongs on every answer by HTTPS, the host's other edits to its own answers.
    let hsts = hsts(call);
    down.refuse_body();
    down.begin(&head, &hsts);
    call.worker.sweep.arm(call.deadline, call.worker.limits.stall);
    let mut rest = if call.request.is_head() { &[] } else { page.as_bytes() };
    poll_fn(|cx| {
        let sent = loop {
            if rest.is_empty() {
                break down.poll_finish(cx, &mut None);
            }
            match down.poll_write(cx, rest, true) {
                std::task::Poll::Ready(Ok(count)) => rest = &rest[count..],
                std::task::Poll::Ready(Err(error)) => break std::task::Poll::Ready(Err(error)),
                std::task::Poll::Pending => break std::task::Poll::Pending,
            }
        };
        call.deadline.check(sent)
    })
    .await
}

fn hsts(call: &Call<'_>) -> Edits {
    let mut edits = Edits::default();
    if let Some(host) = call.host.filter(|_| call.https) {
        let host = &call.snapshot.config.hosts.all()[host];
        let answer = &host.place(call.location).traffic.response_edits[1];
        let found = answer.fields.iter().find(|(name, _)| *name == http::header::STRICT_TRANSPORT_SECURITY);
        if let Some((name, value)) = found {
            edits.set(name.clone(), value.clone());
        }
    }
    edits
}

fn page(call: &Call<'_>, stop: &Stop) -> String {
    let mut page = String::with_capacity(1024);
    let title = reason(stop.status);
    let whose = match stop.fault {
        Fault::None => "",
        Fault::Client => "The request, not the server, is at fault.",
        Fault::Upstream => "The server behind this site is at fault; please try again later.",
        Fault::Charon => "This proxy is at fault; please tell its administrator.",
    };
    // A String takes everything that is written to it.
    let _ = write!(
        page,
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{status} {title}</title><style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui,\
         sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem}}h1{{font-size:1.4rem}}\
         small{{opacity:.65}}</style><h1>{status} {title}</h1><p>",
        status = stop.status,
    );
    for letter in stop.reason.chars() {
        match letter {
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '&' => page.push_str("&amp;"),
            letter => page.push(letter),
        }
    }
    let _ = writeln!(page, "</p><p>{whose}</p><p><small>Request {}</small></p></html>", call.id);
    page
}

/// The reason phrase of a status.
pub(crate) fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Status")
}
