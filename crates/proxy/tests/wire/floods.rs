//! HTTP/2 clients that mean harm: resets, header bombs, frames without content, windows that stay shut
//! (acceptance C5 to C8). Frames are written by hand, since no library sends them.

use crate::http2::{run, secure_with, tls};
use crate::kit::*;
use proxy::{Cut, Limits, Proxy};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const CALM: u32 = 11;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

/// `GET https://a.test/` in HPACK.
fn get() -> Vec<u8> {
    [b"\x82\x87\x84\x01\x06a.test".as_slice()].concat()
}

fn request(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &get())
}

/// A header by name and value, without any compression.
pub(crate) fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut text = vec![0];
    for part in [name, value] {
        // Lengths from 127 on are continued in groups of seven bits (RFC 7541, section 5.1).
        match part.len().checked_sub(127) {
            None => text.push(u8::try_from(part.len()).unwrap()),
            Some(mut rest) => {
                text.push(127);
                while rest >= 128 {
                    text.push(u8::try_from(rest % 128).unwrap() | 128);
                    rest /= 128;
                }
                text.push(u8::try_from(rest).unwrap());
            }
        }
        text.extend_from_slice(part);
    }
    text
}

/// A block of headers as HEADERS and as many CONTINUATION as it needs.
fn block(stream: u32, block: &[u8]) -> Vec<u8> {
    let mut pieces = block.chunks(16_000).peekable();
    let mut frames = frame(HEADERS, END_STREAM, stream, pieces.next().unwrap());
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        frames.extend(frame(CONTINUATION, flags, stream, piece));
    }
    frames
}

pub(crate) struct Frames {
    stream: ReadHalf<TlsStream<TcpStream>>,
    unread: Vec<u8>,
}

/// What came of an attack.
#[derive(Debug, Default)]
struct End {
    /// The reason of GOAWAY.
    goaway: Option<u32>,
    answers: usize,
    resets: usize,
}

impl Frames {
    /// The next frame: its kind, flags, and content.
    pub(crate) async fn next(&mut self) -> Option<(u8, u8, Vec<u8>)> {
        loop {
            if let Some([high, middle, low, kind, flags]) = self.unread.first_chunk() {
                let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
                let (kind, flags) = (*kind, *flags);
                if self.unread.len() >= 9 + length {
                    let frame: Vec<_> = self.unread.drain(..9 + length).collect();
                    return Some((kind, flags, frame[9..].to_vec()));
                }
            }
            let mut buffer = vec![0; 65536];
            let count = self.stream.read(&mut buffer).await.unwrap_or(0);
            if count == 0 {
                return None;
            }
            self.unread.extend_from_slice(&buffer[..count]);
        }
    }

    /// Reads to the end of the connection.
    async fn end(&mut self) -> End {
        let mut end = End::default();
        while let Some((kind, _, content)) = self.next().await {
            match kind {
                GOAWAY => end.goaway = Some(u32::from_be_bytes(content[4..8].try_into().unwrap())),
                RST_STREAM => end.resets += 1,
                HEADERS => end.answers += 1,
                _ => {}
            }
        }
        end
    }
}

/// A connection of HTTP/2 after its preface.
pub(crate) async fn open(proxy: &Proxy, settings: &[u8]) -> (Frames, WriteHalf<TlsStream<TcpStream>>) {
    let stream = tls(proxy, "a.test", &[b"h2"]).await.unwrap();
    let (stream, mut write) = tokio::io::split(stream);
    write.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    write.write_all(&frame(SETTINGS, 0, 0, settings)).await.unwrap();
    write.flush().await.unwrap();
    (Frames { stream, unread: Vec::new() }, write)
}

/// Sends `first` and then `frames` up to `times` while reading what comes. What came of it, and how many bytes
/// could be sent.
async fn flood(proxy: &Proxy, first: &[u8], frames: impl Fn(u32) -> Vec<u8>, times: u32) -> (End, usize) {
    let (mut reader, mut write) = open(proxy, b"").await;
    let sender = async {
        let mut sent = 0;
        write.write_all(first).await.unwrap();
        for time in 0..times {
            let frames = frames(time);
            if write.write_all(&frames).await.is_err() || write.flush().await.is_err() {
                break;
            }
            sent += frames.len();
            tokio::task::yield_now().await;
        }
        sent
    };
    let (sent, end) = tokio::join!(sender, reader.end());
    (end, sent)
}

fn counted(proxy: &Proxy, cut: Cut) -> u64 {
    proxy.stats().cuts[&cut]
}

/// After each attack, others are served as if nothing were.
fn serves(proxy: &Proxy) {
    assert_eq!(Client::of(proxy).get("/").status(), 200);
}

fn cancel(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])
}

