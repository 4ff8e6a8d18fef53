//! What breaks the rules of HTTP/3 ends as its standards say: the connection, or the stream, with the right code
//! (RFC 9114, RFC 9204).

use crate::h3::{connect, quic};
use crate::http2::run;
use crate::kit::*;
use quinn::{ConnectionError, ReadError};

/// `GET https://a.test/`, as a HEADERS frame of static entries and one literal.
const GET: &[u8] = &[0x01, 13, 0, 0, 0xd1, 0xd7, 0x50, 6, b'a', b'.', b't', b'e', b's', b't', 0xc1];

/// A frame around a short payload.
pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap() | 0x4000;
    [&[kind], &length.to_be_bytes()[..], payload].concat()
}

/// The request with more lines in its field section.
fn get_with(more: &[u8]) -> Vec<u8> {
    frame(0x01, &[&GET[2..], more].concat())
}

pub(crate) fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut line = vec![0b0010_0111, u8::try_from(name.len() - 7).unwrap()];
    line.extend_from_slice(name.as_bytes());
    line.push(u8::try_from(value.len()).unwrap());
    line.extend_from_slice(value.as_bytes());
    line
}

/// What is sent: on streams of their own in one direction, each ended or not, or on a request stream.
enum Sent {
    OneWay(Vec<(Vec<u8>, bool)>),
    Request(Vec<u8>, bool),
}

