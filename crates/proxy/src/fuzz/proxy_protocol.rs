//! The PROXY protocol over real sockets: whole and byte by byte, not a byte behind the header is taken, and what we
//! would write for the same connection is read as the same.

use crate::proxy_protocol::{self, Origin};
use crate::spec::ProxyProtocol;
use crate::upstream::proxy_header;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than the longest header.
const LONGEST: usize = 4200;
/// Up to this length, bytes are sent one by one too.
const BY_BYTE: usize = 160;

pub(super) fn run(data: &[u8]) {
    let data = &data[..data.len().min(LONGEST)];
    super::on_runtime(async {
        let whole = read(data, LONGEST).await;
        if data.len() <= BY_BYTE {
            assert_eq!(whole, read(data, 1).await, "byte by byte");
        }
        let Some((origin, rest)) = whole else { return };
        assert!(data.ends_with(&rest));
        let header = &data[..data.len() - rest.len()];
        // Which of the two it is shows in the first byte, and both tell their own length.
        if header[0] == b'P' {
            assert!(
                header.len() <= 107
                    && header.ends_with(b"\r\n")
                    && header.iter().filter(|b| **b == b'\n').count() == 1
            );
        } else {
            assert_eq!(header.len(), 16 + usize::from(u16::from_be_bytes([header[14], header[15]])));
        }
        if let Origin::Client { from, to } = origin {
            for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
                let told = proxy_header::header(version, from, to);
                let Some((Origin::Client { from: again, to: there }, rest)) = read(&told, LONGEST).await
                else {
                    panic!("our own header is not read: {}", told.escape_ascii());
                };
                let plain = |address: std::net::SocketAddr| (address.ip().to_canonical(), address.port());
                assert_eq!((plain(again), plain(there)), (plain(from), plain(to)));
                assert!(rest.is_empty());
            }
        }
    });
}

/// What is read when the bytes come in pieces of `step`, and what is left behind it.
async fn read(data: &[u8], step: usize) -> Option<(Origin, Vec<u8>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let mut client =
        TcpStream::connect(listener.local_addr().expect("an address")).await.expect("a connection");
    client.set_nodelay(true).expect("a socket");
    let (mut server, _) = listener.accept().await.expect("a connection");
    let writer = async {
        for piece in data.chunks(step) {
            // The other side may have had enough.
            if client.write_all(piece).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
        let _ = client.shutdown().await;
    };
    let reader = async {
        let origin = proxy_protocol::read(&mut server).await;
        let mut rest = Vec::new();
        // Read in any case, so that the writer is never stopped by a full socket.
        let end = tokio::time::timeout(Duration::from_secs(10), server.read_to_end(&mut rest)).await;
        assert!(end.is_ok(), "more is read than was sent");
        origin.ok().map(|origin| (origin, rest))
    };
    let ((), read) = tokio::join!(writer, reader);
    // A reset, so that no port waits for what is gone.
    let _ = client.set_zero_linger();
    read
}
