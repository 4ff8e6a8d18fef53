//! An origin: a real HTTP/1.1 server on a free loopback port that answers as told, counts requests and keeps
//! their heads as they came.

use crate::raw::{Head, read_body, read_head};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How an [`Origin`] answers.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 200 with this body.
    Fixed(Vec<u8>),
    /// This status, these header lines and this body.
    Full(u16, Vec<(String, String)>, Vec<u8>),
    /// 200 with the body of the request.
    Echo,
    /// 200, chunked: one chunk after the other with a pause between two.
    Drip(Vec<Vec<u8>>, Duration),
    /// Reads the request and never answers.
    Hang,
    /// Promises a body of so many bytes, sends half of it and closes.
    CloseMidBody(usize),
    /// Answers a WebSocket handshake with 101 and echoes every byte after it.
    WebSocketEcho,
    /// Writes exactly these bytes and closes.
    Raw(Vec<u8>),
}

impl Answer {
    /// 200 with this text.
    pub fn text(text: &str) -> Self {
        Self::Fixed(text.as_bytes().to_vec())
    }
}

#[derive(Debug)]
struct Shared {
    answer: Mutex<Answer>,
    heads: Mutex<Vec<Head>>,
}

/// See the module. Dropping it closes the listening socket; connections end with their peers.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
    accept: JoinHandle<()>,
}

impl Origin {
    /// Starts an origin that answers with `answer`.
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port for the origin");
        let address = listener.local_addr().expect("the origin's address");
        let shared = Arc::new(Shared { answer: Mutex::new(answer), heads: Mutex::default() });
        let state = shared.clone();
        #[expect(clippy::disallowed_methods, reason = "a panic here shows as a failed request of the test")]
        let accept = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = state.clone();
                tokio::spawn(async move {
                    _ = serve(stream, &state).await;
                });
            }
        });
        Self { address, shared, accept }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Answers otherwise from the next request on.
    pub fn answer(&self, answer: Answer) {
        *self.shared.answer.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    }

    /// How many requests came so far.
    pub fn requests(&self) -> usize {
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets the heads of all requests so far, for tests that last.
    pub fn forget(&self) {
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The heads of all requests so far, in the order in which they came.
    pub fn heads(&self) -> Vec<Head> {
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The head of the last request.
    ///
    /// # Panics
    /// When none came.
    pub fn last_head(&self) -> Head {
        self.heads().pop().expect("no request came to the origin")
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(head) = read_head(&mut stream).await? {
        shared.heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
        let answer = shared.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Answer::WebSocketEcho = answer {
            return web_socket(stream, &head).await;
        }
        let body = if head.has_request_body() { read_body(&mut stream, &head).await? } else { Vec::new() };
        let no_body = head.line.starts_with("HEAD ");
        match answer {
            Answer::Fixed(content) => full(&mut stream, 200, &[], &content, no_body).await?,
            Answer::Full(status, headers, content) => {
                full(&mut stream, status, &headers, &content, no_body).await?;
            }
            Answer::Echo => full(&mut stream, 200, &[], &body, no_body).await?,
            Answer::Drip(chunks, pause) => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                for chunk in chunks {
                    stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
                    stream.write_all(&chunk).await?;
                    stream.write_all(b"\r\n").await?;
                    tokio::time::sleep(pause).await;
                }
                stream.write_all(b"0\r\n\r\n").await?;
            }
            Answer::Hang => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await?;
                return Ok(());
            }
            Answer::CloseMidBody(length) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&vec![b'x'; length / 2]).await?;
                return stream.shutdown().await;
            }
            Answer::Raw(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Answer::WebSocketEcho => return Ok(()),
        }
    }
    Ok(())
}

async fn full(
    stream: &mut BufReader<TcpStream>,
    status: u16,
    headers: &[(String, String)],
    body: &[u8],
    no_body: bool,
) -> std::io::Result<()> {
    let mut out = format!("HTTP/1.1 {status} Told\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        out.push_str(&format!("{name}: {value}\r\n"));
    }
    out.push_str("\r\n");
    let mut out = out.into_bytes();
    if !no_body {
        out.extend_from_slice(body);
    }
    stream.write_all(&out).await
}

/// Enough of RFC 6455 for a tunnel: the handshake without its hash, then an echo of every byte.
async fn web_socket(mut stream: BufReader<TcpStream>, head: &Head) -> std::io::Result<()> {
    if !head.header("upgrade").is_some_and(|value| value.eq_ignore_ascii_case("websocket")) {
        return full(&mut stream, 426, &[], b"a WebSocket handshake was expected", false).await;
    }
    stream
        .write_all(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
        .await?;
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&buffer[..count]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RawClient;

    #[tokio::test]
    async fn an_origin_answers_as_told_and_remembers_what_came() {
        let origin = Origin::start(Answer::Echo).await;
        let mut client = RawClient::connect(origin.address()).await.unwrap();
        client.send("POST /a HTTP/1.1\r\nHost: x\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
        assert_eq!(client.read_response().await.unwrap().text(), "hello");
        origin.answer(Answer::Drip(vec![b"ab".to_vec(), b"c".to_vec()], Duration::from_millis(1)));
        assert_eq!(client.get("x", "/b").await.unwrap().text(), "abc");
        assert_eq!(origin.requests(), 2);
        assert_eq!(origin.last_head().line, "GET /b HTTP/1.1");
        origin.answer(Answer::CloseMidBody(100));
        assert!(client.get("x", "/c").await.is_err());
    }
}
