//! One request and its answer on one connection to an origin, driven by the client's own task: both directions
//! move at once, and nothing is handed between tasks.

use super::dial::Dialler;
use super::h2::Connection;
use super::live::Live;
use super::select::{self, Tried};
use super::{Link, proxy_header, tunnel};
use crate::buffers::Inbox;
use crate::config::{Edits, Target, Traffic};
use crate::cuts::Cut;
use crate::downstream::{BodyFault, Downstream};
use crate::h1::body::{Decoder, Framing, Malformed, Step};
use crate::h1::response;
use crate::pipeline::Call;
use crate::request::MAX_HEADERS;
use crate::sweep::Pace;
use crate::worker::Worker;
use http::HeaderValue;
use std::borrow::Cow;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

/// Interim answers that are passed on for one request.
const MAX_INTERIM: u32 = 16;

/// Why an exchange did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    ClientGone,
    /// It owes us the rest of its request.
    ClientSlow,
    /// It does not take the answer.
    ClientStalled,
    /// Its body is malformed.
    ClientBroken,
    /// Its body is larger than the host takes.
    ClientTooLarge,
    Unreachable(io::Error),
    /// No server is known to be well.
    AllDown,
    /// All servers are at their limit, and so is the queue.
    QueueFull,
    /// All servers stayed at their limit.
    QueueTimeout,
    /// No answer in time.
    Silent,
    /// No byte of an answer.
    Closed,
    /// Its head is wrong, as the end of "the origin's answer ...".
    BadAnswer(&'static str),
    /// Its body ended early, stood still or was malformed.
    Truncated,
}

impl Failure {
    /// What the server did, as the end of "the server ..."; `None` when it is not to blame.
    fn blame(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Unreachable(error) => format!("cannot be reached: {error}").into(),
            Self::Silent => "did not answer in time".into(),
            Self::Closed => "closed the connection without an answer".into(),
            Self::BadAnswer(what) => format!("sent an answer that {what}").into(),
            Self::Truncated => "broke off its answer".into(),
            _ => return None,
        })
    }
}

impl From<BodyFault> for Failure {
    fn from(fault: BodyFault) -> Self {
        match fault {
            BodyFault::Gone => Self::ClientGone,
            BodyFault::Malformed => Self::ClientBroken,
            BodyFault::TooLarge => Self::ClientTooLarge,
        }
    }
}

/// Sends `head` and the client's body to a server of `target`, and its answer to the client.
///
/// Another server is tried, each at most once, when no connection could be made; and when the connection ended
/// without a byte of an answer, under the same rule as a second attempt at the same server, see [`attempt`].
pub(crate) async fn run<D: Downstream>(
    call: &mut Call<'_>,
    down: &mut D,
    target: &Target,
    traffic: &Traffic,
    head: &[u8],
) -> Result<(), Failure> {
    // Set when the configuration is published, and so before any request.
    let live = target.live.get().ok_or(Failure::AllDown)?;
    let mut tried = Tried::default();
    let mut last = None;
    loop {
        let chosen = match select::select(call, down, target, live, tried).await? {
            Some(chosen) => chosen,
            None => return Err(last.unwrap_or(Failure::AllDown)),
        };
        let (index, state) = (chosen.index, &live.servers[chosen.index].state);
        let sticky = target.sticky.as_ref().filter(|_| chosen.new_to_client);
        let cookie = sticky.and_then(|sticky| sticky.set_cookie(index, call.https));
        let request = Outgoing { head, traffic, cookie };
        let result = attempt(call, down, target, live, index, &request).await;
        let (worker, clock) = (call.worker.index, &*call.worker.clock);
        match result {
            Ok(()) => {
                if !target.passive.statuses.is_empty() && target.passive.statuses.contains(call.seen.status) {
                    let why = format!("answered a request with the status {}", call.seen.status);
                    state.failed(target, worker, &why, clock);
                } else if state.is_suspect() {
                    state.succeeded(target, clock);
                }
                return Ok(());
            }
            Err((failure, elsewhere)) => {
                if let Some(why) = failure.blame() {
                    state.failed(target, worker, &why, clock);
                }
                tried.add(index);
                if !elsewhere || target.servers.len() == 1 {
                    return Err(failure);
                }
                last = Some(failure);
            }
        }
    }
}

