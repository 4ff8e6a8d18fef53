//! Frames and error codes of HTTP/3 (RFC 9114, sections 7 and 8), and the reader of frames from a stream.

use super::varint;
use quinn::{ReadError, RecvStream, VarInt};
use std::task::{Context, Poll, ready};

/// Why a stream or connection ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Code(u32);

impl Code {
    pub(super) const NO_ERROR: Self = Self(0x100);
    pub(super) const INTERNAL_ERROR: Self = Self(0x102);
    pub(super) const STREAM_CREATION_ERROR: Self = Self(0x103);
    pub(super) const CLOSED_CRITICAL_STREAM: Self = Self(0x104);
    pub(super) const FRAME_UNEXPECTED: Self = Self(0x105);
    pub(super) const FRAME_ERROR: Self = Self(0x106);
    pub(super) const EXCESSIVE_LOAD: Self = Self(0x107);
    pub(super) const ID_ERROR: Self = Self(0x108);
    pub(super) const SETTINGS_ERROR: Self = Self(0x109);
    pub(super) const MISSING_SETTINGS: Self = Self(0x10a);
    pub(super) const REQUEST_REJECTED: Self = Self(0x10b);
    pub(super) const REQUEST_CANCELLED: Self = Self(0x10c);
    pub(super) const REQUEST_INCOMPLETE: Self = Self(0x10d);
    pub(super) const MESSAGE_ERROR: Self = Self(0x10e);
    pub(super) const QPACK_DECOMPRESSION_FAILED: Self = Self(0x200);
    pub(super) const QPACK_ENCODER_STREAM_ERROR: Self = Self(0x201);
    pub(super) const QPACK_DECODER_STREAM_ERROR: Self = Self(0x202);
}

impl From<Code> for VarInt {
    fn from(code: Code) -> Self {
        Self::from_u32(code.0)
    }
}

/// The kind of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Data,
    Headers,
    CancelPush,
    Settings,
    PushPromise,
    GoAway,
    MaxPushId,
    /// Of HTTP/2, without a meaning here: never allowed (section 11.2.1).
    Forbidden,
    /// Passed over (section 9).
    Unknown,
}

impl From<u64> for Kind {
    fn from(number: u64) -> Self {
        match number {
            0x00 => Self::Data,
            0x01 => Self::Headers,
            0x03 => Self::CancelPush,
            0x04 => Self::Settings,
            0x05 => Self::PushPromise,
            0x07 => Self::GoAway,
            0x0d => Self::MaxPushId,
            0x02 | 0x06 | 0x08 | 0x09 => Self::Forbidden,
            _ => Self::Unknown,
        }
    }
}

/// Why no frame comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The client breaks the protocol: its connection ends.
    Protocol(Code),
    /// The client has left this stream.
    Reset,
    /// The connection has ended.
    Lost,
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Reset(_) => Self::Reset,
            _ => Self::Lost,
        }
    }
}

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) length: u64,
}

/// Reads a stream in pieces.
#[derive(Debug)]
pub(super) struct Reader {
    stream: RecvStream,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    /// Bytes that one read may give.
    piece: usize,
}

impl Reader {
    /// `buffer` is empty.
    pub(super) fn new(stream: RecvStream, buffer: Vec<u8>, piece: usize) -> Self {
        Self { stream, buffer, start: 0, ended: false, piece }
    }

    /// What has come and was not used yet.
    pub(super) fn data(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    pub(super) fn set_piece(&mut self, piece: usize) {
        self.piece = piece;
    }

    /// Reads more; `false`: the stream has ended.
    pub(super) fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Fault>> {
        if self.ended {
            return Poll::Ready(Ok(false));
        }
        let have = self.buffer.len();
        self.buffer.resize(have + self.piece, 0);
        let polled = self.stream.poll_read(cx, &mut self.buffer[have..]);
        let count = if let Poll::Ready(Ok(count)) = polled { count } else { 0 };
        self.buffer.truncate(have + count);
        ready!(polled)?;
        self.ended = count == 0;
        Poll::Ready(Ok(!self.ended))
    }

    /// The next integer; `None`: the stream has ended before it began.
    pub(super) fn poll_integer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<u64>, Fault>> {
        loop {
            if let Some((value, length)) = varint::read(self.data()) {
                self.consume(length);
                return Poll::Ready(Ok(Some(value)));
            }
            if !ready!(self.poll_more(cx))? {
                return Poll::Ready(if self.data().is_empty() { Ok(None) } else { Err(CUT_OFF) });
            }
        }
    }

    /// The header of the next frame; `None`: the stream has ended behind a whole frame.
    pub(super) fn poll_header(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Header>, Fault>> {
        loop {
            let data = self.data();
            let parsed = varint::read(data).and_then(|(kind, first)| {
                let (length, second) = varint::read(&data[first..])?;
                Some((Header { kind: kind.into(), length }, first + second))
            });
            if let Some((header, size)) = parsed {
                self.consume(size);
                return Poll::Ready(Ok(Some(header)));
            }
            if !ready!(self.poll_more(cx))? {
                return Poll::Ready(if self.data().is_empty() { Ok(None) } else { Err(CUT_OFF) });
            }
        }
    }

    /// Waits until so many bytes are there.
    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>, count: usize) -> Poll<Result<(), Fault>> {
        while self.data().len() < count {
            if !ready!(self.poll_more(cx))? {
                return Poll::Ready(Err(CUT_OFF));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Passes over what is `left` of a frame.
    pub(super) fn poll_skip(&mut self, cx: &mut Context<'_>, left: &mut u64) -> Poll<Result<(), Fault>> {
        while *left > 0 {
            let count = usize::try_from(*left).unwrap_or(usize::MAX).min(self.data().len());
            self.consume(count);
            *left -= count as u64;
            if *left > 0 && !ready!(self.poll_more(cx))? {
                return Poll::Ready(Err(CUT_OFF));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Nobody will read what is left.
    pub(super) fn stop(&mut self, code: Code) {
        if !self.ended {
            // A stream that has ended meanwhile needs no word.
            let _ = self.stream.stop(code.into());
        }
    }

    /// Gives the buffer back.
    pub(super) fn into_buffer(mut self) -> Vec<u8> {
        self.stop(Code::NO_ERROR);
        self.buffer
    }
}

/// A stream ends within a frame (section 7.1).
const CUT_OFF: Fault = Fault::Protocol(Code::FRAME_ERROR);
