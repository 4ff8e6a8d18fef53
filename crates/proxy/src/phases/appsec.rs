//! CrowdSec's AppSec judges a request before its origin sees it (<https://docs.crowdsec.net/docs/appsec/protocol/>).
//! A body goes along when its length is known and within what is set; whatever streams is judged by its head alone:
//! bodies of unknown length, gRPC, WebSockets, and clients that wait for `100 Continue`.

use crate::appsec::{AppSec, Outcome};
use crate::captcha::Captcha;
use crate::downstream::Downstream;
use crate::field::{self, Kind};
use crate::h1::body::Framing;
use crate::log::Fault;
use crate::phases::{bans, forward};
use crate::pipeline::{Call, Flow, Stop};
use crate::request::Version;
use crate::shape::Shaped;
use crate::upstream::exchange::Failure;
use crate::upstream::inquiry;
use serde::Deserialize;
use std::io::Write;

const PHASE: &str = "appsec";
const PREFIX: &[u8] = b"x-crowdsec-appsec-";

/// What it says.
#[derive(Deserialize)]
struct Verdict {
    action: String,
    #[serde(default)]
    http_status: u16,
}

/// Judges, and hands what passes to [`forward::run`], since a body that was gathered has to go on from here.
pub(crate) async fn run<D: Downstream>(call: &mut Call<'_>, down: &mut D, appsec: &AppSec) -> Flow {
    let request = call.request;
    // What is handed in for a provider's captcha is for us.
    if request.path() == Captcha::PATH.as_bytes()
        && let Some(stop) = bans::challenge(call, &appsec.captcha)
    {
        return Flow::Break(stop);
    }
    let settings = &appsec.settings;
    let whole = !request.websocket && !request.expects_continue && !request.is_grpc();
    let length = match request.framing {
        Framing::Length(length) if whole => usize::try_from(length).unwrap_or(usize::MAX),
        _ => 0,
    };
    if length > settings.largest_body && settings.refuse_large_bodies {
        appsec.counts.count(Outcome::TooLarge);
        let why = "The body of the request is larger than can be looked at here.";
        return Flow::Break(Stop::new(PHASE, 413, Fault::Client, why));
    }
    if !appsec.may_ask(call.worker.clock.monotonic()) {
        appsec.counts.count(Outcome::Skipped);
        unanswered(appsec)?;
        return forward::run(call, down).await;
    }
    if length == 0 || length > settings.largest_body {
        if request.framing != Framing::None && request.framing != Framing::Length(0) {
            appsec.counts.count(Outcome::WithoutBody);
        }
        judge(call, appsec, &[]).await?;
        return forward::run(call, down).await;
    }
    let mut held = Shaped::new(call, down, None, None);
    let gathered = held.gather(call, length).await;
    if let Err(fault) = gathered {
        return Flow::Break(forward::explain(fault.map_or(Failure::ClientSlow, Failure::from)));
    }
    // When too much is held back by others, it is judged by its head.
    let body = if held.gathered().len() == length { held.gathered() } else { &[] };
    if body.is_empty() {
        appsec.counts.count(Outcome::WithoutBody);
    }
    judge(call, appsec, body).await?;
    forward::run(call, &mut held).await
}

async fn judge(call: &mut Call<'_>, appsec: &AppSec, body: &[u8]) -> Flow {
    let worker = call.worker.clone();
    let began = worker.clock.monotonic();
    // The client is not waited for meanwhile.
    call.deadline.disarm();
    let mut head = worker.buffers.take_vector();
    build(call, appsec, body.len(), &mut head);
    let question = inquiry::ask(&worker, &appsec.server, &appsec.settings.addresses, (&head, body), began);
    let answer = tokio::time::timeout(appsec.settings.limit, question).await;
    worker.buffers.give_vector(head);
    let answer = answer.unwrap_or_else(|_| {
        Err(format!("it did not answer within {} ms", appsec.settings.limit.as_millis()))
    });
    match answer.and_then(|(status, answer)| read(status, &answer)) {
        Ok(verdict) => {
            appsec.answered();
            enforce(call, appsec, &verdict)
        }
        Err(why) => {
            let now = worker.clock.monotonic();
            appsec.failed(now, worker.wall(now), why);
            appsec.counts.count(Outcome::Failed);
            unanswered(appsec)
        }
    }
}

