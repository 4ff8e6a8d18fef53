//! Body framing (RFC 9112, sections 6 and 7): where a body ends, and strict chunked coding.
//!
//! Chunked bodies are decoded in place: bytes that go on are moved to the front of the buffer, which costs
//! nothing as long as nothing is left out. What goes on is either the payload alone or the payload in clean
//! chunks; chunk extensions end here, so that no origin can read them in a way of its own.

use crate::field;
use std::mem::MaybeUninit;

/// Longest chunk extension of one chunk, and of one body, in bytes.
const MAX_EXTENSION: u32 = 4 * 1024;
const MAX_EXTENSIONS: u32 = 64 * 1024;
/// Longest trailer section in bytes.
const MAX_TRAILERS: usize = 8 * 1024;

/// How the end of a body is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Framing {
    #[default]
    None,
    Length(u64),
    Chunked,
    /// The body ends with the connection; answers only.
    UntilClose,
}

/// What of a chunked body goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// Clean chunks.
    Chunks,
    /// The payload alone.
    Payload,
}

/// The body breaks the rules of its framing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed;

/// One step of decoding: the first `read` bytes are used up, and the first `kept` bytes are to go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Step {
    pub(crate) read: usize,
    pub(crate) kept: usize,
}

/// Follows one body.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    state: State,
    /// Trailer section as received, without its last empty line.
    trailers: Vec<u8>,
    /// The body has ended with a trailer section, whose end has not gone on yet. It may have become empty.
    tail: bool,
    extensions: u32,
    /// Payload of all chunks that have begun, in bytes.
    chunks: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    #[default]
    Done,
    Length(u64),
    UntilClose,
    /// Size of the coming chunk so far, and its number of digits.
    Size(u64, u8),
    /// In a chunk extension of so many bytes.
    Extension(u64, u32),
    SizeEnd(u64),
    Data(u64),
    DataEnd,
    DataLineEnd,
    TrailerStart,
    Trailer,
    LastLineEnd,
}

