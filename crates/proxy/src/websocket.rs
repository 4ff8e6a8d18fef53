//! WebSocket frames, as much of them as it takes to say goodbye between two of them (RFC 6455).

use crate::buffers::Inbox;
use crate::io::{Io, linger};
use crate::sweep::Deadline;
use crate::worker::Worker;
use std::future::poll_fn;
use std::io;
use std::task::ready;
use std::time::Duration;

/// How long the goodbye itself may take.
const GOODBYE: Duration = Duration::from_millis(500);

/// Follows the frames of one direction: whether another frame may be put in now.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    head: [u8; 10],
    have: usize,
    /// Bytes of mask and payload that are to come.
    left: u64,
}

impl Frames {
    /// Takes in the next bytes of the direction.
    pub(crate) fn feed(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            if self.left > 0 {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(data.len());
                self.left -= here as u64;
                data = &data[here..];
                continue;
            }
            self.head[self.have] = data[0];
            self.have += 1;
            data = &data[1..];
            self.end_of_head();
        }
    }

    /// The layout is that of section 5.2.
    fn end_of_head(&mut self) {
        if self.have < 2 {
            return;
        }
        let short = self.head[1] & 0x7f;
        let extended = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if self.have < 2 + extended {
            return;
        }
        let long =
            self.head[2..2 + extended].iter().fold(0_u64, |length, byte| length << 8 | u64::from(*byte));
        let length = if extended == 0 { u64::from(short) } else { long };
        let mask = if self.head[1] & 0x80 != 0 { 4 } else { 0 };
        self.left = length.saturating_add(mask);
        self.have = 0;
    }

    /// The last frame is complete.
    pub(crate) fn are_whole(&self) -> bool {
        self.have == 0 && self.left == 0
    }
}

/// Close, 1001: this end goes away (section 7.4.1).
pub(crate) const TO_CLIENT: [u8; 4] = [0x88, 0x02, 0x03, 0xe9];

/// Tells client and origin that this end goes away, each only between two frames.
pub(crate) async fn part(
    (client, to_client): (&mut Io, &Frames),
    (origin, to_origin): (&mut Io, &Frames),
    worker: &Worker,
    deadline: &Deadline,
) {
    tell_origin(origin, to_origin, worker, deadline).await;
    if to_client.are_whole() && deadline.within(send(client, &TO_CLIENT)).await.is_ok() {
        linger(client, &mut Inbox::default(), worker, deadline).await;
    }
}

/// Tells the origin that this end goes away, between two frames. Leaves the deadline armed for the client's turn.
pub(crate) async fn tell_origin(origin: &mut Io, frames: &Frames, worker: &Worker, deadline: &Deadline) {
    worker.sweep.arm(deadline, GOODBYE);
    if frames.are_whole() {
        // Clients mask what they send (section 5.3), and towards the origin this is one.
        let [a, b, c, d] = base::random::bytes::<4>();
        let masked = [0x88, 0x82, a, b, c, d, 0x03 ^ a, 0xe9 ^ b];
        // It may be gone, which is what is to be.
        let _ = deadline.within(send(origin, &masked)).await;
    }
}

async fn send(io: &mut Io, mut bytes: &[u8]) -> io::Result<()> {
    poll_fn(|cx| {
        while !bytes.is_empty() {
            let count = ready!(io.poll_write(cx, bytes))?;
            bytes = &bytes[count..];
        }
        io.poll_flush(cx)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_all_lengths_are_followed_however_they_are_cut() {
        let frame = |masked: bool, length: usize| {
            let mask = if masked { 0x80 } else { 0 };
            let mut frame = vec![0x82];
            match length {
                0..126 => frame.push(mask | u8::try_from(length).unwrap()),
                126..65536 => {
                    frame.push(mask | 126);
                    frame.extend(u16::try_from(length).unwrap().to_be_bytes());
                }
                _ => {
                    frame.push(mask | 127);
                    frame.extend((length as u64).to_be_bytes());
                }
            }
            frame.extend(std::iter::repeat_n(0x88, length + if masked { 4 } else { 0 }));
            frame
        };
        for masked in [false, true] {
            for length in [0, 1, 125, 126, 65_535, 65_536] {
                let bytes = [frame(masked, length), frame(masked, 3)].concat();
                for step in [1, 2, 3, 1000, bytes.len()] {
                    let mut frames = Frames::default();
                    let mut wholes = 0;
                    let mut fed = 0;
                    for piece in bytes.chunks(step) {
                        frames.feed(piece);
                        fed += piece.len();
                        wholes += usize::from(frames.are_whole());
                    }
                    assert!(frames.are_whole() && fed == bytes.len());
                    assert_eq!(wholes, if step == 1 { 2 } else { wholes }, "{length}");
                }
            }
        }
    }
}