fn read(status: u16, answer: &[u8]) -> Result<Verdict, String> {
    match status {
        401 => Err("it does not know the key, or cannot reach LAPI to ask for it (status 401)".to_owned()),
        500.. => Err(format!("it failed itself (status {status})")),
        _ => serde_json::from_slice(answer)
            .map_err(|_| format!("it answered with something else than a verdict (status {status})")),
    }
}

fn enforce(call: &mut Call<'_>, appsec: &AppSec, verdict: &Verdict) -> Flow {
    let (outcome, stop) = match verdict.action.as_str() {
        "allow" => (Outcome::Allowed, None),
        "captcha" => match bans::challenge(call, &appsec.captcha) {
            // Its client has solved one.
            None => (Outcome::Allowed, None),
            stop => (Outcome::Challenged, stop),
        },
        // Whatever it is that is not known here, it is not to pass.
        _ => {
            let status = if (400..600).contains(&verdict.http_status) { verdict.http_status } else { 403 };
            let why = "This request looks like an attack, and was refused.";
            (Outcome::Banned, Some(Stop::new(PHASE, status, Fault::Client, why)))
        }
    };
    appsec.counts.count(outcome);
    let Some(stop) = stop else { return Flow::Continue(()) };
    let rule = format!("appsec/{}", verdict.action);
    call.worker.stats.block(PHASE, &rule);
    Flow::Break(Stop { phase: PHASE, rule: Some(rule), ..stop })
}

fn unanswered(appsec: &AppSec) -> Flow {
    if !appsec.settings.refuse_on_failure {
        return Flow::Continue(());
    }
    let why = "Requests cannot be looked at now, and so are not served here.";
    Flow::Break(Stop::new(PHASE, 503, Fault::Charon, why))
}

/// The question: the request's own head, and what is known about it. Nothing of the latter comes from the client.
fn build(call: &Call<'_>, appsec: &AppSec, body: usize, out: &mut Vec<u8>) {
    let (request, settings) = (call.request, &appsec.settings);
    out.extend_from_slice(if body > 0 { b"POST " } else { b"GET " });
    out.extend_from_slice(settings.path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    field::put(out, b"Host", settings.authority.as_bytes());
    for line in &request.fields {
        let name = request.text(line.name);
        let own = name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
        if matches!(line.kind, Kind::Other | Kind::Kept) && !line.nominated && !own {
            field::put(out, name, request.text(line.value));
        }
    }
    put(out, "Ip", format_args!("{}", call.client_ip));
    out.extend_from_slice(b"X-Crowdsec-Appsec-Uri: ");
    out.extend_from_slice(request.sent_path().unwrap_or_else(|| request.path()));
    if let Some(query) = request.query() {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b"\r\n");
    field::put(out, b"X-Crowdsec-Appsec-Verb", request.method());
    field::put(out, b"X-Crowdsec-Appsec-Host", request.authority());
    if !request.user_agent().is_empty() {
        field::put(out, b"X-Crowdsec-Appsec-User-Agent", request.user_agent());
    }
    field::put(out, b"X-Crowdsec-Appsec-Api-Key", settings.key.expose().as_bytes());
    let version = match request.version {
        Version::Http10 => "10",
        Version::Http11 => "11",
        Version::Http2 => "20",
        Version::Http3 => "30",
    };
    field::put(out, b"X-Crowdsec-Appsec-Http-Version", version.as_bytes());
    out.extend_from_slice(b"X-Crowdsec-Appsec-Transaction-Id: ");
    call.put_id(out);
    out.extend_from_slice(b"\r\n");
    if body > 0 {
        out.extend_from_slice(b"Content-Length: ");
        field::put_number(out, body as u64);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

fn put(out: &mut Vec<u8>, name: &str, value: std::fmt::Arguments<'_>) {
    // A vector takes everything that is written to it.
    let _ = write!(out, "X-Crowdsec-Appsec-{name}: {value}\r\n");
}
