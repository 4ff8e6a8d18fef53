//! Early data over HTTP/3 (RFC 8470): what a client that comes back asks for before its handshake has ended.

use crate::h3::*;
use crate::h3_faults::{frame, literal};
use crate::http2::run;
use crate::kit::*;
use proxy::Proxy;
use proxy::spec::Spec;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::watch;

fn start(origin: &Origin, early_data: bool) -> (Proxy, SocketAddr) {
    let certificates = vec![certificate("c", &["a.test"])];
    quic_with(&Spec { certificates, early_data, ..spec_for(origin) }, 1, quick())
}

/// The head of a request by this method.
fn head(method: &str) -> Vec<u8> {
    let start = [&[0, 0][..], &literal(":method", method), &[0xd7, 0x50, 6], b"a.test", &[0xc1]].concat();
    frame(0x01, &start)
}

/// A client that has been there, and has what it needs to come back with early data.
async fn acquainted(address: SocketAddr) -> quinn::Endpoint {
    let endpoint = endpoint_with(b"h3", true);
    let connection = endpoint.connect(address, "a.test").unwrap().await.unwrap();
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&head("GET")).await.unwrap();
    send.finish().unwrap();
    // The session's ticket has come before the answer.
    receive.read_to_end(10_000).await.unwrap();
    connection.close(0x100u32.into(), b"");
    endpoint.wait_idle().await;
    endpoint
}

async fn ask(connection: &quinn::Connection, method: &str) -> Vec<u8> {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(&head(method)).await.unwrap();
    send.finish().unwrap();
    receive.read_to_end(10_000).await.unwrap()
}

/// Passes packets between a client and the proxy on. Those of the proxy can be held back.
struct Way {
    address: SocketAddr,
    /// Of the client, in their order.
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    open: watch::Sender<bool>,
}

async fn way(to: SocketAddr) -> Way {
    let bind = || UdpSocket::bind("127.0.0.1:0");
    let (near, far) = (bind().await.unwrap(), bind().await.unwrap());
    far.connect(to).await.unwrap();
    let address = near.local_addr().unwrap();
    let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let (open, mut is_open) = watch::channel(true);
    let all = heard.clone();
    tokio::task::spawn_local(async move {
        let (mut up, mut down, mut client) = ([0; 2000], [0; 2000], None);
        loop {
            let may = *is_open.borrow_and_update();
            tokio::select! {
                _ = is_open.changed() => {}
                received = near.recv_from(&mut up) => {
                    let (length, from) = received.unwrap();
                    client = Some(from);
                    all.lock().unwrap().push(up[..length].to_vec());
                    far.send(&up[..length]).await.unwrap();
                }
                received = far.recv(&mut down), if may => {
                    near.send_to(&down[..received.unwrap()], client.unwrap()).await.unwrap();
                }
            }
        }
    });
    Way { address, heard, open }
}

#[test]
fn safe_requests_in_early_data_go_on_and_are_marked_others_wait_for_the_handshake() {
    let origin = Origin::mirror();
    let (_proxy, address) = start(&origin, true);
    run(async {
        let way = way(address).await;
        let endpoint = acquainted(way.address).await;
        // Without an answer of the proxy no handshake ends.
        way.open.send(false).unwrap();
        let Ok((connection, accepted)) = endpoint.connect(way.address, "a.test").unwrap().into_0rtt() else {
            panic!("the client has no session")
        };
        let both = async {
            let (safe, unsafe_one) = tokio::join!(ask(&connection, "GET"), ask(&connection, "POST"));
            (String::from_utf8_lossy(&safe).into_owned(), String::from_utf8_lossy(&unsafe_one).into_owned())
        };
        let mut both = std::pin::pin!(both);
        let early = async {
            while !origin.seen().to_lowercase().contains("early-data: 1") {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = &mut both => panic!("the handshake has ended"),
            () = early => {}
        }
        assert!(!origin.seen().contains("POST"), "{}", origin.seen());
        way.open.send(true).unwrap();
        let (safe, unsafe_one) = both.await;
        assert!(accepted.await, "the early data was taken");
        assert!(safe.to_lowercase().contains("early-data: 1"), "{safe}");
        assert!(
            unsafe_one.contains("POST / ") && !unsafe_one.to_lowercase().contains("early-data"),
            "{unsafe_one}"
        );
        // What comes later is not marked any more.
        let later = ask(&connection, "GET").await;
        assert!(!String::from_utf8_lossy(&later).to_lowercase().contains("early-data"));
    });
}

#[test]
fn what_is_heard_and_sent_again_is_taken_once() {
    let origin = Origin::mirror();
    let (_proxy, address) = start(&origin, true);
    run(async {
        let way = way(address).await;
        let endpoint = acquainted(way.address).await;
        let known = way.heard.lock().unwrap().len();
        let Ok((connection, accepted)) = endpoint.connect(way.address, "a.test").unwrap().into_0rtt() else {
            panic!("the client has no session")
        };
        ask(&connection, "GET").await;
        assert!(accepted.await, "the early data was taken");
        let seen = origin.seen().to_lowercase().matches("early-data: 1").count();
        assert_eq!(seen, 1);
        let heard = way.heard.lock().unwrap()[known..].to_vec();
        connection.close(0x100u32.into(), b"");
        // Somebody else sends all that was heard once more, from another place, until the proxy has forgotten the
        // connection and takes it for a new one.
        let replay = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut answer = [0; 2000];
        loop {
            for packet in &heard {
                replay.send_to(packet, address).await.unwrap();
            }
            let answered = tokio::time::timeout(Duration::from_millis(50), replay.recv(&mut answer)).await;
            // An Initial packet (RFC 9000, section 17.2.2).
            if answered.is_ok() && answer[0] & 0xf0 == 0xc0 {
                break;
            }
        }
        // It has to begin anew; nothing of its early data gets further than somebody who comes after it.
        acquainted(address).await;
        assert_eq!(origin.seen().to_lowercase().matches("early-data: 1").count(), 1);
    });
}

#[test]
fn without_the_setting_no_early_data_is_taken() {
    let origin = Origin::mirror();
    let (_proxy, address) = start(&origin, false);
    run(async {
        let endpoint = acquainted(address).await;
        assert!(endpoint.connect(address, "a.test").unwrap().into_0rtt().is_err());
    });
}