/// One server. With a failure comes whether the request may go to another one.
///
/// A request is sent a second time only when the first connection ended without a byte of an answer, nothing of a
/// body is lost, and either the method may be repeated or nothing of the request has reached the origin. To the
/// same server it goes again only when the connection was a kept one. That nothing has arrived is certain when
/// nothing was written, or when the origin's end of the connection (FIN) came without a confirmation of a single
/// byte: the origin had closed before. Then this is not a repetition (RFC 9110, section 9.2.2, asks for "means to
/// detect that the original request was never applied"). A reset proves nothing: the origin may have read the
/// request first.
async fn attempt<D: Downstream>(
    call: &mut Call<'_>,
    down: &mut D,
    target: &Target,
    live: &Live,
    index: usize,
    request: &Outgoing<'_>,
) -> Result<(), (Failure, bool)> {
    let worker = call.worker.clone();
    let idempotent = call.request.is_idempotent();
    let server = &live.servers[index];
    let limits = &worker.limits;
    // Late by a tick at most, and never early.
    let tick = worker.sweep.tick();
    let times = Times {
        read: target.read.unwrap_or(limits.response) + tick,
        write: target.write.unwrap_or(limits.stall) + tick,
        pause: target.pause.unwrap_or(limits.pause) + tick,
    };
    let http2 = target.offers_http2(call.request.websocket);
    let mut kept = if http2 { worker.streams.stream(server, call.started) } else { None };
    if kept.is_none() && target.proxy_protocol.is_none() {
        kept = worker.pool.take(server, call.started, !(idempotent && down.body_done()));
    }
    loop {
        let link = match kept.take() {
            Some(link) => link,
            None => match connect(call, down, target, live, index).await {
                Ok(link) => link,
                // Not a byte has gone.
                Err(failure) => {
                    let elsewhere = matches!(failure, Failure::Unreachable(_));
                    return Err((failure, elsewhere));
                }
            },
        };
        call.seen.upstream = link.address;
        let was_kept = link.exchanges > 0;
        down.hold_body(was_kept);
        let mut exchange = Exchange {
            link,
            inbox: Inbox::default(),
            request,
            times,
            sent: 0,
            written: 0,
            uploaded: false,
            broken_upload: false,
            fin: false,
            answer: Decoder::new(Framing::None),
            step: Step::default(),
            gone: 0,
            delivered: 0,
        };
        let result = exchange.run(call, down).await;
        match result {
            Ok(Ended::Reusable) if target.proxy_protocol.is_none() => {
                // A moment too early, which saves a look at the clock.
                let used = call.started + call.seen.upstream_after.unwrap_or_default();
                worker.pool.put(server, exchange.link, used);
                return Ok(());
            }
            Ok(_) => {
                exchange.inbox.clear(&worker.buffers);
                return Ok(());
            }
            Err(failure) => {
                match failure {
                    Failure::ClientSlow => worker.stats.cuts.count(Cut::SlowBody),
                    Failure::ClientStalled => worker.stats.cuts.count(Cut::SlowReader),
                    _ => {}
                }
                exchange.inbox.clear(&worker.buffers);
                let again = matches!(failure, Failure::Closed)
                    && (idempotent || exchange.never_arrived())
                    && down.rewind_body();
                if !(again && was_kept) {
                    return Err((failure, again));
                }
                worker.pool.ended(server, &exchange.link, call.started);
            }
        }
    }
}

/// Opens a connection, unless the client leaves meanwhile.
async fn connect<D: Downstream>(
    call: &Call<'_>,
    down: &mut D,
    target: &Target,
    live: &Live,
    index: usize,
) -> Result<Link, Failure> {
    let worker = call.worker;
    // Dialling keeps its own time, which is exact.
    call.deadline.disarm();
    let hello = target.proxy_protocol.map(|version| {
        let port = if call.client_ip == call.peer.ip { call.peer.port } else { 0 };
        proxy_header::header(version, SocketAddr::new(call.client_ip, port), call.peer.local)
    });
    let hello = hello.unwrap_or_default();
    let dialler = Dialler {
        clock: &*worker.clock,
        attendant: &worker.attendant,
        limit: target.connect.unwrap_or(worker.limits.connect),
        random: worker.random(),
        trace: &call.seen.trace,
    };
    // Boxed, since most requests need none, and every open connection would hold its room.
    let (server, http2) = (&live.servers[index], target.offers_http2(call.request.websocket));
    let mut dial = Box::pin(async {
        let link = dialler.dial(&target.servers[index], server, &hello, http2).await?;
        if !http2 || !target.speaks_http2(&link.io)? {
            return Ok(link);
        }
        let connection = Connection::start(link).await?;
        let link = connection.stream();
        worker.streams.keep(server, connection, worker.clock.monotonic());
        Ok(link)
    });
    poll_fn(|cx| {
        if let Poll::Ready(link) = dial.as_mut().poll(cx) {
            return Poll::Ready(link.map_err(Failure::Unreachable));
        }
        if down.body_done() && down.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        Poll::Pending
    })
    .await
}

