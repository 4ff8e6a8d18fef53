//! The life of a request, top to bottom. Both protocols run this one function.

use crate::captcha::Challenge;
use crate::config::{ClientAuth, Extra};
use crate::downstream::Downstream;
use crate::listen::Peer;
use crate::log::{Fault, RequestId};
use crate::request::Request;
use crate::sweep::Deadline;
use crate::worker::{Snapshot, Worker};
use crate::{phases, respond};
use http::{HeaderName, HeaderValue};
use std::borrow::Cow;
use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// What a phase decides.
pub(crate) type Flow = ControlFlow<Stop>;

/// A request ends here, with an answer of ours.
#[derive(Debug)]
pub(crate) struct Stop {
    /// Status of the answer; 0 for none.
    pub(crate) status: u16,
    /// The phase that decided.
    pub(crate) phase: &'static str,
    /// Why, as a sentence, for the log and the answer.
    pub(crate) reason: Cow<'static, str>,
    /// Which rule of the phase, when it has rules.
    pub(crate) rule: Option<String>,
    pub(crate) fault: Fault,
    /// Where a redirect leads.
    pub(crate) location: Option<Box<[u8]>>,
    /// What else the answer says.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// What is said instead of a page that explains.
    pub(crate) body: Option<Box<Body>>,
    /// No further request is taken on this connection.
    pub(crate) ends_connection: bool,
}

/// What an answer of ours holds when it is no page that explains.
#[derive(Debug)]
pub(crate) enum Body {
    /// What a browser has to solve before it gets on.
    Challenge(Challenge),
    /// Plain text.
    Text(String),
}

impl Stop {
    pub(crate) fn new(
        phase: &'static str,
        status: u16,
        fault: Fault,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        let reason = reason.into();
        Self {
            status,
            phase,
            reason,
            rule: None,
            fault,
            location: None,
            headers: Vec::new(),
            body: None,
            ends_connection: false,
        }
    }

    pub(crate) fn redirect(
        phase: &'static str,
        status: u16,
        reason: &'static str,
        location: Vec<u8>,
    ) -> Self {
        Self { location: Some(location.into()), ..Self::new(phase, status, Fault::None, reason) }
    }
}

/// One request on its way, and what the phases have found out about it.
pub(crate) struct Call<'a> {
    pub(crate) worker: &'a Rc<Worker>,
    /// The configuration that this request is served from, to its end.
    pub(crate) snapshot: Rc<Snapshot>,
    pub(crate) peer: &'a Peer,
    pub(crate) deadline: &'a Deadline,
    pub(crate) request: &'a Request,
    pub(crate) id: RequestId,
    /// The id that a trusted proxy gave the request, where the host takes it over.
    pub(crate) taken_id: Option<Box<[u8]>>,
    pub(crate) started: Duration,
    /// By way of trusted proxies; the peer until the first phase has run.
    pub(crate) client_ip: IpAddr,
    /// The peer's forwarded headers are believed.
    pub(crate) trusted: bool,
    /// As the client sees it, which may be before a trusted proxy.
    pub(crate) https: bool,
    /// Index of the host.
    pub(crate) host: Option<usize>,
    /// Index of the location within the host; `None` is the host's own upstream.
    pub(crate) location: Option<usize>,
    pub(crate) seen: Seen,
}

/// What became of a request.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// 0: no answer.
    pub(crate) status: u16,
    pub(crate) upstream: Option<SocketAddr>,
    /// When the origin's first byte came, after [`Call::started`].
    pub(crate) upstream_after: Option<Duration>,
    pub(crate) fault: Fault,
    pub(crate) stop: Option<Stop>,
    pub(crate) trace: Trace,
}

/// What opening a connection to an origin has taken, each only when it took place. Filled by the dialler, which
/// may be given up at any time.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// The address that was tried last.
    pub(crate) tried: Cell<Option<SocketAddr>>,
    pub(crate) dns: Cell<Option<Duration>>,
    pub(crate) connect: Cell<Option<Duration>>,
    pub(crate) tls: Cell<Option<Duration>>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        worker: &'a Rc<Worker>,
        peer: &'a Peer,
        deadline: &'a Deadline,
        request: &'a Request,
    ) -> Self {
        Self {
            worker,
            snapshot: worker.snapshot(),
            peer,
            deadline,
            request,
            id: worker.next_id(),
            taken_id: None,
            started: worker.clock.monotonic(),
            client_ip: peer.ip,
            trusted: false,
            https: peer.tls,
            host: None,
            location: None,
            seen: Seen::default(),
        }
    }

    /// The features of the host's place that look at requests; `None` on most hosts.
    pub(crate) fn extra(&self) -> Option<&Extra> {
        let host = &self.snapshot.config.hosts.all()[self.host?];
        host.place(self.location).traffic.extra.as_deref()
    }

    /// Whose certificates the host wants to see; `None` on most hosts.
    pub(crate) fn asked_for_certificates(&self) -> Option<&Arc<ClientAuth>> {
        self.snapshot.config.hosts.all()[self.host?].client_auth.as_ref()
    }

    /// Appends the request's id.
    pub(crate) fn put_id(&self, out: &mut Vec<u8>) {
        match &self.taken_id {
            Some(id) => out.extend_from_slice(id),
            None => out.extend_from_slice(&self.id.text()),
        }
    }
}

