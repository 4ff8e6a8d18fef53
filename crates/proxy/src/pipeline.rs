//! The life of a request, top to bottom. Both protocols run this one function.

use crate::downstream::Downstream;
use crate::listen::Peer;
use crate::log::{Fault, RequestId};
use crate::request::Request;
use crate::sweep::Deadline;
use crate::worker::{Snapshot, Worker};
use crate::{phases, respond};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::rc::Rc;
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
    pub(crate) location: Option<Vec<u8>>,
}

impl Stop {
    pub(crate) fn new(
        phase: &'static str,
        status: u16,
        fault: Fault,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, phase, reason: reason.into(), rule: None, fault, location: None }
    }

    pub(crate) fn redirect(
        phase: &'static str,
        status: u16,
        reason: &'static str,
        location: Vec<u8>,
    ) -> Self {
        Self { location: Some(location), ..Self::new(phase, status, Fault::None, reason) }
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
            started: worker.clock.monotonic(),
            client_ip: peer.ip,
            trusted: false,
            https: peer.tls,
            host: None,
            location: None,
            seen: Seen::default(),
        }
    }
}

/// Serves one request. `refused` is what the codec found wrong with its head, when it did.
pub(crate) async fn run<D: Downstream>(call: &mut Call<'_>, down: &mut D, refused: Option<Stop>) {
    let _in_flight = InFlight::new(call.worker);
    let flow: Flow = async {
        // First of all, since every later decision, answer and log line is about the client and not about the
        // proxy in front of us.
        phases::client_ip::run(call);

        // A head that can be read in two ways must not reach a decision, but is logged with its client.
        refused.map_or(Flow::Continue(()), Flow::Break)?;

        // Checks belong to hosts, so the host comes before them. Unknown hosts end here.
        phases::route::run(call)?;

        // (CrowdSec decisions and manual bans will stand here: cheap, and banned clients learn nothing more.)
        // Cheap, by address, and before anything that a stranger could learn from. (GeoIP will stand here too.)
        phases::access::run(call)?;

        // (Rate limits: only clients that may come at all fill the tables.)

        // Before any phase that reads credentials: they belong on an encrypted connection.
        phases::https_redirect::run(call)?;

        // (The auth gateway: asks another server, so only what passed the cheap checks gets so far.)
        // (The WAF: the dearest check; sees the request as the origin will. Its answers' part, the response cache,
        // static sites and mirroring belong into `forward`, around the exchange.)

        phases::forward::run(call, down).await
    }
    .await;
    if let Flow::Break(stop) = flow {
        respond::stop(call, down, stop).await;
    }
    // Last, whatever happened: nothing that a client was told is missing in the log.
    phases::log::run(call, down.volume());
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