/// What goes to a server, and what happens to its answer on the way.
struct Outgoing<'a> {
    head: &'a [u8],
    traffic: &'a Traffic,
    /// Keeps the client at the server.
    cookie: Option<HeaderValue>,
}

impl Outgoing<'_> {
    fn answer_edits(&self, call: &Call<'_>) -> Cow<'_, Edits> {
        let mut edits = self.traffic.answer_edits(call);
        if let Some(cookie) = &self.cookie {
            edits.to_mut().push(http::header::SET_COOKIE, cookie.clone());
        }
        edits
    }
}

/// How long is waited for a server.
#[derive(Clone, Copy)]
struct Times {
    read: Duration,
    write: Duration,
    pause: Duration,
}

/// How an exchange ended well.
enum Ended {
    /// The connection can carry another one.
    Reusable,
    Spent,
}

/// What the answer's head asks for.
enum Next {
    More,
    Interim(usize),
    Tunnel(usize),
    Body { head: usize, framing: Framing, keep_alive: bool, lifetime: Option<Duration> },
}

/// What an exchange waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Origin,
    Client,
}

/// What one poll has done in one direction.
#[derive(Clone, Copy)]
struct Moved {
    on: Waiting,
    progress: bool,
}

struct Exchange<'a> {
    link: Link,
    inbox: Inbox,
    request: &'a Outgoing<'a>,
    /// How much of its head has gone.
    sent: usize,
    times: Times,
    /// Bytes of the head and of the body that the connection has taken.
    written: u64,
    /// The request has gone, or the origin takes no more of it.
    uploaded: bool,
    broken_upload: bool,
    /// The origin has ended the connection in order.
    fin: bool,
    answer: Decoder,
    /// The decoded piece at the front of the inbox, and how much of it has gone to the client.
    step: Step,
    gone: usize,
    /// Bytes of the answer's body that the client has taken.
    delivered: u64,
}

