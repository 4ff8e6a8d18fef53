//! A client's HTTP/3 connection: this task takes streams, each of which is a task, and ends the connection in order.

use super::flood::Flood;
use super::frames::{Code, Fault};
use super::listen::{Gathering, Handshake};
use super::{control, stream, varint};
use crate::cuts::Cut;
use crate::listen::Peer;
use crate::request::MAX_HEAD;
use crate::sweep::Deadline;
use crate::worker::Worker;
use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Sleep;

/// The largest id that a request's stream may have.
const LAST_STREAM: u64 = (1 << 62) - 4;
/// How often it is looked whether a closing connection still sends.
const LOOK: Duration = Duration::from_millis(50);
/// How long nothing may have been sent before a connection is closed, at least.
const QUIET: Duration = Duration::from_millis(200);
/// How long WebSockets have for their goodbye.
const PARTING: Duration = Duration::from_millis(500);

/// What the tasks of one connection share.
#[derive(Debug)]
pub(super) struct Shared {
    connection: Connection,
    worker: Rc<Worker>,
    /// The streams in one direction that the client has opened, as bits.
    seen: Cell<u8>,
    flood: RefCell<Flood>,
    /// Request streams that are open.
    open: Cell<usize>,
    /// Told when the last of them has ended.
    idle: Notify,
    leaving: Cell<bool>,
    handshake: Rc<Handshake>,
}

impl Shared {
    pub(super) fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(super) fn worker(&self) -> &Rc<Worker> {
        &self.worker
    }

    /// Whether this is the client's first stream of one of the three kinds that there is one of.
    pub(super) fn is_first(&self, kind: u64) -> bool {
        let bit = 1u8.checked_shl(u32::try_from(kind).unwrap_or(u32::MAX)).unwrap_or(0);
        self.seen.replace(self.seen.get() | bit) & bit == 0
    }

    /// The client breaks the protocol: the connection ends.
    pub(super) fn fail(&self, code: Code) {
        if self.connection.close_reason().is_none() {
            let flood = code == Code::EXCESSIVE_LOAD;
            self.worker.stats.cuts.count(if flood { Cut::H3Flood } else { Cut::H3Protocol });
            self.connection.close(code.into(), b"");
        }
    }

    /// A frame without content has come.
    pub(super) fn charge_frame(&self) -> Result<(), Fault> {
        let fine = self.flood.borrow_mut().frame(self.worker.sweep.seconds());
        if fine { Ok(()) } else { Err(Fault::Protocol(Code::EXCESSIVE_LOAD)) }
    }

    /// The client has left a stream, or opened one for nothing.
    pub(super) fn charge_reset(&self) {
        if !self.flood.borrow_mut().reset(self.worker.sweep.seconds()) {
            self.fail(Code::EXCESSIVE_LOAD);
        }
    }

    /// An answer has gone whole.
    pub(super) fn answered(&self) {
        self.flood.borrow_mut().answered();
    }

    /// Whether the connection closes with its last stream.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.get() || self.worker.draining.get()
    }
}

/// Counts an open request stream.
struct OpenStream(Rc<Shared>);

impl OpenStream {
    fn new(shared: &Rc<Shared>) -> Self {
        shared.open.set(shared.open.get() + 1);
        Self(shared.clone())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        if self.0.open.get() == 0 {
            self.0.idle.notify_one();
        }
    }
}

/// What the connection's task is woken for.
enum Event {
    Stream(Result<(SendStream, RecvStream), ConnectionError>),
    /// No stream is open any more.
    Idle,
    /// The time of the deadline is up.
    Late,
    /// The client is banned.
    Cut,
    /// The worker ends, or the address is no longer listened on.
    Leave,
    /// Requests that had left before the client knew have come.
    LastCall,
    /// The grace time is over.
    Part,
}

