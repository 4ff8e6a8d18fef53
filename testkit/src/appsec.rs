//! A stand-in for CrowdSec's AppSec component, which Debian's package does not have: it follows the protocol of
//! version 1.7, and judges by two words. It is none.

use crate::raw::{read_body, read_head};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The key that it knows.
pub const APPSEC_KEY: &str = "key-of-the-stand-in";

/// See the module. Dropping it closes the listening socket.
#[derive(Debug)]
pub struct AppSecStandIn {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    accept: JoinHandle<()>,
}

impl AppSecStandIn {
    /// Starts it on a port; 0 for a free one.
    ///
    /// # Panics
    /// When the port cannot be had.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let asked = Arc::<AtomicUsize>::default();
        let count = asked.clone();
        #[expect(clippy::disallowed_methods, reason = "a panic here shows as a failed request of the test")]
        let accept = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let count = count.clone();
                connections.spawn(async move {
                    _ = serve(stream, &count).await;
                });
            }
        });
        Self { address, asked, accept }
    }

    /// Its address, as Charon is told it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for AppSecStandIn {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn serve(stream: TcpStream, asked: &AtomicUsize) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(head) = read_head(&mut stream).await? {
        let body = if head.has_request_body() { read_body(&mut stream, &head).await? } else { Vec::new() };
        asked.fetch_add(1, Ordering::Relaxed);
        let field = |name: &str| head.header(&format!("x-crowdsec-appsec-{name}"));
        let known = field("api-key") == Some(APPSEC_KEY);
        let complete = ["ip", "uri", "verb"].iter().all(|name| field(name).is_some());
        let evil = field("uri").is_some_and(|uri| uri.contains(".env"))
            || body.windows(4).any(|part| part == b"EVIL");
        let (status, answer) = match (known, complete, evil) {
            (false, ..) => (401, ""),
            (_, false, _) => (500, ""),
            (_, _, true) => (403, r#"{"action":"ban","http_status":403}"#),
            _ => (200, r#"{"action":"allow","http_status":200}"#),
        };
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
        stream.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}
