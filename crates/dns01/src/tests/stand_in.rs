//! A stand-in for a provider's API: answers request after request as a test says.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// `GET /path?query`.
    pub(super) line: String,
    /// `name: value` lines.
    pub(super) headers: String,
    pub(super) body: String,
}

type Answer = (u16, String);

/// A server in a thread of its own, which ends with the process.
#[derive(Clone)]
pub(super) struct StandIn {
    pub(super) url: String,
    pub(super) seen: Arc<Mutex<Vec<Seen>>>,
}

impl StandIn {
    pub(super) fn start(mut answer: impl FnMut(&Seen) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(request) = read(&stream) else { continue };
                let (status, body) = answer(&request);
                log.lock().unwrap().push(request);
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nretry-after: 7\r\nconnection: close\r\n\r\n"
                );
                let _ = (&stream).write_all((head + &body).as_bytes());
            }
        });
        Self { url, seen }
    }
}

fn read(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    // A connection that is closed without a request is no request: it may be another program's that looks for a port.
    if reader.read_line(&mut first).ok()? == 0 {
        return None;
    }
    let mut seen = Seen { line: first.trim().trim_end_matches(" HTTP/1.1").to_owned(), ..Seen::default() };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        seen.headers.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    seen.body = String::from_utf8(body).ok()?;
    Some(seen)
}