/// Serves a connection to its end.
pub(super) async fn serve(
    connection: Connection,
    peer: Peer,
    worker: Rc<Worker>,
    gathering: Rc<Gathering>,
    handshake: Rc<Handshake>,
) {
    let deadline = worker.sweep.register();
    deadline.belongs_to(peer.ip);
    // Also a busy connection is woken when the worker drains, so that it says GOAWAY at once.
    deadline.set_idle(true);
    worker.sweep.arm(&deadline, worker.limits.head);
    let shared = Rc::new(Shared {
        connection: connection.clone(),
        flood: RefCell::new(Flood::new(worker.sweep.seconds())),
        worker: worker.clone(),
        seen: Cell::new(0),
        open: Cell::new(0),
        idle: Notify::new(),
        leaving: Cell::new(false),
        handshake,
    });
    let opened = deadline.within(async {
        let mut control = connection.open_uni().await?;
        control.write_all(&settings()).await?;
        Ok(control)
    });
    let Ok(control) = opened.await else { return connection.close(Code::NO_ERROR.into(), b"") };
    tokio::task::spawn_local(control::accept(shared.clone()));
    let mut driver = Driver {
        shared,
        control,
        deadline: &deadline,
        gathering: &gathering,
        peer: Rc::new(peer),
        next: 0,
        is_new: true,
        last_call: None,
        parting: false,
    };
    driver.run().await;
    // The last packets leave before the runtime may end.
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
}

/// The control stream's kind, and the SETTINGS frame: the largest section that is taken, and WebSockets (RFC 9220).
fn settings() -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in [(0x06, MAX_HEAD as u64), (0x08, 1)] {
        varint::put(&mut payload, name);
        varint::put(&mut payload, value);
    }
    let mut out = vec![0x00, 0x04];
    varint::put(&mut out, payload.len() as u64);
    out.extend_from_slice(&payload);
    out
}

struct Driver<'a> {
    shared: Rc<Shared>,
    control: SendStream,
    deadline: &'a Deadline,
    gathering: &'a Gathering,
    peer: Rc<Peer>,
    /// The id of the first stream that was not taken.
    next: u64,
    /// No stream was opened yet.
    is_new: bool,
    /// Ends when no stream is taken any more.
    last_call: Option<Pin<Box<Sleep>>>,
    parting: bool,
}