async fn code(address: std::net::SocketAddr, sent: Sent) -> u64 {
    let connection = connect(address, "a.test").await;
    let mut kept = Vec::new();
    match sent {
        Sent::OneWay(streams) => {
            for (bytes, ends) in streams {
                let mut stream = connection.open_uni().await.unwrap();
                // The connection may end within.
                let _ = stream.write_all(&bytes).await;
                if ends {
                    let _ = stream.finish();
                }
                kept.push(stream);
            }
        }
        Sent::Request(bytes, ends) => {
            let (mut stream, _receive) = connection.open_bi().await.unwrap();
            let _ = stream.write_all(&bytes).await;
            if ends {
                let _ = stream.finish();
            }
            kept.push(stream);
        }
    }
    match connection.closed().await {
        ConnectionError::ApplicationClosed(close) => close.error_code.into_inner(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_breach_of_the_protocol_ends_the_connection_with_its_code() {
    let origin = Origin::ok();
    let (proxy, address) = quic(&origin, 1, quick());
    let one = |bytes: &[u8]| Sent::OneWay(vec![(bytes.to_vec(), false)]);
    let ended = |bytes: &[u8]| Sent::OneWay(vec![(bytes.to_vec(), true)]);
    let control = |frames: &[u8]| one(&[&[0x00, 0x04, 0x00], frames].concat());
    let request = |bytes: &[u8]| Sent::Request(bytes.to_vec(), false);
    let cases = [
        // RFC 9114, section 6.2: streams in one direction.
        ("a push stream", one(&[0x01, 0x00]), 0x103),
        ("a second control stream", Sent::OneWay(vec![(vec![0x00, 0x04, 0x00], false); 2]), 0x103),
        ("a second encoder stream", Sent::OneWay(vec![(vec![0x02], false); 2]), 0x103),
        ("a second decoder stream", Sent::OneWay(vec![(vec![0x03], false); 2]), 0x103),
        ("a control stream that ends", ended(&[0x00, 0x04, 0x00]), 0x104),
        ("an encoder stream that ends", ended(&[0x02]), 0x104),
        ("a decoder stream that ends", ended(&[0x03]), 0x104),
        // Section 7.2.4.
        ("no SETTINGS first", one(&[0x00, 0x07, 0x01, 0x00]), 0x10a),
        ("an unknown frame first", one(&[0x00, 0x21, 0x00]), 0x10a),
        ("SETTINGS twice", control(&[0x04, 0x00]), 0x105),
        ("a setting twice", one(&[0x00, 0x04, 0x04, 0x06, 0x01, 0x06, 0x01]), 0x109),
        ("a setting of HTTP/2", one(&[0x00, 0x04, 0x02, 0x02, 0x00]), 0x109),
        ("half a setting", one(&[0x00, 0x04, 0x01, 0x06]), 0x106),
        // Section 7.2: frames on the wrong stream.
        ("DATA on the control stream", control(&[0x00, 0x00]), 0x105),
        ("HEADERS on the control stream", control(&[0x01, 0x00]), 0x105),
        ("PUSH_PROMISE on the control stream", control(&[0x05, 0x00]), 0x105),
        ("a frame of HTTP/2 on the control stream", control(&[0x08, 0x00]), 0x105),
        ("CANCEL_PUSH of nothing", control(&[0x03, 0x01, 0x00]), 0x108),
        ("GOAWAY that grows", control(&[0x07, 0x01, 0x01, 0x07, 0x01, 0x02]), 0x108),
        ("MAX_PUSH_ID that falls", control(&[0x0d, 0x01, 0x02, 0x0d, 0x01, 0x01]), 0x108),
        ("MAX_PUSH_ID with more behind it", control(&[0x0d, 0x02, 0x02, 0x00]), 0x106),
        ("GOAWAY without an id", control(&[0x07, 0x00]), 0x106),
        ("DATA before HEADERS", request(&[0x00, 0x01, b'x']), 0x105),
        ("SETTINGS on a request stream", request(&[0x04, 0x00]), 0x105),
        ("GOAWAY on a request stream", request(&[0x07, 0x01, 0x00]), 0x105),
        ("MAX_PUSH_ID on a request stream", request(&[0x0d, 0x01, 0x00]), 0x105),
        ("CANCEL_PUSH on a request stream", request(&[0x03, 0x01, 0x00]), 0x105),
        ("PUSH_PROMISE on a request stream", request(&[0x05, 0x01, 0x00]), 0x105),
        ("PRIORITY of HTTP/2", request(&[0x02, 0x00]), 0x105),
        ("PING of HTTP/2", request(&[0x06, 0x00]), 0x105),
        ("CONTINUATION of HTTP/2", request(&[0x09, 0x00]), 0x105),
        (
            "DATA behind trailers",
            request(&[GET, &[0x00, 0x01, b'x', 0x01, 0x02, 0, 0, 0x00, 0x01, b'x']].concat()),
            0x105,
        ),
        ("HEADERS behind trailers", request(&[GET, &[0x01, 0x02, 0, 0, 0x01, 0x02, 0, 0]].concat()), 0x105),
        ("a frame that is cut off", Sent::Request(vec![0x01, 0x20, 0x00], true), 0x106),
        // RFC 9204.
        ("an entry of the dynamic table", request(&frame(0x01, &[0, 0, 0x80])), 0x200),
        ("a section that needs entries", request(&frame(0x01, &[2, 0, 0x80])), 0x200),
        ("a static entry that is not there", request(&frame(0x01, &[0, 0, 0xff, 0x3f])), 0x200),
        ("a base below none", request(&frame(0x01, &[0, 0x80, 0xd1])), 0x200),
        (
            "a string with the end in it",
            request(&frame(0x01, &[0, 0, 0x51, 0x84, 0xff, 0xff, 0xff, 0xff])),
            0x200,
        ),
        ("a table with room", one(&[0x02, 0x3f, 0x01]), 0x201),
        ("an entry for the table", one(&[0x02, 0xc0, 0x00]), 0x201),
        ("an entry again", one(&[0x02, 0x00]), 0x201),
        ("an acknowledged section", one(&[0x03, 0x80]), 0x202),
        ("an insert count that does not grow", one(&[0x03, 0x00]), 0x202),
        ("an insert count of what was not sent", one(&[0x03, 0x01]), 0x202),
    ];
    let count = cases.len() as u64;
    run(async {
        for (name, sent, expected) in cases {
            assert_eq!(code(address, sent).await, expected, "{name}");
        }
    });
    let cuts = proxy.stats().cuts;
    assert_eq!(
        cuts.iter().find(|(cut, _)| cut.name() == "h3_protocol").map(|(_, count)| *count),
        Some(count)
    );
    assert!(origin.seen().is_empty() || origin.seen().starts_with("GET"), "{}", origin.seen());
}

#[test]
fn what_is_no_message_resets_its_stream_alone() {
    let origin = Origin::ok();
    let (_proxy, address) = quic(&origin, 1, quick());
    run(async {
        let connection = connect(address, "a.test").await;
        for (name, sent, expected) in [
            ("a name in upper case", get_with(&literal("X-Upper", "x")), 0x10e),
            ("a line break in a value", get_with(&literal("x-lower", "a\r\nb: c")), 0x10e),
            (":path twice", get_with(&[0xc1]), 0x10e),
            (":status", get_with(&[0xd9]), 0x10e),
            (":method behind a header", get_with(&[&literal("x-lower", "x")[..], &[0xd1]].concat()), 0x10e),
            ("no :path", frame(0x01, &[&GET[2..GET.len() - 1]].concat()), 0x10e),
            ("no :method", frame(0x01, &[&[0, 0], &GET[5..]].concat()), 0x10e),
            ("te that asks for more", get_with(&[0x22, b't', b'e', 4, b'g', b'z', b'i', b'p']), 0x10e),
            ("a Content-Length above what comes", get_with(&[0x54, 1, b'5']), 0x10e),
            ("nothing", Vec::new(), 0x10d),
            ("an unknown frame alone", vec![0x21, 0x00], 0x10d),
        ] {
            let (mut send, mut receive) = connection.open_bi().await.unwrap();
            send.write_all(&sent).await.unwrap();
            send.finish().unwrap();
            let error = receive.read_to_end(10_000).await.unwrap_err();
            let quinn::ReadToEndError::Read(ReadError::Reset(code)) = error else {
                panic!("{name}: {error}")
            };
            assert_eq!(code.into_inner(), expected, "{name}");
        }
        // What has no meaning is passed over: frames, settings, streams, and frames behind the request.
        let mut control = connection.open_uni().await.unwrap();
        control.write_all(&[0x00, 0x04, 0x02, 0x21, 0x07, 0x21, 0x02, 1, 2, 0x40, 0x40, 0x00]).await.unwrap();
        let mut unknown = connection.open_uni().await.unwrap();
        unknown.write_all(&[0x21, 1, 2, 3]).await.unwrap();
        assert_eq!(unknown.stopped().await.unwrap().map(|code| code.into_inner()), Some(0x103));
        let mut early = connection.open_uni().await.unwrap();
        early.finish().unwrap();
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        send.write_all(&[&[0x21, 0x03, 1, 2, 3], GET, &[0x21, 0x00]].concat()).await.unwrap();
        send.finish().unwrap();
        let answer = receive.read_to_end(10_000).await.unwrap();
        // HEADERS, with a section that begins with `:status` 200.
        assert_eq!((answer[0], &answer[5..8]), (0x01, &[0, 0, 0xd9][..]));
    });
}

#[test]
fn a_flood_of_resets_or_of_empty_frames_ends_the_connection() {
    let origin = Origin::scripted(|wire, _| wire.drain());
    let (proxy, address) = quic(&origin, 1, quick());
    run(async {
        let connection = connect(address, "a.test").await;
        let flooding = async {
            while let Ok((mut send, mut receive)) = connection.open_bi().await {
                if send.write_all(&GET[..10]).await.is_err() {
                    break;
                }
                let _ = send.reset(0x10c_u32.into());
                let _ = receive.stop(0x10c_u32.into());
            }
        };
        flooding.await;
        let ConnectionError::ApplicationClosed(close) = connection.closed().await else { panic!() };
        assert_eq!(close.error_code.into_inner(), 0x107);
        let connection = connect(address, "a.test").await;
        while let Ok((mut send, _receive)) = connection.open_bi().await {
            // It may end at once.
            let _ = send.finish();
        }
        let ConnectionError::ApplicationClosed(close) = connection.closed().await else { panic!() };
        assert_eq!(close.error_code.into_inner(), 0x107, "streams without a request");
        let connection = connect(address, "a.test").await;
        while let Ok(mut send) = connection.open_uni().await {
            let _ = send.write_all(&[0x21]).await;
            let _ = send.finish();
        }
        let ConnectionError::ApplicationClosed(close) = connection.closed().await else { panic!() };
        assert_eq!(close.error_code.into_inner(), 0x107, "streams without a meaning");
        let frames = [0x21, 0x00].repeat(5000);
        assert_eq!(
            code(address, Sent::OneWay(vec![([&[0, 4, 0][..], &frames].concat(), false)])).await,
            0x107
        );
    });
    let cuts = proxy.stats().cuts;
    assert_eq!(cuts.iter().find(|(cut, _)| cut.name() == "h3_flood").map(|(_, count)| *count), Some(4));
}

#[test]
fn a_head_above_the_limits_is_refused() {
    let origin = Origin::ok();
    let (_proxy, address) = quic(&origin, 1, quick());
    run(async {
        let connection = connect(address, "a.test").await;
        let mut many = GET[2..].to_vec();
        (0..101).for_each(|_| many.extend_from_slice(&literal("x-lower", "x")));
        let mut large = GET[2..].to_vec();
        (0..300).for_each(|_| large.extend_from_slice(&literal("x-lower", &"x".repeat(90))));
        let too_large = vec![0; 40_000];
        for section in [many, large, too_large] {
            let length = u32::try_from(section.len()).unwrap() | 0x8000_0000;
            let (mut send, mut receive) = connection.open_bi().await.unwrap();
            send.write_all(&[&[0x01], &length.to_be_bytes()[..], &section].concat()).await.unwrap();
            let _ = send.finish();
            let answer = receive.read_to_end(10_000).await.unwrap();
            // `:status` by name, and its value.
            assert_eq!(&answer[5..], [&[0, 0, 0x5f, 9, 3], &b"431"[..], &answer[13..]].concat());
        }
    });
    assert_eq!(origin.seen(), "");
}
