//! Counts the frames that a client sends, and says when it floods: frames that carry nothing cost us more than
//! them. The `h2` crate limits some of this; here are the kinds that it answers without end.
//!
//! What a client may do is earned: by time, by and by the bytes of answers that it takes.

use crate::cuts::Cut;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;

/// Streams that may be reset at once: a browser that leaves a page with many pictures resets about 100.
const RESETS: u32 = 150;
/// Resets earned per second.
const RESETS_PER_SECOND: u32 = 10;
/// Frames without content at once, and per second: SETTINGS, PING, PRIORITY, empty DATA, WINDOW_UPDATE.
const CONTROLS: u32 = 2000;
const CONTROLS_PER_SECOND: u32 = 500;
/// Sent bytes that earn a WINDOW_UPDATE: clients may send one of the stream and one of the connection each time.
const BYTES_PER_UPDATE: usize = 256;
/// Sent bytes that earn a reset: who gets answers may change its mind more often.
const BYTES_PER_RESET: usize = 1024;
/// Content that makes a DATA frame worth its cost.
const WORTHWHILE: usize = 16;

/// Follows the frames of one connection.
#[derive(Debug)]
pub(crate) struct Flood {
    /// Of the frame header that has begun, and how much of it is there.
    header: [u8; 9],
    have: usize,
    /// What is left of the frame's content.
    content: usize,
    /// The connection preface, which is no frame.
    preface: usize,
    resets: u32,
    controls: u32,
    /// Sent bytes that have not earned anything yet.
    sent: usize,
    since: u32,
    found: Option<Cut>,
}

impl Flood {
    pub(crate) fn new() -> Self {
        Self {
            header: [0; 9],
            have: 0,
            content: 0,
            preface: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len(),
            resets: RESETS,
            controls: CONTROLS,
            sent: 0,
            since: 0,
            found: None,
        }
    }

    /// What the client does too much of.
    pub(crate) fn found(&self) -> Option<Cut> {
        self.found
    }

    /// Bytes have been sent to the client: it may acknowledge them, and has got answers.
    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += count;
        let earned = |part: usize| u32::try_from(self.sent / part).unwrap_or(u32::MAX);
        if self.sent >= BYTES_PER_RESET {
            self.resets = self.resets.saturating_add(earned(BYTES_PER_RESET)).min(RESETS);
            self.controls = self.controls.saturating_add(earned(BYTES_PER_UPDATE)).min(4 * CONTROLS);
            self.sent = 0;
        }
    }

    /// `seconds` on a clock that only grows.
    pub(crate) fn time(&mut self, seconds: u32) {
        let passed = seconds.saturating_sub(self.since);
        self.since = seconds;
        self.resets = self.resets.saturating_add(passed.saturating_mul(RESETS_PER_SECOND)).min(RESETS);
        let earned = passed.saturating_mul(CONTROLS_PER_SECOND);
        // What was earned by sending may lie above.
        self.controls = self.controls.max(self.controls.saturating_add(earned).min(CONTROLS));
    }

    /// Bytes that came from the client, in order.
    pub(crate) fn received(&mut self, mut bytes: &[u8]) {
        let skipped = self.preface.min(bytes.len());
        self.preface -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            if self.content > 0 {
                let skipped = self.content.min(bytes.len());
                self.content -= skipped;
                bytes = &bytes[skipped..];
                continue;
            }
            let count = (9 - self.have).min(bytes.len());
            self.header[self.have..self.have + count].copy_from_slice(&bytes[..count]);
            self.have += count;
            bytes = &bytes[count..];
            if self.have == 9 {
                self.have = 0;
                self.frame();
            }
        }
    }

    fn frame(&mut self) {
        let [high, middle, low, kind, flags, ..] = self.header;
        self.content = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        match kind {
            // Bounded by the library: by streams at once, and by the size of a header block.
            HEADERS | CONTINUATION => {}
            DATA if flags & END_STREAM != 0 || (self.content >= WORTHWHILE && flags & PADDED == 0) => {}
            RST_STREAM => match self.resets.checked_sub(1) {
                Some(left) => self.resets = left,
                None => self.found = Some(Cut::H2Resets),
            },
            _ => match self.controls.checked_sub(1) {
                Some(left) => self.controls = left,
                None => self.found = Some(Cut::H2Control),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, content: usize) -> Vec<u8> {
        let mut frame = vec![0, (content >> 8) as u8, content as u8, kind, flags, 0, 0, 0, 1];
        frame.resize(9 + content, 0);
        frame
    }

    /// Sends so many frames in pieces of any size; what is found.
    fn found(frames: &[Vec<u8>], times: usize, piece: usize) -> Option<Cut> {
        let mut flood = Flood::new();
        flood.received(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let bytes = frames.concat().repeat(times);
        bytes.chunks(piece).for_each(|piece| flood.received(piece));
        flood.found()
    }

    #[test]
    fn floods_are_found_in_whatever_pieces_they_come() {
        const PING: u8 = 6;
        const SETTINGS: u8 = 4;
        const PRIORITY: u8 = 2;
        for piece in [1, 8, 9, 10, 17, 1000] {
            for (frames, times, expected) in [
                (vec![frame(PING, 0, 8)], 2000, None),
                (vec![frame(PING, 0, 8)], 2001, Some(Cut::H2Control)),
                (vec![frame(SETTINGS, 0, 0)], 2001, Some(Cut::H2Control)),
                (vec![frame(PRIORITY, 0, 5)], 2001, Some(Cut::H2Control)),
                (vec![frame(8, 0, 4)], 2001, Some(Cut::H2Control)),
                (vec![frame(DATA, 0, 0)], 2001, Some(Cut::H2Control)),
                (vec![frame(DATA, PADDED, 200)], 2001, Some(Cut::H2Control)),
                (vec![frame(DATA, 0, 200)], 3000, None),
                (vec![frame(HEADERS, 4, 20), frame(DATA, END_STREAM, 0)], 3000, None),
                (vec![frame(HEADERS, 4, 20), frame(RST_STREAM, 0, 4)], 150, None),
                (vec![frame(HEADERS, 4, 20), frame(RST_STREAM, 0, 4)], 151, Some(Cut::H2Resets)),
            ] {
                assert_eq!(found(&frames, times, piece), expected, "{:?} x {times} by {piece}", frames[0]);
            }
        }
    }

    #[test]
    fn what_time_and_answers_earn_may_be_used() {
        let mut flood = Flood::new();
        flood.received(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        for second in 0..60 {
            flood.time(second);
            flood.received(&frame(RST_STREAM, 0, 4).repeat(10));
            flood.received(&frame(6, 0, 8).repeat(500));
        }
        assert_eq!(flood.found(), None);
        for _ in 0..10_000 {
            flood.sent(1024);
            flood.received(&frame(8, 0, 4).repeat(4));
            flood.received(&frame(RST_STREAM, 0, 4));
        }
        assert_eq!(flood.found(), None);
        flood.received(&frame(RST_STREAM, 0, 4).repeat(200));
        assert_eq!(flood.found(), Some(Cut::H2Resets));
    }
}
