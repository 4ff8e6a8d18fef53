//! A raw client: sends the bytes it is given and reads what comes back, over TCP or TLS. Strict where a lax
//! client would hide a fault: a body that ends early is an error.

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader,
};
use tokio::net::TcpStream;

/// The longest that a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The head of a request or an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The request or status line.
    pub line: String,
    /// Header fields in their order, names as they came.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The value of the first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Status code of an answer; 0 for a request.
    pub fn status(&self) -> u16 {
        self.line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    pub(crate) fn has_request_body(&self) -> bool {
        self.header("transfer-encoding").is_some() || self.header("content-length").is_some()
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Status line and header fields.
    pub head: Head,
    /// The body without its framing.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of the first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.header(name)
    }
}

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// See the module.
pub struct RawClient {
    stream: BufReader<Box<dyn Socket>>,
    /// The certificate that the other side has shown.
    certificate: Option<CertificateDer<'static>>,
}

impl std::fmt::Debug for RawClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawClient").finish_non_exhaustive()
    }
}

impl RawClient {
    /// Connects over TCP.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(Box::new(stream)), certificate: None })
    }

    /// Connects over TLS, asks for `name`, offers `alpn` (none when empty), and trusts only the roots in
    /// `roots_pem`.
    ///
    /// # Errors
    /// When nobody listens there, or the certificate does not hold.
    pub async fn connect_tls(
        address: SocketAddr,
        name: &str,
        roots_pem: &[u8],
        alpn: &[&str],
    ) -> io::Result<Self> {
        Self::connect_tls_as(address, name, roots_pem, alpn, None).await
    }

    /// The same with a certificate of its own and its key, both in one PEM text.
    ///
    /// # Errors
    /// When nobody listens there, or a certificate does not hold.
    pub async fn connect_tls_as(
        address: SocketAddr,
        name: &str,
        roots_pem: &[u8],
        alpn: &[&str],
        own_pem: Option<&str>,
    ) -> io::Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(roots_pem) {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        let mut config = match own_pem {
            None => config.with_no_client_auth(),
            Some(pem) => {
                let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>();
                let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(io::Error::other)?;
                config
                    .with_client_auth_cert(chain.map_err(io::Error::other)?, key)
                    .map_err(io::Error::other)?
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let certificate = shown.map(|shown| shown.clone().into_owned());
        Ok(Self { stream: BufReader::new(Box::new(stream)), certificate })
    }

    /// Whether the other side has shown the first certificate of this chain.
    pub fn is_shown(&self, chain_pem: &str) -> bool {
        let meant = CertificateDer::from_pem_slice(chain_pem.as_bytes()).ok();
        meant.is_some() && self.certificate == meant
    }

    /// The connection itself, for another protocol.
    pub fn into_stream(self) -> impl AsyncRead + AsyncWrite + Send + Unpin + 'static {
        self.stream
    }

    /// Sends these bytes as they are.
    ///
    /// # Errors
    /// When the other side has closed.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await?;
        self.stream.flush().await
    }

    /// Reads the head of an answer; interim answers (100, 103) are passed over.
    ///
    /// # Errors
    /// When the connection ends before the head does, or nothing came for 30 s.
    pub async fn read_head(&mut self) -> io::Result<Head> {
        loop {
            let head = patient(read_head(&mut self.stream)).await?;
            let head =
                head.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "closed without an answer"))?;
            if !(100..200).contains(&head.status()) || head.status() == 101 {
                return Ok(head);
            }
        }
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// When the connection ends before the answer does, or nothing came for 30 s.
    pub async fn read_response(&mut self) -> io::Result<Response> {
        let head = self.read_head().await?;
        let body = match head.status() {
            101 | 204 | 304 => Vec::new(),
            _ => patient(read_body(&mut self.stream, &head)).await?,
        };
        Ok(Response { status: head.status(), head, body })
    }

    /// Reads exactly `count` bytes.
    ///
    /// # Errors
    /// When the connection ends before, or nothing came for 30 s.
    pub async fn read_exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; count];
        patient(self.stream.read_exact(&mut buffer)).await?;
        Ok(buffer)
    }

    /// Reads until the other side closes.
    ///
    /// # Errors
    /// When the connection breaks, or stays open for 30 s.
    pub async fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = Vec::new();
        patient(self.stream.read_to_end(&mut buffer)).await?;
        Ok(buffer)
    }

    /// Sends `GET path` for `host` and reads the answer; the connection stays open.
    ///
    /// # Errors
    /// As [`RawClient::read_response`].
    pub async fn get(&mut self, host: &str, path: &str) -> io::Result<Response> {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n")).await?;
        self.read_response().await
    }
}

async fn patient<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 30 s")),
    }
}

/// Reads one head. `None` when the connection ended before its first byte.
pub(crate) async fn read_head(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Head>> {
    let Some(line) = read_line(stream).await? else { return Ok(None) };
    let mut head = Head { line, headers: Vec::new() };
    loop {
        let line = read_line(stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(Some(head));
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        head.headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// Reads the body that belongs to `head`: chunked, of a known length, or until the end.
pub(crate) async fn read_body(stream: &mut (impl AsyncBufRead + Unpin), head: &Head) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head.is_chunked() {
        loop {
            let line = read_line(stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let size = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
            if size == 0 {
                while !read_line(stream).await?.ok_or(io::ErrorKind::UnexpectedEof)?.is_empty() {}
                return Ok(body);
            }
            let start = body.len();
            body.resize(start + size, 0);
            stream.read_exact(&mut body[start..]).await?;
            if read_line(stream).await?.is_none_or(|line| !line.is_empty()) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a chunk without its line end"));
            }
        }
    }
    if let Some(length) = head.header("content-length") {
        body.resize(length.parse().map_err(io::Error::other)?, 0);
        stream.read_exact(&mut body).await?;
    } else {
        stream.read_to_end(&mut body).await?;
    }
    Ok(body)
}

async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if stream.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    match line.strip_suffix(b"\r\n") {
        Some(line) => Ok(Some(String::from_utf8_lossy(line).into_owned())),
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "a line without CR LF")),
    }
}
