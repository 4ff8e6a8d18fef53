//! Requests of HTTP/1 on one connection: read whole and byte by byte, and held against the strict reading.

use super::strict::{self, Body};
use crate::h1::body::{Decoder, Framing, Keep};
use crate::h1::head;
use crate::request::{Request, Version};

/// Longer inputs say nothing new, and byte by byte they take long.
const LONGEST: usize = 1024;

/// What was read off a connection, piece by piece.
#[derive(PartialEq, Eq, Debug)]
enum Read {
    Head(Box<Heard>),
    /// The payload of a body, and what goes on of it to an origin.
    Body(Vec<u8>, Vec<u8>),
    Refused(u16),
    /// The input ends within a head or a body.
    Open,
}

/// A head as the phases see it, and its length.
#[derive(PartialEq, Eq, Debug)]
struct Heard {
    size: usize,
    method: Vec<u8>,
    path: Vec<u8>,
    query: Option<Vec<u8>>,
    name: Vec<u8>,
    version: Version,
    framing: Framing,
    keep_alive: bool,
    websocket: bool,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Heard {
    fn of(request: &Request, size: usize) -> Self {
        let field = |field: &crate::request::Field| {
            (request.text(field.name).to_ascii_lowercase(), request.text(field.value).to_vec())
        };
        Self {
            size,
            method: request.method().to_vec(),
            path: request.path().to_vec(),
            query: request.query().map(<[u8]>::to_vec),
            name: request.name().to_vec(),
            version: request.version,
            framing: request.framing,
            keep_alive: request.keep_alive,
            websocket: request.websocket,
            fields: request.fields.iter().map(field).collect(),
        }
    }
}

pub(super) fn run(data: &[u8]) {
    let data = &data[..data.len().min(LONGEST)];
    let whole = read(data, data.len().max(1));
    assert_eq!(whole, read(data, 1), "byte by byte");
    assert_eq!(whole, read(data, 7), "seven bytes at a time");
    hold(data, &whole);
}

/// Reads a connection that brings `step` bytes at a time, as a worker does.
fn read(data: &[u8], step: usize) -> Vec<Read> {
    let (mut inbox, mut coming, mut all) = (Vec::new(), data, Vec::new());
    let mut fill = |inbox: &mut Vec<u8>| {
        let (now, later) = coming.split_at(step.min(coming.len()));
        inbox.extend_from_slice(now);
        coming = later;
        !now.is_empty()
    };
    loop {
        let mut request = Request::default();
        let size = loop {
            match head::parse(&inbox, &mut request) {
                Ok(Some(size)) => break size,
                Ok(None) if fill(&mut inbox) => request.clear(),
                Ok(None) => {
                    all.push(Read::Open);
                    return all;
                }
                Err(reject) => {
                    all.push(Read::Refused(reject.status));
                    return all;
                }
            }
        };
        inbox.drain(..size);
        let heard = Heard::of(&request, size);
        let goes_on = heard.keep_alive && !heard.websocket;
        all.push(Read::Head(Box::new(heard)));
        // Both ways of decoding, each on bytes of its own.
        let (mut chunks, mut bare) = (Decoder::new(request.framing), Decoder::new(request.framing));
        let (mut kept, mut payload) = (Vec::new(), Vec::new());
        while !chunks.is_done() {
            if inbox.is_empty() && !fill(&mut inbox) {
                all.push(Read::Open);
                return all;
            }
            let mut twin = inbox.clone();
            let (step, other) = (chunks.step(&mut inbox, Keep::Chunks), bare.step(&mut twin, Keep::Payload));
            let (Ok(step), Ok(other)) = (step, other) else {
                assert_eq!(step.is_err(), other.is_err());
                all.push(Read::Refused(0));
                return all;
            };
            assert_eq!((step.read, chunks.is_done()), (other.read, bare.is_done()));
            kept.extend_from_slice(&inbox[..step.kept]);
            payload.extend_from_slice(&twin[..other.kept]);
            inbox.drain(..step.read);
        }
        kept.extend(chunks.take_tail().unwrap_or_default());
        all.push(Read::Body(payload, kept));
        if !goes_on {
            return all;
        }
    }
}

/// Holds what was read against the strict reading, and what an origin gets against its own.
fn hold(data: &[u8], all: &[Read]) {
    let mut rest = data;
    let mut pieces = all.iter();
    while let Some(piece) = pieces.next() {
        let heard = match piece {
            Read::Head(heard) => heard,
            Read::Open => return assert!(!matches!(strict::request(rest), Ok(Some(_))), "it has ended"),
            // Refusing more than the rules ask for is right.
            _ => return,
        };
        let head = strict::request(rest).expect("a head that only we take").expect("a head that ends");
        assert_eq!((head.size, &head.line[0]), (heard.size, &heard.method));
        assert_eq!(head.fields, heard.fields);
        let framing = match head.framing().expect("framing that only we take") {
            Body::None => Framing::None,
            Body::Length(length) => Framing::Length(length),
            Body::Chunked => Framing::Chunked,
        };
        assert_eq!(framing, heard.framing);
        assert!(head.values(b"host").len() <= 1, "two hosts");
        assert!(!heard.name.is_empty() || heard.version == Version::Http10, "no host");
        assert!(heard.path.starts_with(b"/") || heard.path == b"*", "{heard:?}");
        rest = &rest[head.size..];
        let body = pieces.next();
        match (heard.framing, body) {
            (Framing::Length(length), Some(Read::Body(payload, kept))) => {
                let (body, after) = rest.split_at(usize::try_from(length).expect("a length in memory"));
                assert_eq!((payload.as_slice(), kept.as_slice()), (body, body));
                rest = after;
            }
            (Framing::Chunked, Some(Read::Body(payload, kept))) => {
                let (body, after) = strict::chunked(rest).expect("chunks that only we take").expect("an end");
                assert_eq!(*payload, body);
                // What the origin gets holds the same, ends where it ends, and has no extension.
                assert_eq!(strict::chunked(kept), Ok(Some((body, b"".as_slice()))));
                assert!(!kept.split(|byte| *byte == b'\r').next().unwrap_or_default().contains(&b';'));
                rest = after;
            }
            (Framing::Chunked, Some(Read::Open)) => assert!(!matches!(strict::chunked(rest), Ok(Some(_)))),
            (_, Some(Read::Body(payload, _))) => assert!(payload.is_empty()),
            _ => return,
        }
    }
}
