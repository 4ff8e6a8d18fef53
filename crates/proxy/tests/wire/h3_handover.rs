//! HTTP/3 over an upgrade of the binary: new connections are the next process's, while those of the processes before go
//! on to their end (acceptance A19, G3). The processes are several proxies in this one.

use crate::h3::*;
use crate::http2::run;
use crate::kit::*;
use proxy::{LogSettings, Proxy, QuicListening};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Mutex, mpsc};
use std::time::Duration;
use tokio::sync::watch;

const WORKERS: usize = 2;
/// Connections to each process, so that each worker has some.
const CLIENTS: usize = 6;

/// Says `name`, and for `/slow` half of it until it is told to go on.
fn origin(name: &'static str) -> (Origin, mpsc::Sender<()>) {
    let (go_on, wait) = mpsc::channel();
    let wait = Mutex::new(wait);
    let origin = Origin::scripted(move |wire, _| {
        while let Some(head) = wire.head() {
            let answer = sized(name.as_bytes());
            let half = if head.starts_with("GET /slow") { answer.len() - 1 } else { answer.len() };
            wire.send(&answer[..half]);
            if half < answer.len() {
                wait.lock().unwrap().recv().unwrap();
                wire.send(&answer[half..]);
            }
        }
    });
    (origin, go_on)
}

fn next(origin: &Origin) -> Proxy {
    let spec = proxy::spec::Spec { certificates: vec![certificate("c", &["a.test"])], ..spec_for(origin) };
    start(&spec, quick(), LogSettings::default())
}

/// As `charon upgrade` does it.
async fn hand_over(from: &Proxy, to: &Proxy) {
    let (sender, may_read) = watch::channel(false);
    for handover in from.sockets_of_quic().unwrap() {
        to.listen_quic(QuicListening::inherit(handover, &may_read).unwrap()).unwrap();
    }
    from.yield_quic().await;
    sender.send(true).unwrap();
}

/// Connections, and who answers by them.
async fn clients(address: SocketAddr, name: &str) -> Vec<(quinn::Endpoint, Sender)> {
    let mut all = Vec::new();
    for _ in 0..CLIENTS {
        let endpoint = endpoint(b"h3");
        let (sender, _) = http3(endpoint.connect(address, "a.test").unwrap().await.unwrap()).await;
        all.push((endpoint, sender));
    }
    answered_by(&mut all, name).await;
    all
}

async fn answered_by(clients: &mut [(quinn::Endpoint, Sender)], name: &str) {
    for (_, sender) in clients {
        let (_, body, _) = fetch(sender, get("https://a.test/"), None).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&body), name);
    }
}

async fn begin(clients: &mut [(quinn::Endpoint, Sender)]) -> Exchange {
    let mut stream = clients[0].1.send_request(get("https://a.test/slow")).await.unwrap();
    stream.finish().await.unwrap();
    stream
}

#[test]
fn connections_stay_with_their_process_over_two_upgrades_and_new_ones_are_the_newest_ones() {
    let ((one, end_one), (two, end_two), (three, _)) = (origin("one"), origin("two"), origin("three"));
    let (first, address) = quic(&one, WORKERS, quick());
    let (second, third) = (next(&two), next(&three));
    run(async {
        let mut of_first = clients(address, "one").await;
        let slow_one = begin(&mut of_first).await;
        hand_over(&first, &second).await;
        let mut of_second = clients(address, "two").await;
        answered_by(&mut of_first, "one").await;
        // They may also move meanwhile.
        for (endpoint, _) in &of_first {
            endpoint.rebind(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
        }
        answered_by(&mut of_first, "one").await;
        let slow_two = begin(&mut of_second).await;
        hand_over(&second, &third).await;
        clients(address, "three").await;
        answered_by(&mut of_first, "one").await;
        answered_by(&mut of_second, "two").await;
        // Now those before go, the older one last: nothing that runs is cut.
        let finished = async |slow: Exchange, go_on: &mpsc::Sender<()>, name: &str| {
            go_on.send(()).unwrap();
            let (_, body, _) = answer(slow).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&body), name);
        };
        tokio::join!(second.retire(PATIENCE), finished(slow_two, &end_two, "two"));
        drop(second);
        answered_by(&mut of_first, "one").await;
        tokio::join!(first.retire(PATIENCE), finished(slow_one, &end_one, "one"));
        drop(first);
        clients(address, "three").await;
    });
}

#[test]
fn when_the_next_process_ends_first_the_one_before_reads_its_sockets_again() {
    let ((one, _one), (two, _two)) = (origin("one"), origin("two"));
    let (first, address) = quic(&one, WORKERS, quick());
    let second = next(&two);
    run(async {
        let mut of_first = clients(address, "one").await;
        hand_over(&first, &second).await;
        clients(address, "two").await;
        drop(second);
        answered_by(&mut of_first, "one").await;
        clients(address, "one").await;
        // One that never came to read leaves no trace either.
        let third = next(&two);
        let (sender, may_read) = watch::channel(false);
        for handover in first.sockets_of_quic().unwrap() {
            third.listen_quic(QuicListening::inherit(handover, &may_read).unwrap()).unwrap();
        }
        answered_by(&mut of_first, "one").await;
        drop(third);
        drop(sender);
        clients(address, "one").await;
        first.drain(Duration::ZERO).await;
    });
}
