//! Frames of HTTP/2 behind a preface: the flood counter in any pieces, and every head that comes out of the library
//! against HTTP/1: what is written to an origin is read there as it was meant.

use super::strict;
use crate::field::{self, Kind};
use crate::h2::{Flood, read_head};
use crate::request::Request;
use bytes::Bytes;
use tokio::io::AsyncWriteExt;

const LONGEST: usize = 8192;

pub(super) fn run(data: &[u8]) {
    let data = &data[..data.len().min(LONGEST)];
    let bytes = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", data].concat();
    let found = |step: usize| {
        let mut flood = Flood::new();
        bytes.chunks(step).for_each(|piece| flood.received(piece));
        flood.found()
    };
    assert_eq!(found(bytes.len()), found(1));
    assert_eq!(found(bytes.len()), found(10));
    super::on_runtime(serve(bytes));
}

/// Lets the library read the frames, as a worker does.
async fn serve(bytes: Vec<u8>) {
    let (client, server) = tokio::io::duplex(64 * 1024);
    let (mut answers, mut requests) = tokio::io::split(client);
    let feed = async {
        // The server may have had enough.
        let _ = requests.write_all(&bytes).await;
        let _ = requests.shutdown().await;
    };
    let drain = async {
        let _ = tokio::io::copy(&mut answers, &mut tokio::io::sink()).await;
    };
    let accept = async {
        let mut builder = h2::server::Builder::new();
        builder.max_concurrent_streams(128).enable_connect_protocol().max_header_list_size(32 * 1024);
        let Ok(mut connection) = builder.handshake::<_, Bytes>(server).await else { return };
        while let Some(Ok((request, respond))) = connection.accept().await {
            let (head, body) = request.into_parts();
            let mut request = Request::default();
            if read_head(&head, body.is_end_stream(), &mut request).is_ok() {
                hold(&request);
            }
            drop((respond, body));
        }
    };
    tokio::join!(feed, drain, accept);
}

/// The head as text of HTTP/1 is read as the same.
pub(super) fn hold(request: &Request) {
    let mut text = [request.method(), b" ", request.path()].concat();
    if let Some(query) = request.query() {
        text.extend_from_slice(b"?");
        text.extend_from_slice(query);
    }
    text.extend_from_slice(b" HTTP/1.1\r\n");
    field::put(&mut text, b"host", request.authority());
    for field in &request.fields {
        assert!(!matches!(
            field.kind,
            Kind::Connection | Kind::TransferEncoding | Kind::Upgrade | Kind::Host
        ));
        field::put(&mut text, request.text(field.name), request.text(field.value));
    }
    text.extend_from_slice(b"\r\n");
    let head = strict::request(&text).expect("a head of HTTP/1").expect("one that ends");
    assert_eq!(head.size, text.len());
    assert_eq!(head.fields.len(), request.fields.len() + 1);
    for (read, field) in head.fields[1..].iter().zip(&request.fields) {
        assert!(read.0.eq_ignore_ascii_case(request.text(field.name)));
        assert_eq!(read.1.as_slice(), request.text(field.value).trim_ascii());
    }
    assert!(head.values(b"content-length").len() <= 1);
}