#[test]
fn streams_that_are_opened_and_reset_at_once_are_few_at_the_origin() {
    let origin = Origin::scripted(|wire, _| wire.drain());
    let proxy = secure_with(&origin, quick());
    run(async {
        let pair = |time: u32| [request(2 * time + 1), cancel(2 * time + 1)].concat();
        let (end, _) = flood(&proxy, &[], pair, 5000).await;
        assert_eq!(end.goaway, Some(CALM), "{end:?}");
    });
    assert!(origin.connections() <= 200, "{}", origin.connections());
    assert_eq!(counted(&proxy, Cut::H2Resets) + counted(&proxy, Cut::H2Flood), 1);
    eventually("nothing is left", || proxy.stats().in_flight == 0 && proxy.stats().connections == 0);
}

#[test]
fn streams_that_are_reset_as_soon_as_the_origin_has_them_are_few_at_the_origin() {
    let origin = Origin::scripted(|wire, _| wire.drain());
    let proxy = secure_with(&origin, quick());
    run(async {
        let (mut reader, mut write) = open(&proxy, b"").await;
        let mut streams = (1..).step_by(2);
        for batch in 1.. {
            let batch_of: Vec<_> = streams.by_ref().take(25).collect();
            let requests: Vec<_> = batch_of.iter().flat_map(|stream| request(*stream)).collect();
            if write.write_all(&requests).await.is_err() || write.flush().await.is_err() {
                break;
            }
            let mut pause = tokio::time::interval(Duration::from_millis(2));
            while origin.connections() < batch * 25 && proxy.stats().connections > 0 {
                pause.tick().await;
            }
            let resets: Vec<_> = batch_of.iter().flat_map(|stream| cancel(*stream)).collect();
            let _ = write.write_all(&resets).await;
        }
        let end = reader.end().await;
        assert_eq!(end.goaway, Some(CALM), "{end:?}");
    });
    assert!(origin.connections() <= 200, "{}", origin.connections());
    assert_eq!(counted(&proxy, Cut::H2Resets), 1);
    eventually("nothing is left", || proxy.stats().in_flight == 0 && proxy.stats().connections == 0);
}

#[test]
fn streams_that_we_are_made_to_reset_are_few_at_the_origin() {
    let origin = Origin::scripted(|wire, _| wire.drain());
    let proxy = secure_with(&origin, quick());
    run(async {
        // A window above its bound is an error of the stream (RFC 9113, section 6.9.1).
        let fault = |time: u32| {
            [request(2 * time + 1), frame(WINDOW_UPDATE, 0, 2 * time + 1, &[0x7f, 0xff, 0xff, 0xff])].concat()
        };
        let (end, _) = flood(&proxy, &[], fault, 5000).await;
        assert_eq!(end.goaway, Some(CALM), "{end:?}");
    });
    assert!(origin.connections() <= 200, "{}", origin.connections());
    assert_eq!(counted(&proxy, Cut::H2Flood), 1);
}

#[test]
fn heads_without_end_and_heads_that_unfold_are_cut_early() {
    let origin = Origin::ok();
    let proxy = secure_with(&origin, quick());
    run(async {
        for (what, first, piece) in [
            ("empty", frame(HEADERS, END_STREAM, 1, &get()), frame(CONTINUATION, 0, 1, b"")),
            ("by the byte", frame(HEADERS, END_STREAM, 1, b""), frame(CONTINUATION, 0, 1, b"\x82")),
            ("full", frame(HEADERS, END_STREAM, 1, &get()), {
                frame(CONTINUATION, 0, 1, &literal(b"a", &[b'x'; 4000]).repeat(4))
            }),
        ] {
            let (end, sent) = flood(&proxy, &first, |_| piece.clone(), 100_000).await;
            assert!(end.goaway.is_some() && end.answers == 0, "{what}: {end:?}");
            // Of what could be sent, some lies in the buffers of the kernel.
            assert!(sent < 8 << 20, "{what}: {sent}");
        }
        assert_eq!(counted(&proxy, Cut::H2Flood) + counted(&proxy, Cut::H2Protocol), 3);
        // One header of 4 kB in the dynamic table, named 8000 times with one byte each; 5000 headers; 1 MiB.
        let mut stored = literal(b"bomb", &[b'x'; 4000]);
        stored[0] = 0x40;
        let bomb = [get(), stored, vec![0xbe; 8000]].concat();
        let many = [get(), literal(b"a", b"b").repeat(5000)].concat();
        let large = [get(), literal(b"a", &[b'x'; 30_000]).repeat(35)].concat();
        for (what, attack) in [("bomb", bomb), ("many", many), ("large", large)] {
            let (mut reader, mut write) = open(&proxy, b"").await;
            let _ = write.write_all(&block(1, &attack)).await;
            let _ = write.flush().await;
            let refused = loop {
                match reader.next().await {
                    // 431 by name: index 8 is `:status`.
                    Some((HEADERS, _, content)) => {
                        break content.windows(3).any(|text| text == b"431") || content[0] == 0x48;
                    }
                    Some((GOAWAY | RST_STREAM, ..)) | None => break true,
                    Some(_) => {}
                }
            };
            assert!(refused, "{what}");
        }
    });
    assert_eq!(origin.seen(), "");
    serves(&proxy);
}

