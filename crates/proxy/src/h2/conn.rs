//! A client's HTTP/2 connection: this task drives frames and accepts streams, each of which is a task.

use super::coalesce::Coalesce;
use super::stream;
use crate::buffers::Inbox;
use crate::io::{Io, linger};
use crate::listen::Peer;
use crate::request::MAX_HEAD;
use crate::sweep::Deadline;
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

type Accepted = (Request<RecvStream>, SendResponse<Bytes>);

/// Serves a connection to its end.
pub(crate) async fn serve(io: Io, peer: Peer, worker: Rc<Worker>) {
    let deadline = worker.sweep.register();
    let io = Coalesce::new(io);
    worker.sweep.arm(&deadline, worker.limits.head);
    let mut handshake = Box::pin(
        Builder::new()
            .max_concurrent_streams(MAX_STREAMS)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(SEND_BUFFER)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .handshake::<_, Bytes>(io.clone()),
    );
    let connection = poll_fn(|cx| {
        deadline.watch(cx);
        let polled = handshake.as_mut().poll(cx);
        if deadline.expired() || matches!(io.poll_drain(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(None);
        }
        polled.map(Result::ok)
    })
    .await;
    drop(handshake);
    let Some(connection) = connection else { return };
    deadline.disarm();
    // Also a busy connection is woken when the worker drains, so that it says GOAWAY at once.
    deadline.set_idle(true);
    let mut driver = Driver {
        connection,
        io,
        deadline: &deadline,
        worker: &worker,
        leaving: false,
        waiting: Waiting::Busy,
    };
    let peer = Rc::new(peer);
    while let Some((request, respond)) = poll_fn(|cx| driver.poll(cx)).await {
        tokio::task::spawn_local(stream::serve(request, respond, peer.clone(), worker.clone()));
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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// Streams are open; each has a deadline of its own.
    Busy,
    /// No stream is open.
    Idle,
    /// The client takes nothing.
    Stalled,
}

struct Driver<'a> {
    connection: Connection<Coalesce, Bytes>,
    io: Coalesce,
    deadline: &'a Deadline,
    worker: &'a Worker,
    /// GOAWAY has been sent.
    leaving: bool,
    waiting: Waiting,
}

impl Driver<'_> {
    /// The next stream; `None` when the connection is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Accepted>> {
        self.deadline.watch(cx);
        if self.deadline.expired() {
            match self.waiting {
                Waiting::Stalled => {
                    self.connection.abrupt_shutdown(Reason::NO_ERROR);
                    return Poll::Ready(None);
                }
                _ => self.leave(),
            }
        }
        if self.worker.draining.get() {
            self.leave();
        }
        match self.connection.poll_accept(cx) {
            Poll::Ready(Some(Ok(accepted))) => return Poll::Ready(Some(accepted)),
            Poll::Ready(_) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        if matches!(self.io.poll_drain(cx), Poll::Ready(Err(_))) {
            return Poll::Ready(None);
        }
        let waiting = if !self.io.is_empty() {
            Waiting::Stalled
        } else if self.connection.has_streams() {
            Waiting::Busy
        } else {
            Waiting::Idle
        };
        if waiting != self.waiting {
            self.waiting = waiting;
            match waiting {
                Waiting::Busy => self.deadline.disarm(),
                Waiting::Idle => self.worker.sweep.arm(self.deadline, self.worker.limits.idle),
                Waiting::Stalled => self.worker.sweep.arm(self.deadline, self.worker.limits.stall),
            }
        }
        Poll::Pending
    }

    fn leave(&mut self) {
        if !std::mem::replace(&mut self.leaving, true) {
            self.connection.graceful_shutdown();
            self.deadline.disarm();
        }
    }
}
