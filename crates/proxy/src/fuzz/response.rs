//! Answers of origins: read whole and byte by byte; what goes on to a client has one reading.

use super::strict;
use crate::field;
use crate::h1::body::{Decoder, Framing, Keep};
use crate::h1::response::{self, Slots};
use crate::request::MAX_HEADERS;
use std::mem::MaybeUninit;

const LONGEST: usize = 1024;

/// What an answer comes to.
#[derive(PartialEq, Eq, Debug)]
struct Heard {
    size: usize,
    status: u16,
    reason: String,
    framing: Framing,
    length: Option<u64>,
    keep_alive: bool,
    websocket: bool,
    forwarded: Vec<(String, Vec<u8>)>,
}

pub(super) fn run(data: &[u8]) {
    let Some((&flags, data)) = data.split_first() else { return };
    let data = &data[..data.len().min(LONGEST)];
    let to_head = flags & 1 != 0;
    let whole = head(data, to_head);
    for end in 0..data.len() {
        match (head(&data[..end], to_head), &whole) {
            (Ok(None), _) | (Err(()), Err(())) => {}
            (early, whole) => {
                assert_eq!(&early, whole, "after {end} bytes");
                break;
            }
        }
    }
    let Ok(Some(heard)) = whole else { return };
    told(&heard, to_head);
    body(&data[heard.size..], heard.framing);
}

fn head(data: &[u8], to_head: bool) -> Result<Option<Heard>, ()> {
    let mut slots: Slots<'_> = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let Some(parsed) = response::parse(data, &mut slots, to_head).map_err(|_| ())? else { return Ok(None) };
    let head = parsed.head;
    Ok(Some(Heard {
        size: parsed.size,
        status: head.status,
        reason: head.reason.to_owned(),
        framing: head.framing,
        length: head.length,
        keep_alive: parsed.keep_alive,
        websocket: parsed.websocket,
        forwarded: head.forwarded().map(|(name, value)| (name.to_owned(), value.to_vec())).collect(),
    }))
}

/// The lines that a client gets are read as they were meant, and none of them frames.
fn told(heard: &Heard, to_head: bool) {
    assert!((100..600).contains(&heard.status));
    assert!(!heard.reason.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t'), "{heard:?}");
    let mut text = Vec::new();
    for (name, value) in &heard.forwarded {
        field::put(&mut text, name.as_bytes(), value);
    }
    let lines: Vec<_> =
        text.split_inclusive(|byte| *byte == b'\n').map(|line| &line[..line.len() - 2]).collect();
    let read = strict::fields(&lines).expect("lines that a client can read");
    assert_eq!(read.len(), heard.forwarded.len());
    for ((name, value), (meant, content)) in read.iter().zip(&heard.forwarded) {
        assert!(name.eq_ignore_ascii_case(meant.as_bytes()) && value == content, "{heard:?}");
        let frames = [b"content-length".as_slice(), b"transfer-encoding", b"connection", b"upgrade"];
        assert!(!frames.contains(&name.as_slice()), "{heard:?}");
    }
    let bodiless = to_head || heard.status < 200 || matches!(heard.status, 204 | 304);
    assert!(!bodiless || heard.framing == Framing::None);
    assert!(!heard.keep_alive || heard.framing != Framing::UntilClose);
    assert!(!heard.websocket || heard.status == 101);
}

/// A body comes to the same in whatever pieces.
fn body(data: &[u8], framing: Framing) {
    let read = |step: usize, keep: Keep| {
        let (mut decoder, mut out) = (Decoder::new(framing), Vec::new());
        let (mut inbox, mut used) = (Vec::new(), 0);
        for piece in data.chunks(step) {
            inbox.extend_from_slice(piece);
            while !inbox.is_empty() && !decoder.is_done() {
                let Ok(step) = decoder.step(&mut inbox, keep) else { return Err(out) };
                out.extend_from_slice(&inbox[..step.kept]);
                inbox.drain(..step.read);
                used += step.read;
            }
        }
        let done = decoder.end();
        out.extend(decoder.take_tail().filter(|_| keep == Keep::Chunks).unwrap_or_default());
        Ok((out, used, done))
    };
    for keep in [Keep::Chunks, Keep::Payload] {
        let whole = read(data.len().max(1), keep);
        let pieces = read(1, keep);
        assert!(whole == pieces || (whole.is_err() && pieces.is_err()), "{whole:?} {pieces:?}");
    }
    if framing == Framing::Chunked {
        match (read(usize::MAX, Keep::Payload), strict::chunked(data)) {
            (Ok((payload, used, true)), read) => assert_eq!(read, Ok(Some((payload, &data[used..])))),
            (Ok((.., false)), read) => assert!(!matches!(read, Ok(Some(_))), "it has ended"),
            (Err(_), _) => {}
        }
    }
}
