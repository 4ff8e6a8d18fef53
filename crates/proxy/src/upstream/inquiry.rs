//! A question to a helper of ours: one small request and the whole of a small answer, over a kept connection. The
//! client's own connection is not touched meanwhile.

use super::Link;
use super::dial::connect_any;
use super::live::LiveServer;
use super::pool::MAX_AGE;
use crate::buffers::Inbox;
use crate::h1::body::{Decoder, Framing, Keep};
use crate::h1::response;
use crate::io::Io;
use crate::pipeline::Trace;
use crate::request::MAX_HEADERS;
use crate::worker::Worker;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

/// The longest answer that is read.
const LARGEST: usize = 64 * 1024;

/// Status and body of the answer to `head` and `body`.
///
/// # Errors
/// Why there is none, as a sentence part.
pub(crate) async fn ask(
    worker: &Worker,
    server: &LiveServer,
    addresses: &[SocketAddr],
    (head, body): (&[u8], &[u8]),
    now: Duration,
) -> Result<(u16, Vec<u8>), String> {
    loop {
        let (mut link, kept) = match worker.pool.take(server, now, false) {
            Some(link) => (link, true),
            None => (open(addresses).await?, false),
        };
        let mut inbox = Inbox::default();
        let outcome = exchange(worker, &mut link, &mut inbox, head, body).await;
        let clean = inbox.is_empty();
        inbox.clear(&worker.buffers);
        match outcome {
            Ok((status, answer, keep_alive)) => {
                if keep_alive && clean {
                    worker.pool.put(server, link, now);
                }
                return Ok((status, answer));
            }
            // It had ended while it was idle.
            Err(None) if kept => worker.pool.ended(server, &link, now),
            Err(None) => return Err("it closed the connection without an answer".to_owned()),
            Err(Some(why)) => return Err(why),
        }
    }
}

async fn open(addresses: &[SocketAddr]) -> Result<Link, String> {
    let stream = connect_any(addresses, &Trace::default()).await.map_err(|error| error.to_string())?;
    let address = stream.peer_addr().ok();
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let (since, lifetime) = (Duration::ZERO, MAX_AGE);
    Ok(Link { io: Io::Plain(stream), address, generation: 0, exchanges: 0, since, lifetime })
}

/// Status, body, and whether the connection can carry another question. `None`: it ended before the answer began.
async fn exchange(
    worker: &Worker,
    link: &mut Link,
    inbox: &mut Inbox,
    head: &[u8],
    body: &[u8],
) -> Result<(u16, Vec<u8>, bool), Option<String>> {
    let mut sent = 0;
    let sending = poll_fn(|cx| {
        while sent < head.len() + body.len() {
            let (first, second) = (&head[sent.min(head.len())..], &body[sent.saturating_sub(head.len())..]);
            match link.io.poll_write_two(cx, first, second) {
                Poll::Ready(Ok(count)) => sent += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    });
    // What it has said before it closed still counts.
    let broken = sending.await.is_err();
    let (status, size, framing, keep_alive, lifetime) = loop {
        if !inbox.is_empty() {
            let mut slots = [const { MaybeUninit::uninit() }; MAX_HEADERS];
            let parsed = response::parse(inbox.data(), &mut slots, false);
            let parsed = parsed.map_err(|what| Some(format!("its answer {what}")))?;
            if let Some(parsed) = parsed {
                let head = &parsed.head;
                break (head.status, parsed.size, head.framing, parsed.keep_alive, parsed.lifetime);
            }
        }
        match poll_fn(|cx| inbox.poll_fill(&mut link.io, cx, &worker.buffers)).await {
            Ok(count) if count > 0 => {}
            _ if inbox.is_empty() => return Err(None),
            _ => return Err(Some("its answer ended within its head".to_owned())),
        }
    };
    inbox.consume(size, &worker.buffers);
    if let Some(lifetime) = lifetime {
        link.lifetime = lifetime;
    }
    let mut answer = Vec::new();
    let mut decoder = Decoder::new(framing);
    while !decoder.is_done() {
        if inbox.is_empty() {
            match poll_fn(|cx| inbox.poll_fill(&mut link.io, cx, &worker.buffers)).await {
                Ok(count) if count > 0 => {}
                Ok(_) if framing == Framing::UntilClose => break,
                _ => return Err(Some("its answer ended early".to_owned())),
            }
        }
        let step = decoder.step(inbox.data_mut(), Keep::Payload);
        let step = step.map_err(|_| Some("its answer is malformed".to_owned()))?;
        answer.extend_from_slice(&inbox.data()[..step.kept]);
        inbox.consume(step.read, &worker.buffers);
        if answer.len() > LARGEST {
            return Err(Some("its answer is too long".to_owned()));
        }
    }
    Ok((status, answer, keep_alive && !broken))
}
