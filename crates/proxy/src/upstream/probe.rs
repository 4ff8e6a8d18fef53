//! One active check after the other of one server: over a connection of its own, as a request would go.

use super::dial::Dialler;
use super::h2::Connection;
use super::names::Name;
use super::status::CheckResult;
use super::{balance, proxy_header};
use crate::Limits;
use crate::buffers::{Buffers, Inbox};
use crate::config::Target;
use crate::h1::body::{Decoder, Framing, Keep};
use crate::h1::response;
use crate::io::Io;
use crate::pipeline::Trace;
use crate::request::MAX_HEADERS;
use crate::spec::HealthCheck;
use base::Clock;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// What is read of an answer's body.
const MAX_BODY: usize = 64 * 1024;

/// What checks need.
#[derive(Clone, Debug)]
pub(super) struct Prober {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) attendant: mpsc::UnboundedSender<Arc<Name>>,
    pub(super) limits: Limits,
    /// One per check that runs.
    pub(super) places: Rc<Semaphore>,
}

/// Checks the `index`th server of an upstream until it is aborted.
pub(super) async fn run(prober: Prober, target: Arc<Target>, index: usize) {
    let (Some(rule), Some(live)) =
        (&target.health, target.live.get().and_then(|live| live.servers.get(index)))
    else {
        return;
    };
    let interval = Duration::from_millis(rule.interval_ms.into());
    let limit = Duration::from_millis(rule.timeout_ms.into());
    // Spread over a moment, so that servers that come together are not asked together.
    let mut random = u64::from_ne_bytes(base::random::bytes());
    tokio::time::sleep(interval.min(Duration::from_secs(1)).mul_f64(unit(random) / 2.0)).await;
    loop {
        {
            let _place = prober.places.acquire().await;
            let before = prober.clock.monotonic();
            let checked = tokio::time::timeout(limit, prober.check(&target, rule, index, random)).await;
            let result = checked.unwrap_or_else(|_| Err("did not answer the check in time".to_owned()));
            let took = prober.clock.monotonic().saturating_sub(before);
            let ok = result.is_ok();
            let (Ok(message) | Err(message)) = result;
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            let result = CheckResult { at: prober.clock.now(), took_ms, ok, message };
            live.state.checked(&target, rule, result, &*prober.clock);
        }
        random = balance::mix(random);
        tokio::time::sleep(interval.mul_f64(0.95 + unit(random) / 10.0)).await;
    }
}

/// A number from 0 to 1.
fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

impl Prober {
    /// One check: what was found, as the end of the sentence "the server ...".
    async fn check(
        &self,
        target: &Target,
        rule: &HealthCheck,
        index: usize,
        random: u64,
    ) -> Result<String, String> {
        let live = target.live.get().ok_or("is not known yet")?;
        // A check is no client's request; it says that it comes from here.
        let here = SocketAddr::from(([127, 0, 0, 1], 0));
        let hello = target.proxy_protocol.map(|version| proxy_header::header(version, here, here));
        let trace = Trace::default();
        let dialler = Dialler {
            clock: &*self.clock,
            attendant: &self.attendant,
            limit: target.connect.unwrap_or(self.limits.connect),
            random,
            trace: &trace,
        };
        let http2 = target.offers_http2(false);
        let link = dialler
            .dial(&target.servers[index], &live.servers[index], &hello.unwrap_or_default(), http2)
            .await;
        let unreachable = |error: std::io::Error| format!("cannot be reached: {error}");
        let link = link.map_err(unreachable)?;
        let Some(path) = &rule.path else { return Ok("accepts connections".to_owned()) };
        // The connection lives as long as its one stream.
        let mut io = match http2 && target.speaks_http2(&link.io).map_err(unreachable)? {
            true => Connection::start(link).await.map_err(unreachable)?.stream().io,
            false => link.io,
        };
        let host = rule.host.as_ref().map_or(&*target.default_host, |host| host.as_str());
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Charon-Health-Check\r\nAccept: */*\r\n\
             Connection: close\r\n\r\n"
        );
        write_all(&mut io, request.as_bytes()).await.map_err(|error| format!("took no request: {error}"))?;
        let (status, body) = read(&mut io, rule.body.is_some()).await?;
        if !rule.statuses.contains(status) {
            return Err(format!("answered its check with the status {status}"));
        }
        let Some(text) = &rule.body else { return Ok(format!("answered with the status {status}")) };
        if memchr::memmem::find(&body, text.as_bytes()).is_none() {
            return Err(format!("answered its check without the text \"{text}\""));
        }
        Ok(format!("answered with the status {status} and the text that is wanted"))
    }
}

pub(super) async fn write_all(io: &mut Io, bytes: &[u8]) -> std::io::Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        sent += poll_fn(|cx| io.poll_write(cx, &bytes[sent..])).await?;
    }
    poll_fn(|cx| io.poll_flush(cx)).await
}

/// Reads an answer: its status and, when it is wanted, the beginning of its body.
pub(super) async fn read(io: &mut Io, wants_body: bool) -> Result<(u16, Vec<u8>), String> {
    let buffers = Buffers::default();
    let mut inbox = Inbox::default();
    let (status, framing) = loop {
        if let Some((size, status, framing)) = head(&inbox)? {
            inbox.consume(size, &buffers);
            // Interim answers come before the one that counts.
            if status >= 200 {
                break (status, framing);
            }
        } else if poll_fn(|cx| inbox.poll_fill(io, cx, &buffers)).await.unwrap_or(0) == 0 {
            return Err("ended the connection without an answer to its check".to_owned());
        }
    };
    let mut body = Vec::new();
    let mut decoder = Decoder::new(framing);
    while wants_body && !decoder.is_done() && body.len() < MAX_BODY {
        if inbox.is_empty() && poll_fn(|cx| inbox.poll_fill(io, cx, &buffers)).await.unwrap_or(0) == 0 {
            if decoder.end() {
                break;
            }
            return Err("broke off its answer to the check".to_owned());
        }
        let step = decoder.step(inbox.data_mut(), Keep::Payload);
        let step = step.map_err(|_| "answered its check with a malformed body".to_owned())?;
        body.extend_from_slice(&inbox.data()[..step.kept]);
        inbox.consume(step.read, &buffers);
    }
    body.truncate(MAX_BODY);
    Ok((status, body))
}

/// The head at the beginning of what has come: its size, status and framing.
fn head(inbox: &Inbox) -> Result<Option<(usize, u16, Framing)>, String> {
    if inbox.is_empty() {
        return Ok(None);
    }
    let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let parsed = response::parse(inbox.data(), &mut slots, false);
    let parsed = parsed.map_err(|what| format!("sent an answer to its check that {what}"))?;
    Ok(parsed.map(|parsed| (parsed.size, parsed.head.status, parsed.head.framing)))
}
