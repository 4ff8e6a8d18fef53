//! After a 101: bytes both ways, unread, until one side ends or both are silent for too long.

use super::exchange::Failure;
use crate::buffers::Inbox;
use crate::downstream::{Downstream, Volume};
use crate::io::Io;
use crate::pipeline::Call;
use crate::websocket::{self, Frames};
use crate::worker::Worker;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

/// Runs a tunnel to its end. `origin` may hold bytes that came right behind the 101.
pub(super) async fn run<D: Downstream>(
    call: &Call<'_>,
    down: &mut D,
    origin: &mut Io,
    from_origin: &mut Inbox,
) -> Result<(), Failure> {
    let (worker, deadline) = (call.worker, call.deadline);
    let flushed = deadline.within(poll_fn(|cx| down.poll_flush(cx))).await;
    flushed.map_err(|_| Failure::ClientGone)?;
    let Some((client, from_client)) = down.tunnel() else {
        return Err(Failure::BadAnswer("switches protocols where that is not possible"));
    };
    let (mut up, mut back) = (Way::default(), Way::default());
    worker.sweep.arm(deadline, worker.limits.tunnel);
    // A tunnel is one client's to its end, also by way of a trusted proxy.
    deadline.belongs_to(call.client_ip);
    poll_fn(|cx| {
        if deadline.is_cut() {
            return Poll::Ready(());
        }
        let before = (up.moved, back.moved);
        let upward = up.poll(cx, client, from_client, origin, worker);
        let backward = back.poll(cx, origin, from_origin, client, worker);
        match (upward, backward) {
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => return Poll::Ready(()),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(()),
            _ => {}
        }
        if (up.moved, back.moved) != before {
            worker.sweep.arm(deadline, worker.limits.tunnel);
        } else if deadline.expired() || worker.parting.get() {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
    if worker.parting.get() {
        let (client, origin) = ((client, &back.frames), (origin, &up.frames));
        websocket::part(client, origin, worker, deadline).await;
    }
    down.count(Volume { bytes_in: up.moved, bytes_out: back.moved });
    Ok(())
}

/// Runs a tunnel whose client's side is one stream of many (RFC 8441): two bodies whose ends are those of the tunnel.
pub(super) async fn run_stream<D: Downstream>(
    call: &Call<'_>,
    down: &mut D,
    origin: &mut Io,
    from_origin: &mut Inbox,
) -> Result<(), Failure> {
    let (worker, deadline) = (call.worker, call.deadline);
    let (mut up, mut back) = (Way::default(), Way::default());
    worker.sweep.arm(deadline, worker.limits.tunnel);
    // A tunnel is one client's to its end, also by way of a trusted proxy.
    deadline.belongs_to(call.client_ip);
    poll_fn(|cx| {
        if deadline.is_cut() {
            return Poll::Ready(Err(Failure::ClientStalled));
        }
        let before = (up.moved, back.moved);
        up.poll_body(cx, down, origin)?;
        if back.poll_answer(cx, origin, from_origin, down, worker)?.is_ready() {
            return Poll::Ready(Ok(()));
        }
        if up.read_end && down.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Failure::ClientGone));
        }
        if (up.moved, back.moved) != before {
            worker.sweep.arm(deadline, worker.limits.tunnel);
        } else if worker.parting.get() {
            return Poll::Ready(Ok(()));
        } else if deadline.expired() {
            return Poll::Ready(Err(Failure::ClientStalled));
        }
        Poll::Pending
    })
    .await?;
    if worker.parting.get() {
        websocket::tell_origin(origin, &up.frames, worker, deadline).await;
        let goodbye = websocket::TO_CLIENT;
        if !back.done && back.frames.are_whole() && from_origin.is_empty() {
            // A client that takes nothing any more is not waited for.
            let _ = deadline.within(poll_fn(|cx| down.poll_write(cx, &goodbye, true))).await;
        }
    }
    Ok(())
}

/// One direction of a tunnel.
#[derive(Default)]
struct Way {
    moved: u64,
    frames: Frames,
    read_end: bool,
    done: bool,
}

impl Way {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Io,
        inbox: &mut Inbox,
        to: &mut Io,
        worker: &Worker,
    ) -> Poll<io::Result<()>> {
        while !self.done {
            if !inbox.is_empty() {
                let count = ready!(to.poll_write(cx, inbox.data()))?;
                self.frames.feed(&inbox.data()[..count]);
                inbox.consume(count, &worker.buffers);
                self.moved += count as u64;
            } else if self.read_end {
                ready!(to.poll_shutdown(cx))?;
                self.done = true;
            } else {
                // TLS keeps what was written until it is flushed.
                let flushed = to.poll_flush(cx)?;
                match inbox.poll_fill(from, cx, &worker.buffers)? {
                    Poll::Ready(0) => self.read_end = true,
                    Poll::Ready(_) => {}
                    Poll::Pending => {
                        ready!(flushed);
                        return Poll::Pending;
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// From a stream of the client to the origin. Its end is passed on; the answer's end is the tunnel's.
    fn poll_body<D: Downstream>(
        &mut self,
        cx: &mut Context<'_>,
        down: &mut D,
        origin: &mut Io,
    ) -> Result<(), Failure> {
        while !self.done {
            if !down.body().is_empty() {
                let Poll::Ready(written) = origin.poll_write(cx, down.body()) else { return Ok(()) };
                let count = written.map_err(|_| Failure::Truncated)?;
                self.frames.feed(&down.body()[..count]);
                down.body_sent(count);
                self.moved += count as u64;
            } else if down.body_done() {
                self.read_end = true;
                self.done = origin.poll_shutdown(cx).is_ready();
                return Ok(());
            } else if let Poll::Ready(more) = down.poll_body(cx) {
                more?;
            } else {
                // TLS keeps what was written until it is flushed; a fault shows itself with the next write.
                let _ = origin.poll_flush(cx);
                return Ok(());
            }
        }
        Ok(())
    }

    /// From the origin to a stream of the client, to its end.
    fn poll_answer<D: Downstream>(
        &mut self,
        cx: &mut Context<'_>,
        origin: &mut Io,
        inbox: &mut Inbox,
        down: &mut D,
        worker: &Worker,
    ) -> Result<Poll<()>, Failure> {
        loop {
            let moved = if !inbox.is_empty() {
                down.poll_write(cx, inbox.data(), false).map_ok(|count| {
                    self.frames.feed(&inbox.data()[..count]);
                    inbox.consume(count, &worker.buffers);
                    self.moved += count as u64;
                })
            } else if self.read_end {
                return match down.poll_finish(cx, &mut None) {
                    Poll::Pending => Ok(Poll::Pending),
                    Poll::Ready(Ok(())) => {
                        self.done = true;
                        Ok(Poll::Ready(()))
                    }
                    Poll::Ready(Err(_)) => Err(Failure::ClientGone),
                };
            } else {
                match inbox.poll_fill(origin, cx, &worker.buffers) {
                    Poll::Ready(Ok(count)) => {
                        self.read_end = count == 0;
                        Poll::Ready(Ok(()))
                    }
                    Poll::Ready(Err(_)) => return Err(Failure::Truncated),
                    Poll::Pending => return Ok(Poll::Pending),
                }
            };
            match moved {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Err(Failure::ClientGone),
                Poll::Pending => return Ok(Poll::Pending),
            }
        }
    }
}