impl Decoder {
    pub(crate) fn new(framing: Framing) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size(0, 0),
            Framing::UntilClose => State::UntilClose,
        };
        Self { state, ..Self::default() }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Payload of all chunks that have begun, in bytes.
    pub(crate) fn chunks(&self) -> u64 {
        self.chunks
    }

    /// The connection has ended. Whether that ends the body as it should.
    pub(crate) fn end(&mut self) -> bool {
        let whole = matches!(self.state, State::Done | State::UntilClose);
        if whole {
            self.state = State::Done;
        }
        whole
    }

    /// Takes in bytes as they come. Never reads beyond the end of the body.
    ///
    /// # Errors
    /// When the chunked coding is broken; the connection cannot be used any more.
    pub(crate) fn step(&mut self, data: &mut [u8], keep: Keep) -> Result<Step, Malformed> {
        match self.state {
            State::Done => Ok(Step::default()),
            State::UntilClose => Ok(Step { read: data.len(), kept: data.len() }),
            State::Length(left) => {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
                let left = left - count as u64;
                self.state = if left == 0 { State::Done } else { State::Length(left) };
                Ok(Step { read: count, kept: count })
            }
            _ => self.chunked(data, keep),
        }
    }

    fn chunked(&mut self, data: &mut [u8], keep: Keep) -> Result<Step, Malformed> {
        let frame = keep == Keep::Chunks;
        let (mut read, mut kept) = (0, 0);
        while read < data.len() && self.state != State::Done {
            if let State::Data(left) = self.state {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(data.len() - read);
                if kept < read {
                    data.copy_within(read..read + count, kept);
                }
                (read, kept) = (read + count, kept + count);
                let left = left - count as u64;
                self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                continue;
            }
            let byte = data[read];
            read += 1;
            let (next, passes) = self.framing_byte(byte)?;
            self.state = next;
            if passes && frame {
                data[kept] = byte;
                kept += 1;
            }
        }
        Ok(Step { read, kept })
    }

    /// One byte outside of chunk data: the next state, and whether the byte belongs to clean chunks.
    fn framing_byte(&mut self, byte: u8) -> Result<(State, bool), Malformed> {
        Ok(match (self.state, byte) {
            (State::Size(size, digits), _) if byte.is_ascii_hexdigit() && digits < 15 => {
                let digit = u64::from(char::from(byte).to_digit(16).unwrap_or(0));
                (State::Size(size << 4 | digit, digits + 1), true)
            }
            (State::Size(size, 1..), b'\r') => (State::SizeEnd(size), true),
            (State::Size(size, 1..), b';' | b' ' | b'\t') => (State::Extension(size, 1), false),
            (State::Extension(size, _), b'\r') => (State::SizeEnd(size), true),
            (State::Extension(size, length), b'\t' | b' '..=b'~' | 0x80..) if length < MAX_EXTENSION => {
                self.extensions += 1;
                if self.extensions > MAX_EXTENSIONS {
                    return Err(Malformed);
                }
                (State::Extension(size, length + 1), false)
            }
            (State::SizeEnd(0), b'\n') => (State::TrailerStart, true),
            (State::SizeEnd(size), b'\n') => {
                self.chunks = self.chunks.saturating_add(size);
                (State::Data(size), true)
            }
            (State::DataEnd, b'\r') => (State::DataLineEnd, true),
            (State::DataLineEnd, b'\n') => (State::Size(0, 0), true),
            (State::TrailerStart, b'\r') => (State::LastLineEnd, self.trailers.is_empty()),
            (State::LastLineEnd, b'\n') => {
                let bare = self.trailers.is_empty();
                if !bare {
                    self.clean_trailers()?;
                    self.tail = true;
                }
                (State::Done, bare)
            }
            (State::TrailerStart | State::Trailer, _) if self.trailers.len() < MAX_TRAILERS => {
                let line_end = byte == b'\n';
                if line_end && self.trailers.last() != Some(&b'\r') {
                    return Err(Malformed);
                }
                self.trailers.push(byte);
                (if line_end { State::TrailerStart } else { State::Trailer }, false)
            }
            _ => return Err(Malformed),
        })
    }

    /// Checks the trailer section, and drops fields that must not stand in one (RFC 9110, section 6.5.1).
    fn clean_trailers(&mut self) -> Result<(), Malformed> {
        let mut received = std::mem::take(&mut self.trailers);
        received.extend_from_slice(b"\r\n");
        let mut fields = [httparse::EMPTY_HEADER; 32];
        match httparse::parse_headers(&received, &mut fields) {
            Ok(httparse::Status::Complete((length, fields))) if length == received.len() => {
                for trailer in fields.iter() {
                    if field::kind(trailer.name.as_bytes()).allowed_in_trailers() {
                        field::put(&mut self.trailers, trailer.name.as_bytes(), trailer.value);
                    }
                }
                Ok(())
            }
            _ => Err(Malformed),
        }
    }

    /// Whether the body ended with a trailer section.
    pub(crate) fn has_tail(&self) -> bool {
        self.is_done() && self.tail
    }

    /// With [`Keep::Chunks`], what ends a body that had a trailer section, once it [is done](Self::is_done):
    /// its fields and an empty line. `None`: everything has gone on already.
    pub(crate) fn take_tail(&mut self) -> Option<Vec<u8>> {
        if !self.has_tail() {
            return None;
        }
        self.tail = false;
        let mut tail = std::mem::take(&mut self.trailers);
        tail.extend_from_slice(b"\r\n");
        Some(tail)
    }
}

