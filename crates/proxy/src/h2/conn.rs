//! A client's HTTP/2 connection: this task drives frames and accepts streams, each of which is a task.

use super::coalesce::Coalesce;
use super::stream;
use crate::buffers::Inbox;
use crate::cuts::Cut;
use crate::io::{Io, linger};
use crate::listen::Peer;
use crate::request::MAX_HEAD;
use crate::sweep::{Deadline, Pace};
use crate::worker::Worker;
use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Streams that a client may have open at once.
const MAX_STREAMS: u32 = 128;
/// What a client may send ahead per stream and per connection; released as the origin takes it.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// What is held per stream of an answer that the client does not take.
const SEND_BUFFER: usize = 256 * 1024;

/// Streams that the client may make us reset, by what it does wrong on them.
const MAX_FAULTY_STREAMS: usize = 100;

type Accepted = (Request<RecvStream>, SendResponse<Bytes>);

/// Serves a connection to its end.
pub(crate) async fn serve(io: Io, peer: Peer, worker: Rc<Worker>) {
    let deadline = worker.sweep.register();
    deadline.belongs_to(peer.ip);
    let io = Coalesce::new(io);
    worker.sweep.arm(&deadline, worker.limits.head);
    let mut handshake = Box::pin(
        Builder::new()
            .max_concurrent_streams(MAX_STREAMS)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(SEND_BUFFER)
            // WebSockets as streams (RFC 8441).
            .enable_connect_protocol()
            .max_local_error_reset_streams(Some(MAX_FAULTY_STREAMS))
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .handshake::<_, Bytes>(io.clone()),
    );
    let connection = poll_fn(|cx| {
        deadline.watch(cx);
        let polled = handshake.as_mut().poll(cx);
        if deadline.expired() {
            worker.stats.cuts.count(Cut::Silent);
            return Poll::Ready(None);
        }
        if matches!(io.poll_drain(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(None);
        }
        polled.map(Result::ok)
    })
    .await;
    drop(handshake);
    let Some(connection) = connection else { return };
    // Also a busy connection is woken when the worker drains, so that it says GOAWAY at once.
    deadline.set_idle(true);
    let mut driver = Driver {
        connection,
        io,
        deadline: &deadline,
        worker: &worker,
        leaving: false,
        waiting: Waiting::New,
        sent: 0,
    };
    let peer = Rc::new(peer);
    while let Some((received, respond)) = poll_fn(|cx| driver.poll(cx)).await {
        stream::start(stream::Opened { received, respond, peer: peer.clone() }, &worker);
    }
    // The last frames; the client may be gone.
    worker.sweep.arm(&deadline, worker.limits.stall);
    let drained = deadline.within(poll_fn(|cx| driver.io.poll_drain(cx))).await;
    let io = driver.io.clone();
    drop(driver);
    if let Some(mut io) = io.into_inner().filter(|_| drained.is_ok()) {
        linger(&mut io, &mut Inbox::default(), &worker, &deadline).await;
    }
}

/// What the connection's deadline is about.
enum Waiting {
    /// For the first stream.
    New,
    /// Streams are open; each has a deadline of its own.
    Busy,
    /// No stream is open.
    Idle,
    /// The client does not take what is there for it.
    Stalled(Pace),
}

struct Driver<'a> {
    connection: Connection<Coalesce, Bytes>,
    io: Coalesce,
    deadline: &'a Deadline,
    worker: &'a Worker,
    /// GOAWAY has been sent.
    leaving: bool,
    waiting: Waiting,
    /// Bytes sent until the last poll.
    sent: u64,
}

impl Driver<'_> {
    /// The next stream; `None` when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Accepted>> {
        self.deadline.watch(cx);
        if self.deadline.is_cut() {
            return self.end(cx, Reason::NO_ERROR);
        }
        if self.deadline.expired() {
            match self.waiting {
                Waiting::Stalled(_) => return self.cut(cx, Cut::SlowReader, Reason::NO_ERROR),
                Waiting::New => return self.cut(cx, Cut::Silent, Reason::NO_ERROR),
                // It was asked to go, and did not.
                _ if self.leaving => return Poll::Ready(None),
                _ => self.leave(),
            }
        }
        if self.worker.draining.get() {
            self.leave();
        }
        match self.connection.poll_accept(cx) {
            Poll::Ready(Some(Ok(accepted))) => {
                if matches!(self.waiting, Waiting::New) {
                    self.busy();
                }
                return Poll::Ready(Some(accepted));
            }
            Poll::Ready(Some(Err(error))) => {
                if error.is_go_away() && error.is_library() {
                    let calm = error.reason() == Some(Reason::ENHANCE_YOUR_CALM);
                    self.worker.stats.cuts.count(if calm { Cut::H2Flood } else { Cut::H2Protocol });
                }
                return Poll::Ready(None);
            }
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        if let Some(cut) = self.io.flood(self.worker.sweep.seconds()) {
            return self.cut(cx, cut, Reason::ENHANCE_YOUR_CALM);
        }
        if matches!(self.io.poll_drain(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(None);
        }
        self.wait();
        Poll::Pending
    }

    /// Sets the deadline by what is waited for.
    fn wait(&mut self) {
        let (sweep, limits) = (&self.worker.sweep, &self.worker.limits);
        let stalled = !self.io.is_empty();
        let sent = self.io.total();
        match &mut self.waiting {
            Waiting::Stalled(pace) if stalled => {
                pace.earn(sweep, self.deadline, sent - self.sent, limits.rate);
            }
            _ if stalled => {
                self.waiting = Waiting::Stalled(Pace::new(sweep, self.deadline, limits.stall, limits.stall));
            }
            Waiting::New => {}
            Waiting::Busy if self.connection.has_streams() => {}
            _ if self.connection.has_streams() => self.busy(),
            Waiting::Idle => {}
            _ => {
                self.waiting = Waiting::Idle;
                sweep.arm(self.deadline, if self.leaving { limits.head } else { limits.idle });
            }
        }
        self.sent = sent;
    }

    fn busy(&mut self) {
        self.waiting = Waiting::Busy;
        self.deadline.disarm();
    }

    /// Asks the client to open no further stream. One that does not close then is closed.
    fn leave(&mut self) {
        if !std::mem::replace(&mut self.leaving, true) {
            self.connection.graceful_shutdown();
            if !matches!(self.waiting, Waiting::Stalled(_)) {
                self.busy();
            }
            if !self.connection.has_streams() {
                self.waiting = Waiting::Idle;
                self.worker.sweep.arm(self.deadline, self.worker.limits.head);
            }
        }
    }

    /// Ends the connection with all its streams.
    fn cut(&mut self, cx: &mut Context<'_>, cut: Cut, reason: Reason) -> Poll<Option<Accepted>> {
        self.worker.stats.cuts.count(cut);
        self.end(cx, reason)
    }

    fn end(&mut self, cx: &mut Context<'_>, reason: Reason) -> Poll<Option<Accepted>> {
        self.connection.abrupt_shutdown(reason);
        // Writes GOAWAY; whether that ends well does not matter any more.
        let _ = self.connection.poll_closed(cx);
        Poll::Ready(None)
    }
}