impl Exchange<'_> {
    /// Whether the origin has certainly seen nothing of the request.
    fn never_arrived(&self) -> bool {
        self.written == 0 || (self.fin && self.link.io.never_arrived(self.written))
    }

    async fn run<D: Downstream>(&mut self, call: &mut Call<'_>, down: &mut D) -> Result<Ended, Failure> {
        let worker = call.worker.clone();
        let mut interim = 0;
        let keep_alive = loop {
            let next = self.read_head(call, down)?;
            match next {
                Next::More => {
                    let first = self.inbox.is_empty();
                    self.wait_for_head(call, down).await?;
                    if first && call.seen.upstream_after.is_none() {
                        call.seen.upstream_after =
                            Some(worker.clock.monotonic().saturating_sub(call.started));
                    }
                }
                Next::Interim(size) => {
                    self.inbox.consume(size, &worker.buffers);
                    interim += 1;
                    if interim > MAX_INTERIM {
                        return Err(Failure::BadAnswer("has too many interim heads"));
                    }
                }
                Next::Tunnel(size) => {
                    self.inbox.consume(size, &worker.buffers);
                    call.seen.status = 101;
                    if call.request.version.has_streams() {
                        tunnel::run_stream(call, down, &mut self.link.io, &mut self.inbox).await?;
                        return Ok(Ended::Spent);
                    }
                    tunnel::run(call, down, &mut self.link.io, &mut self.inbox).await?;
                    return Ok(Ended::Spent);
                }
                Next::Body { head, framing, keep_alive, lifetime } => {
                    if let Some(lifetime) = lifetime {
                        self.link.lifetime = lifetime;
                    }
                    self.inbox.consume(head, &worker.buffers);
                    self.answer = Decoder::new(framing);
                    break keep_alive;
                }
            }
        };
        self.pump(call, down).await?;
        let clean = self.uploaded && !self.broken_upload && self.inbox.is_empty();
        Ok(if keep_alive && clean { Ended::Reusable } else { Ended::Spent })
    }

    /// Looks at what has come; a head of an answer begins the client's.
    fn read_head<D: Downstream>(&mut self, call: &mut Call<'_>, down: &mut D) -> Result<Next, Failure> {
        if self.inbox.is_empty() {
            return Ok(Next::More);
        }
        let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
        let parsed = response::parse(self.inbox.data(), &mut slots, call.request.is_head());
        let Some(parsed) = parsed.map_err(Failure::BadAnswer)? else { return Ok(Next::More) };
        match parsed.head.status {
            101 if call.request.websocket && parsed.websocket => {
                down.begin(&parsed.head, &self.request.answer_edits(call));
                Ok(Next::Tunnel(parsed.size))
            }
            101 => Err(Failure::BadAnswer("switches protocols without being asked")),
            100 if !call.request.expects_continue => Ok(Next::Interim(parsed.size)),
            100..200 => {
                down.interim(&parsed.head);
                Ok(Next::Interim(parsed.size))
            }
            status => {
                down.begin(&parsed.head, &self.request.answer_edits(call));
                call.seen.status = status;
                Ok(Next::Body {
                    head: parsed.size,
                    framing: parsed.head.framing,
                    keep_alive: parsed.keep_alive,
                    lifetime: parsed.lifetime,
                })
            }
        }
    }

    /// Sends the request while waiting for more of the answer's head.
    async fn wait_for_head<D: Downstream>(&mut self, call: &Call<'_>, down: &mut D) -> Result<(), Failure> {
        let (worker, deadline) = (call.worker, call.deadline);
        let limits = &worker.limits;
        worker.sweep.arm(deadline, self.times.read);
        // Runs only while the client is waited for.
        let mut pace: Option<Pace> = None;
        poll_fn(|cx| {
            let before = self.written;
            let upload = self.poll_upload(cx, down)?;
            if let Poll::Ready(read) = self.inbox.poll_fill(&mut self.link.io, cx, &worker.buffers) {
                self.fin = matches!(read, Ok(0));
                return Poll::Ready(match read {
                    Ok(0) | Err(_) if self.inbox.is_empty() => Err(Failure::Closed),
                    Ok(0) | Err(_) => Err(Failure::BadAnswer("ended within its head")),
                    Ok(_) => Ok(()),
                });
            }
            // Interim answers are not held back.
            if let Poll::Ready(Err(_)) = down.poll_flush(cx) {
                return Poll::Ready(Err(Failure::ClientGone));
            }
            if self.uploaded && !self.broken_upload && down.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Failure::ClientGone));
            }
            match (upload.on, &mut pace) {
                (Waiting::Client, Some(pace)) => {
                    pace.earn(&worker.sweep, deadline, self.written - before, limits.rate);
                }
                (Waiting::Client, none) => {
                    // The streams of gRPC may be silent, and their answers begin when there is something to say.
                    let (grace, saved) = match call.request.is_grpc() {
                        true => (limits.pause, limits.pause),
                        false => (limits.rate_grace.min(limits.stall), limits.stall),
                    };
                    *none = Some(Pace::new(&worker.sweep, deadline, grace, saved));
                }
                (Waiting::Origin, pace) => {
                    if upload.progress || pace.take().is_some() {
                        let limit = if self.uploaded { self.times.read } else { self.times.write };
                        worker.sweep.arm(deadline, limit);
                    }
                }
            }
            if deadline.expired() {
                return Poll::Ready(Err(match upload.on {
                    Waiting::Client => Failure::ClientSlow,
                    Waiting::Origin => Failure::Silent,
                }));
            }
            Poll::Pending
        })
        .await
    }

    /// Moves the request on. Does not fail when the origin takes no more of it: it may have answered already.
    fn poll_upload<D: Downstream>(&mut self, cx: &mut Context<'_>, down: &mut D) -> Result<Moved, Failure> {
        let mut upload = Moved { on: Waiting::Origin, progress: false };
        // What is there of the body leaves with the head: one system call, and one packet.
        if self.sent == 0
            && !down.body_done()
            && let Poll::Ready(body) = down.poll_body(cx)
        {
            body?;
        }
        while !self.uploaded {
            let rest = &self.request.head[self.sent..];
            if rest.is_empty() && down.body().is_empty() {
                // TLS holds bytes back; they must not wait for the client.
                let flushed = self.link.io.poll_flush(cx);
                if down.body_done() {
                    match flushed {
                        Poll::Pending => return Ok(upload),
                        Poll::Ready(flushed) => {
                            self.broken_upload |= flushed.is_err();
                            self.uploaded = true;
                            upload.progress = true;
                            return Ok(upload);
                        }
                    }
                }
                match down.poll_body(cx) {
                    Poll::Pending => {
                        upload.on = Waiting::Client;
                        return Ok(upload);
                    }
                    Poll::Ready(body) => body?,
                }
                continue;
            }
            match self.link.io.poll_write_two(cx, rest, down.body()) {
                Poll::Pending => return Ok(upload),
                Poll::Ready(Ok(count)) => {
                    upload.progress = true;
                    self.written += count as u64;
                    let of_head = count.min(rest.len());
                    self.sent += of_head;
                    if count > of_head {
                        down.body_sent(count - of_head);
                    }
                }
                Poll::Ready(Err(_)) => {
                    self.uploaded = true;
                    self.broken_upload = true;
                }
            }
        }
        Ok(upload)
    }

    /// Moves the answer's body, and what is left of the request's.
    async fn pump<D: Downstream>(&mut self, call: &Call<'_>, down: &mut D) -> Result<(), Failure> {
        let (worker, deadline) = (call.worker, call.deadline);
        let limits = &worker.limits;
        let mut trailers = None;
        worker.sweep.arm(deadline, limits.stall);
        // Runs only while the client is waited for.
        let mut pace: Option<Pace> = None;
        poll_fn(|cx| {
            let before = self.written + self.delivered;
            let upload = self.poll_upload(cx, down)?;
            let download = match self.poll_download(cx, down, worker, &mut trailers)? {
                None => return Poll::Ready(Ok(())),
                Some(download) => download,
            };
            let waits_for_origin = download.on == Waiting::Origin;
            if waits_for_origin && self.uploaded && !self.broken_upload && down.poll_gone(cx).is_ready() {
                return Poll::Ready(Err(Failure::ClientGone));
            }
            if waits_for_origin {
                if upload.progress || download.progress || pace.take().is_some() {
                    worker.sweep.arm(deadline, self.times.pause);
                }
            } else if let Some(pace) = &mut pace {
                let moved = self.written + self.delivered - before;
                pace.earn(&worker.sweep, deadline, moved, limits.rate);
            } else {
                pace = Some(Pace::new(&worker.sweep, deadline, limits.stall, limits.stall));
            }
            if deadline.expired() {
                let failure = if waits_for_origin { Failure::Truncated } else { Failure::ClientStalled };
                return Poll::Ready(Err(failure));
            }
            Poll::Pending
        })
        .await
    }

    /// Moves the answer on. `None`: it has gone to its end.
    fn poll_download<D: Downstream>(
        &mut self,
        cx: &mut Context<'_>,
        down: &mut D,
        worker: &Worker,
        trailers: &mut Option<Vec<u8>>,
    ) -> Result<Option<Moved>, Failure> {
        let mut moved = Moved { on: Waiting::Client, progress: false };
        loop {
            if self.gone < self.step.kept {
                let last = self.answer.is_done() && trailers.is_none();
                let piece = &self.inbox.data()[self.gone..self.step.kept];
                match down.poll_write(cx, piece, last) {
                    Poll::Pending => return Ok(Some(moved)),
                    Poll::Ready(written) => {
                        let written = written.map_err(|_| Failure::ClientGone)?;
                        self.gone += written;
                        self.delivered += written as u64;
                    }
                }
                moved.progress = true;
                continue;
            }
            if self.step.read > 0 {
                self.inbox.consume(self.step.read, &worker.buffers);
                (self.step, self.gone) = (Step::default(), 0);
            }
            if self.answer.is_done() {
                return match down.poll_finish(cx, trailers) {
                    Poll::Pending => Ok(Some(moved)),
                    Poll::Ready(Ok(())) => Ok(None),
                    Poll::Ready(Err(_)) => Err(Failure::ClientGone),
                };
            }
            if !self.inbox.is_empty() {
                self.step = self
                    .answer
                    .step(self.inbox.data_mut(), down.keep())
                    .map_err(|Malformed| Failure::Truncated)?;
                *trailers = self.answer.take_tail();
                continue;
            }
            match self.inbox.poll_fill(&mut self.link.io, cx, &worker.buffers) {
                Poll::Ready(Ok(count)) if count > 0 => moved.progress = true,
                Poll::Ready(Ok(_)) if self.answer.end() => {}
                Poll::Ready(_) => return Err(Failure::Truncated),
                Poll::Pending => {
                    // What is there goes on before more is waited for.
                    return match down.poll_flush(cx) {
                        Poll::Pending => Ok(Some(moved)),
                        Poll::Ready(Ok(())) => Ok(Some(Moved { on: Waiting::Origin, ..moved })),
                        Poll::Ready(Err(_)) => Err(Failure::ClientGone),
                    };
                }
            }
        }
    }
}