/// Reads the fields of a tail.
pub(crate) fn each_trailer(tail: &[u8], mut each: impl FnMut(&str, &[u8])) {
    let mut slots = [const { MaybeUninit::uninit() }; 32];
    let mut holder = httparse::Response::new(&mut []);
    // Fields are read the same way in a head as in a trailer section.
    let head = [b"HTTP/1.1 200\r\n", tail].concat();
    let read =
        httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut holder, &head, &mut slots);
    if matches!(read, Ok(httparse::Status::Complete(_))) {
        for trailer in holder.headers.iter() {
            each(trailer.name, trailer.value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `body` in pieces of `size` bytes; returns what goes on, and what is left unread.
    fn decode(body: &[u8], size: usize, keep: Keep) -> Result<(Vec<u8>, Vec<u8>), Malformed> {
        let mut decoder = Decoder::new(Framing::Chunked);
        let (mut out, mut rest) = (Vec::new(), body.to_vec());
        let mut offered = 0;
        while !decoder.is_done() && !rest.is_empty() {
            offered = (offered + size).min(rest.len());
            let step = decoder.step(&mut rest[..offered], keep)?;
            out.extend_from_slice(&rest[..step.kept]);
            rest.drain(..step.read);
            offered -= step.read;
        }
        if !decoder.is_done() {
            return Err(Malformed);
        }
        if keep == Keep::Chunks {
            out.extend(decoder.take_tail().unwrap_or_default());
        }
        Ok((out, rest))
    }

    #[test]
    fn chunks_go_on_clean_whatever_the_pieces_they_come_in() {
        let body = b"5;name=\"v\"\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\nGET /next";
        for size in [1, 2, 3, 7, 100] {
            let (out, rest) = decode(body, size, Keep::Chunks).unwrap();
            assert_eq!(out, b"5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n", "{size}");
            assert_eq!(rest, b"GET /next");
            assert_eq!(decode(body, size, Keep::Payload).unwrap().0, b"hello0123456789");
        }
    }

    #[test]
    fn trailers_go_on_without_what_frames_routes_or_authenticates() {
        let body =
            b"1\r\nx\r\n0\r\nX-Sum: 7\r\nContent-Length: 5\r\nHost: evil\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n";
        for size in [1, 5, 200] {
            assert_eq!(decode(body, size, Keep::Chunks).unwrap().0, b"1\r\nx\r\n0\r\nX-Sum: 7\r\n\r\n");
        }
        // Also when none of them goes on, the body has an end: else the next request would be taken for trailers.
        let none = b"1\r\nx\r\n0\r\nHost: evil\r\n\r\nGET /next";
        for size in [1, 5, 200] {
            let (out, rest) = decode(none, size, Keep::Chunks).unwrap();
            assert_eq!(
                (out.as_slice(), rest.as_slice()),
                (b"1\r\nx\r\n0\r\n\r\n".as_slice(), b"GET /next".as_slice())
            );
        }
        let mut seen = Vec::new();
        each_trailer(b"X-Sum: 7\r\n\r\n", |name, value| seen.push((name.to_owned(), value.to_vec())));
        assert_eq!(seen, [("X-Sum".to_owned(), b"7".to_vec())]);
    }

    #[test]
    fn broken_chunks_are_refused() {
        let long_extension = [b"1;".as_slice(), &[b'x'; 5000], b"\r\nx\r\n0\r\n\r\n"].concat();
        let long_trailer = [b"0\r\nA: ".as_slice(), &[b'x'; 9000], b"\r\n\r\n"].concat();
        for body in [
            b"0x5\r\nhello\r\n0\r\n\r\n".as_slice(),
            b"+5\r\nhello\r\n0\r\n\r\n",
            b"-5\r\nhello\r\n0\r\n\r\n",
            b"1_0\r\nhello\r\n0\r\n\r\n",
            b"\r\nhello\r\n0\r\n\r\n",
            b"10000000000000005\r\nhello\r\n0\r\n\r\n",
            b"5junk\r\nhello\r\n0\r\n\r\n",
            b";x\r\n\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5;x\nhello\r\n0\r\n\r\n",
            b"5;x\rhello\r\n0\r\n\r\n",
            b"5\r\nhello0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5\r\nhello\r\n0\r\nA: b\n\r\n",
            b"5\r\nhello\r\n0\r\n b\r\n\r\n",
            b"5\r\nhello\r\n0\r\n\n",
            b"5;\0\r\nhello\r\n0\r\n\r\n",
            &long_extension,
            &long_trailer,
        ] {
            for size in [1, 1000, 20_000] {
                assert!(decode(body, size, Keep::Chunks).is_err(), "{}", body.escape_ascii());
            }
        }
    }

    #[test]
    fn a_length_ends_a_body_and_leaves_the_next_request_alone() {
        let mut decoder = Decoder::new(Framing::Length(5));
        let mut data = *b"helloGET /";
        assert_eq!(decoder.step(&mut data, Keep::Chunks), Ok(Step { read: 5, kept: 5 }));
        assert!(decoder.is_done());
    }
}
