//! The origin of the benchmark: as little work a request as possible, so that the proxy before it is what is
//! measured. `/1k` and `/64k` answer with that much, anything else echoes the body of the request.

use crate::LOAD_CORE;
use anyhow::Context;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The origin as a process of its own on the core of the load.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) port: u16,
}

impl Process {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut child = Command::new("taskset")
            .args(["-c", &LOAD_CORE.to_string()])
            .arg(std::env::current_exe()?)
            .arg("origin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("the origin cannot be started")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("the origin has no output")?).read_line(&mut line)?;
        let port = line.trim().parse().context("the origin named no port")?;
        Ok(Self { child, port })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Serves until standard input ends, that is, until the benchmark does.
pub(crate) fn run() -> anyhow::Result<()> {
    std::thread::spawn(|| {
        _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            #[expect(clippy::disallowed_methods, reason = "a connection that fails concerns nobody else")]
            tokio::spawn(serve(stream));
        }
    })
}

fn answer(body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let (small, large) = (answer(&[b'x'; 1024]), answer(&[b'x'; 65536]));
    let mut buffer = Vec::with_capacity(65536);
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let length = content_length(&buffer[..end]);
        while buffer.len() < end + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        match buffer.split(|byte| *byte == b' ').nth(1) {
            Some(b"/1k") => stream.write_all(&small).await?,
            Some(b"/64k") => stream.write_all(&large).await?,
            _ => stream.write_all(&answer(&buffer[end..end + length])).await?,
        }
        buffer.drain(..end + length);
    }
}

fn content_length(head: &[u8]) -> usize {
    head.split(|byte| *byte == b'\n')
        .find_map(|line| {
            let (name, value) = line.split_at_checked(15)?;
            if !name.eq_ignore_ascii_case(b"content-length:") {
                return None;
            }
            std::str::from_utf8(value).ok()?.trim().parse().ok()
        })
        .unwrap_or_default()
}