/// Serves one request. `refused` is what the codec found wrong with its head, when it did.
pub(crate) async fn run<D: Downstream>(call: &mut Call<'_>, down: &mut D, refused: Option<Stop>) {
    let _in_flight = InFlight::new(call.worker);
    let flow = guarded(async {
        // First of all, since every later decision, answer and log line is about the client and not about the
        // proxy in front of us.
        phases::client_ip::run(call);

        // A head that can be read in two ways must not reach a decision, but is logged with its client.
        refused.map_or(Flow::Continue(()), Flow::Break)?;

        // Before anything that could refuse it: an authority comes from anywhere, to names that may not be served yet,
        // and must not be sent on, asked to log in or banned. It gets what its own order said, and nothing else.
        phases::challenges::run(call)?;

        // As soon as the client is known: banned clients learn nothing, not even which hosts there are.
        phases::bans::run(call)?;

        // Checks belong to hosts, so the host comes before them, and the path that it is chosen by is the one that
        // the client asked for: no rewriting has happened yet. Unknown hosts, and those that cannot be served
        // safely, end here.
        phases::route::run(call)?;

        // As soon as the host is known, so that every answer from here on carries the right id.
        phases::request_id::run(call);

        // Cheap, by address, and before anything that a stranger could learn from. (GeoIP will stand here too.)
        phases::access::run(call)?;

        // (Rate limits: only clients that may come at all fill the tables.)

        // Before any phase that reads credentials: they belong on an encrypted connection. Before all that answers
        // for the host, too, since a redirect to another host by plain HTTP would leave HSTS unlearnt.
        phases::https_redirect::run(call)?;

        // Behind the redirect, since nobody can show a certificate by plain HTTP; before everything that answers for
        // the host.
        phases::client_certificate::run(call)?;

        // Most hosts have none of these features, and are asked once for all of them.
        if call.extra().is_some() {
            // Before redirects, which clients may keep for ever, while maintenance ends.
            phases::maintenance::run(call)?;

            // Before the auth gateway, since preflights come without credentials (Fetch standard, section 3.2.2),
            // and before redirects, which browsers do not follow for a preflight.
            phases::cors::run(call)?;

            // Before the auth gateway: nobody has to log in to be sent elsewhere. On the path that was asked for.
            phases::redirects::run(call)?;

            // Before anything reads a body.
            phases::body_limit::run(call)?;
        }

        // (The auth gateway, by forward auth: asks another server, so only what passed the cheap checks gets so
        // far, and it is asked about the path that the client asked for.)
        // (The WAF: the dearest check; its rules see the path that was asked for and the one that the origin will
        // get. Its answers' part belongs into `forward`, around the exchange.)

        // Rewriting and header edits happen as the head for the origin is written, behind every decision. (Within
        // it will stand: static sites and the response cache, in the exchange's place, and so behind every check;
        // mirroring, beside the exchange, with the head that the origin gets.) On its way back an answer is replaced
        // by a page or compressed, whereupon its headers are edited: a person's edits have the last word.
        // The application firewall of CrowdSec comes behind every cheaper check, and sees the path that was asked for;
        // boxed, since most installations have none, and every open connection would hold its room.
        let host = call.host.map(|host| &call.snapshot.config.hosts.all()[host]);
        if let Some(appsec) = host.and_then(|host| call.worker.appsec(&host.id)) {
            return Box::pin(phases::appsec::run(call, down, &appsec)).await;
        }
        phases::forward::run(call, down).await
    })
    .await;
    match flow {
        Some(Flow::Continue(())) => {}
        Some(Flow::Break(stop)) => {
            if stop.ends_connection {
                down.be_last();
            }
            respond::stop(call, down, stop).await;
        }
        None => {
            call.worker.stats.panics.add(1);
            tracing::error!(
                "a fault of Charon's ended the request {}; all others go on. Please report it",
                call.id
            );
            // What the fault has left behind on this connection is not to be met by another request.
            down.be_last();
            let reason = "A fault within the proxy ended this request.";
            respond::stop(call, down, Stop::new("pipeline", 500, Fault::Charon, reason)).await;
        }
    }
    // Last, whatever happened: nothing that a client was told is missing in the log.
    phases::log::run(call, down.volume());
}

/// Runs the phases; `None` when they panicked, which is a fault of ours and must end this one request only.
async fn guarded(phases: impl Future<Output = Flow>) -> Option<Flow> {
    let mut phases = std::pin::pin!(phases);
    std::future::poll_fn(|cx| {
        // What the phases were changing is theirs alone, or, as with pools and counters, whole at every step.
        let poll = AssertUnwindSafe(|| phases.as_mut().poll(cx));
        std::panic::catch_unwind(poll).map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}

/// Counts a request while it is worked on, also when its task is cut.
struct InFlight(Rc<Worker>);

impl InFlight {
    fn new(worker: &Rc<Worker>) -> Self {
        worker.stats.in_flight.add(1);
        Self(worker.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.stats.in_flight.sub(1);
    }
}
