//! What answers, what refuses and what is silent are told apart.

use super::{Knock, knock_http, knock_tls};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_secs(20);

/// A server that says one thing to whoever comes.
async fn saying(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks::spawn("a server that says one thing", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            _ = stream.read(&mut buffer).await;
            _ = stream.write_all(answer).await;
        }
    });
    address
}

#[tokio::test]
async fn servers_are_told_apart_by_what_they_answer() {
    let ask = async |address| knock_http(address, "a.test", "/x", false, LIMIT).await;
    let ours = ask(saying(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproof").await).await;
    assert_eq!(ours, Knock::Answered { status: 200, server: None, location: None, body: b"proof".to_vec() });
    let other = b"HTTP/1.0 301 Moved\r\nServer: ng\x1binx\r\nLocation: https://b.test/\r\n\r\n";
    let Knock::Answered { status, server, location, .. } = ask(saying(other).await).await else { panic!() };
    assert_eq!(
        (status, server.as_deref(), location.as_deref()),
        (301, Some("nginx"), Some("https://b.test/"))
    );
    assert_eq!(ask(saying(b"SSH-2.0-OpenSSH_9.2\r\n").await).await, Knock::Foreign);
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    assert_eq!(ask(closed).await, Knock::Closed);
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = silent.local_addr().unwrap();
    let short = Duration::from_millis(50);
    assert_eq!(knock_http(address, "a.test", "/x", false, short).await, Knock::Silent);
    assert_eq!(knock_tls(address, "a.test", b"acme-tls/1", short).await, Knock::Silent);
    assert_eq!(knock_http(address, "a.test", "/x", true, short).await, Knock::Silent);
    let plain = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    assert_eq!(knock_http(plain, "a.test", "/x", true, LIMIT).await, Knock::Foreign);
    assert_eq!(knock_tls(plain, "a.test", b"acme-tls/1", LIMIT).await, Knock::Foreign);
}
