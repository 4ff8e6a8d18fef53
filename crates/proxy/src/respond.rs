//! Answers of our own: what happened, whose fault it was, and the request's id, as HTML, JSON or plain text by
//! what the client accepts.

use crate::config::Edits;
use crate::downstream::Downstream;
use crate::field;
use crate::h1::body::Framing;
use crate::h1::response::Head;
use crate::log::Fault;
use crate::pages::{self, Page, Pages};
use crate::pipeline::{Body, Call, Stop};
use httparse::Header;
use std::borrow::Cow;
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
    let bare = stop.location.is_some() || stop.status == 204;
    let (media, body) = match stop.body.as_deref() {
        Some(Body::Text(text)) => (Media::Plain, text.clone()),
        _ if bare => (Media::Html, String::new()),
        _ => body(call, stop),
    };
    let mut id = Vec::with_capacity(20);
    call.put_id(&mut id);
    let policy = match stop.body.as_deref() {
        Some(Body::Challenge(challenge)) => challenge.policy.as_bytes(),
        _ => b"",
    };
    let mut headers = Vec::with_capacity(8);
    let mut add = |name, value| headers.push(Header { name, value });
    if let Some(location) = &stop.location {
        add("Location", location);
    } else if !bare {
        add("Content-Type", media.content_type());
        if media == Media::Html {
            add("Content-Security-Policy", b"default-src 'none'; style-src 'unsafe-inline'");
        }
        if media == Media::Challenge {
            add("Content-Security-Policy", policy);
        }
    }
    // A permanent redirect may be kept.
    if !matches!(stop.status, 301 | 308 | 204) {
        add("Cache-Control", b"no-store");
    }
    if stop.status == 405 {
        add("Allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    for (name, value) in &stop.headers {
        add(name.as_str(), value.as_bytes());
    }
    add("X-Request-Id", &id);
    let length = body.len() as u64;
    let framing = if call.request.is_head() { Framing::None } else { Framing::Length(length) };
    let head = Head {
        status: stop.status,
        reason: reason(stop.status),
        headers: &headers,
        framing: if length == 0 { Framing::None } else { framing },
        length: (stop.status != 204).then_some(length),
        nominates: false,
    };
    let snapshot = call.snapshot.clone();
    let edits = match call.host {
        Some(host) => snapshot.config.hosts.all()[host].place(call.location).traffic.own_edits(call),
        None => Cow::Owned(Edits::default()),
    };
    down.refuse_body();
    down.begin(&head, &edits);
    call.worker.sweep.arm(call.deadline, call.worker.limits.stall);
    let mut rest = if call.request.is_head() { &[] } else { body.as_bytes() };
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

/// What an answer of ours is written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Media {
    /// A page of a person's own, with whatever it needs.
    OwnHtml,
    /// A page with something to solve.
    Challenge,
    Html,
    Json,
    Plain,
}

impl Media {
    fn content_type(self) -> &'static [u8] {
        match self {
            Self::OwnHtml | Self::Challenge | Self::Html => b"text/html; charset=utf-8",
            Self::Json => b"application/problem+json",
            Self::Plain => b"text/plain; charset=utf-8",
        }
    }

    /// What the client names first. Browsers name HTML; who names nothing gets it too.
    fn wanted(call: &Call<'_>) -> Self {
        for member in call.request.headers("accept").flat_map(field::list) {
            let mut parts = member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let refused = parts.any(|part| matches!(part, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"));
            match name.as_slice() {
                _ if refused => {}
                b"text/html" | b"application/xhtml+xml" => return Self::Html,
                b"application/json" => return Self::Json,
                name if name.ends_with(b"+json") => return Self::Json,
                b"text/plain" => return Self::Plain,
                _ => {}
            }
        }
        Self::Html
    }
}

fn body(call: &Call<'_>, stop: &Stop) -> (Media, String) {
    match Media::wanted(call) {
        Media::Json => (Media::Json, json(call, stop)),
        Media::Plain => (
            Media::Plain,
            format!("{} {}\n{}\nRequest {}\n", stop.status, reason(stop.status), stop.reason, id_text(call)),
        ),
        Media::Html | Media::Challenge | Media::OwnHtml => {
            if let Some(Body::Challenge(challenge)) = stop.body.as_deref() {
                return (Media::Challenge, challenge.page.clone());
            }
            let extra = call.extra();
            let maintenance = extra.and_then(|extra| extra.maintenance.as_ref());
            let page = maintenance
                .and_then(|maintenance| maintenance.page.as_ref())
                .filter(|_| stop.phase == "maintenance")
                .or_else(|| extra.and_then(|extra| extra.pages.find(stop.status)));
            match page {
                Some(page) => (Media::OwnHtml, own_page(call, page, stop.status, &stop.reason)),
                None => (Media::Html, html(call, stop)),
            }
        }
    }
}

/// The pages of a host that stand in for its origin's, for a client that reads HTML.
pub(crate) struct OwnPages<'a> {
    pages: &'a Pages,
    host: String,
    id: String,
}

impl<'a> OwnPages<'a> {
    pub(crate) fn of(call: &Call<'_>, pages: &'a Pages) -> Option<Self> {
        let wanted = pages.replace_origin && Media::wanted(call) == Media::Html;
        let host = || String::from_utf8_lossy(call.request.name()).into_owned();
        wanted.then(|| Self { pages, host: host(), id: id_text(call) })
    }

    /// What the client gets in the place of an answer of this status, and the request's id.
    pub(crate) fn instead(&self, status: u16) -> Option<(String, &str)> {
        let page = self.pages.find(status).filter(|_| status >= 500)?;
        let why = "The server behind this site answered with an error.";
        Some((page.render([&status.to_string(), reason(status), why, &self.id, &self.host]), &self.id))
    }
}

fn own_page(call: &Call<'_>, page: &Page, status: u16, why: &str) -> String {
    let host = String::from_utf8_lossy(call.request.name());
    page.render([&status.to_string(), reason(status), why, &id_text(call), &host])
}

fn id_text(call: &Call<'_>) -> String {
    let mut id = Vec::with_capacity(20);
    call.put_id(&mut id);
    String::from_utf8_lossy(&id).into_owned()
}

/// RFC 9457.
fn json(call: &Call<'_>, stop: &Stop) -> String {
    let problem = serde_json::json!({
        "title": reason(stop.status),
        "status": stop.status,
        "detail": stop.reason,
        "phase": stop.phase,
        "fault": stop.fault,
        "request_id": id_text(call),
    });
    format!("{problem}\n")
}

fn html(call: &Call<'_>, stop: &Stop) -> String {
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
    pages::escape(&stop.reason, &mut page);
    let _ = write!(page, "</p><p>{whose}</p><p><small>Request ");
    pages::escape(&id_text(call), &mut page);
    page.push_str("</small></p></html>\n");
    page
}

/// The reason phrase of a status.
pub(crate) fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Status")
}