#[test]
fn frames_that_carry_nothing_end_the_connection() {
    let origin = Origin::scripted(|wire, _| wire.drain());
    let proxy = secure_with(&origin, quick());
    let post = [b"\x83\x87\x84\x01\x06a.test".as_slice()].concat();
    let open_stream = frame(HEADERS, END_HEADERS, 1, &post);
    let floods = [
        ("ping", frame(PING, 0, 0, &[0; 8])),
        ("settings", frame(SETTINGS, 0, 0, b"")),
        ("priority", frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 1])),
        ("window update", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("empty data", frame(DATA, 0, 1, b"")),
        ("unknown", frame(99, 0, 0, b"")),
    ];
    run(async {
        for (what, flood_frame) in &floods {
            let (end, sent) = flood(&proxy, &open_stream, |_| flood_frame.repeat(100), 10_000).await;
            assert!(end.goaway.is_some_and(|reason| reason != 0), "{what}: {end:?}");
            assert!(sent < 8 << 20, "{what}: {sent}");
        }
    });
    let cuts = counted(&proxy, Cut::H2Control) + counted(&proxy, Cut::H2Flood);
    assert_eq!(cuts, floods.len() as u64);
}

#[test]
fn a_flood_of_pings_whose_answers_are_not_read_is_bounded_and_ends() {
    let origin = Origin::ok();
    let proxy = secure_with(&origin, Limits { stall: Duration::from_millis(300), ..quick() });
    run(async {
        let (_unread, mut write) = open(&proxy, b"").await;
        let pings = frame(PING, 0, 0, &[0; 8]).repeat(1000);
        while write.write_all(&pings).await.is_ok() && write.flush().await.is_ok() {}
    });
    eventually("the connection is gone", || proxy.stats().connections == 0);
}

#[test]
fn windows_that_stay_shut_hold_little_and_time_out() {
    let origin = Origin::answering(|_, _| sized(&vec![b'x'; 8 << 20]));
    let proxy = secure_with(&origin, Limits { stall: Duration::from_millis(500), ..quick() });
    run(async {
        // SETTINGS_INITIAL_WINDOW_SIZE is 0.
        let (mut reader, mut write) = open(&proxy, &[0, 4, 0, 0, 0, 0]).await;
        let requests: Vec<_> = (0..100).flat_map(|stream| request(2 * stream + 1)).collect();
        write.write_all(&requests).await.unwrap();
        write.flush().await.unwrap();
        let (mut heads, mut resets) = (0, 0);
        while resets < 100 {
            match reader.next().await.expect("the connection stays") {
                (HEADERS, ..) => heads += 1,
                (RST_STREAM, ..) => resets += 1,
                (DATA, _, content) => assert_eq!(content, b""),
                _ => {}
            }
        }
        assert_eq!(heads, 100);
    });
    assert_eq!(counted(&proxy, Cut::SlowReader), 100);
    serves(&proxy);
}

#[test]
fn a_slow_reader_that_keeps_the_rate_gets_all_of_a_large_answer() {
    let origin = Origin::answering(|_, _| sized(&vec![b'x'; 24 << 20]));
    let proxy = secure_with(&origin, Limits { stall: Duration::from_millis(300), rate: 10_000, ..quick() });
    run(async {
        // A window that never holds the reader back.
        let (mut reader, mut write) = open(&proxy, &[0, 4, 0x7f, 0xff, 0xff, 0xff]).await;
        write.write_all(&frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0])).await.unwrap();
        write.write_all(&request(1)).await.unwrap();
        write.flush().await.unwrap();
        let (mut taken, mut paused) = (0, 0);
        while taken < 24 << 20 {
            let (kind, _, content) = reader.next().await.expect("the connection stays");
            if kind == DATA {
                taken += content.len();
            }
            if taken / (512 << 10) > paused {
                paused += 1;
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
        }
    });
    assert_eq!(counted(&proxy, Cut::SlowReader), 0);
}

#[test]
fn a_connection_without_a_stream_is_cut_like_any_silent_one() {
    let origin = Origin::ok();
    let proxy = secure_with(&origin, Limits { head: Duration::from_millis(300), ..quick() });
    run(async {
        for first in [b"".as_slice(), &frame(HEADERS, END_STREAM, 1, b"\x82")] {
            let (mut reader, mut write) = open(&proxy, b"").await;
            write.write_all(first).await.unwrap();
            write.flush().await.unwrap();
            reader.end().await;
        }
    });
    assert_eq!(counted(&proxy, Cut::Silent), 2);
}
