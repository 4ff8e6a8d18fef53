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
    poll_fn(|cx| {
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
}