impl Driver<'_> {
    async fn run(&mut self) {
        loop {
            let shared = self.shared.clone();
            let worker = &shared.worker;
            match self.event().await {
                Event::Stream(Ok((send, receive))) => self.start(send, receive),
                Event::Stream(Err(error)) => {
                    if matches!(error, ConnectionError::TransportError(_)) {
                        worker.stats.cuts.count(Cut::H3Protocol);
                    }
                    return;
                }
                Event::Cut => return self.close(),
                Event::Late if self.is_new => {
                    worker.stats.cuts.count(Cut::Silent);
                    return self.close();
                }
                Event::Late | Event::Leave => self.call_last(),
                Event::LastCall => self.say_goodbye(),
                Event::Part => {
                    self.parting = true;
                    tokio::time::sleep(PARTING).await;
                    return self.close();
                }
                Event::Idle if shared.open.get() == 0 => {
                    worker.sweep.arm(self.deadline, worker.limits.idle);
                }
                Event::Idle => {}
            }
            if self.shared.leaving.get() && self.shared.open.get() == 0 {
                self.linger().await;
                return self.close();
            }
        }
    }

    async fn event(&mut self) -> Event {
        let worker = &self.shared.worker;
        let last_call = &mut self.last_call;
        let mut accept = pin!(self.shared.connection.accept_bi());
        let mut idle = pin!(self.shared.idle.notified());
        poll_fn(|cx| {
            self.deadline.watch(cx);
            if self.deadline.is_cut() {
                return Poll::Ready(Event::Cut);
            }
            if worker.parting.get() && !self.parting {
                return Poll::Ready(Event::Part);
            }
            match last_call.as_mut().map(|sleep| sleep.as_mut().poll(cx).is_ready()) {
                _ if self.shared.leaving.get() => {}
                Some(true) => return Poll::Ready(Event::LastCall),
                None if worker.draining.get() || self.gathering.ends() => return Poll::Ready(Event::Leave),
                _ => {}
            }
            if let Poll::Ready(stream) = accept.as_mut().poll(cx) {
                return Poll::Ready(Event::Stream(stream));
            }
            if idle.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Event::Idle);
            }
            if self.deadline.expired() { Poll::Ready(Event::Late) } else { Poll::Pending }
        })
        .await
    }

    fn start(&mut self, mut send: SendStream, mut receive: RecvStream) {
        // Who moves to another network keeps what is being loaded. Something new has to come over a new connection,
        // for which the new address is checked first: rules about clients are by address.
        let has_moved = self.shared.connection.remote_address().ip().to_canonical() != self.peer.ip;
        if self.shared.leaving.get() || has_moved {
            // Both may have ended meanwhile.
            let _ = send.reset(Code::REQUEST_REJECTED.into());
            let _ = receive.stop(Code::REQUEST_REJECTED.into());
            if has_moved && !self.shared.leaving.get() {
                self.gathering.moved(&self.shared);
                self.say_goodbye();
            }
            return;
        }
        self.is_new = false;
        self.deadline.disarm();
        self.next = (receive.id().index() + 1) << 2;
        let open = OpenStream::new(&self.shared);
        let (peer, shared) = (self.peer.clone(), self.shared.clone());
        tokio::task::spawn_local(async move {
            let _open = open;
            stream::serve(send, receive, peer, shared).await;
        });
    }

    /// Asks the client to open no further stream. Those that are under way are still taken (RFC 9114, section 5.2).
    fn call_last(&mut self) {
        self.deadline.disarm();
        if self.last_call.is_some() {
            return;
        }
        self.last_call = Some(Box::pin(tokio::time::sleep(QUIET.max(self.shared.connection.rtt() * 6))));
        self.say_go_away(LAST_STREAM);
    }

    /// Says which streams were taken. From now on none is.
    fn say_goodbye(&mut self) {
        if !self.shared.leaving.replace(true) {
            self.say_go_away(self.next);
        }
    }

    fn say_go_away(&mut self, stream: u64) {
        let mut frame = vec![0x07];
        let mut id = Vec::new();
        varint::put(&mut id, stream);
        varint::put(&mut frame, id.len() as u64);
        frame.extend_from_slice(&id);
        // A client that grants the control stream no room for this learns it when the connection closes.
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = Pin::new(&mut self.control).poll_write(&mut cx, &frame);
    }

    /// Waits until the client has what was sent: until it closes, or nothing is sent any more.
    async fn linger(&mut self) {
        let shared = self.shared.clone();
        let (connection, worker) = (&shared.connection, &shared.worker);
        let quiet = QUIET.max(connection.rtt() * 6);
        let deadline = self.deadline;
        worker.sweep.arm(deadline, worker.limits.head);
        let waiting = async {
            let (mut sent, mut still) = (connection.stats().udp_tx.bytes, Duration::ZERO);
            while still < quiet && connection.close_reason().is_none() {
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    stream = connection.accept_bi() => {
                        // What comes now is rejected, so that it is asked for elsewhere.
                        let Ok((send, receive)) = stream else { break };
                        self.start(send, receive);
                        still = Duration::ZERO;
                        continue;
                    }
                }
                let now = connection.stats().udp_tx.bytes;
                still = if now == sent { still + LOOK } else { Duration::ZERO };
                sent = now;
            }
            Ok(())
        };
        // Whoever has not taken it by then does not get it.
        let _ = deadline.within(waiting).await;
    }

    fn close(&self) {
        self.shared.connection.close(Code::NO_ERROR.into(), b"");
    }
}
