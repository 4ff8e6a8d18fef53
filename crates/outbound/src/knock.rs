//! Knocking at one address, as a certificate authority would: one request by plain HTTP, or one handshake by TLS.
//! Nothing is followed, and little is read. Where to knock stands in public DNS, so what is asked for must be harmless
//! wherever it leads.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The most that is read of an answer, in bytes.
const LARGEST: usize = 4096;

/// What came of knocking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Knock {
    /// An HTTP server answered.
    Answered {
        /// The status.
        status: u16,
        /// What it calls itself.
        server: Option<String>,
        /// Where it sends on to.
        location: Option<String>,
        /// The beginning of its body.
        body: Vec<u8>,
    },
    /// A TLS server showed this certificate (DER).
    Certificate(Vec<u8>),
    /// The connection was refused.
    Closed,
    /// Nothing came within the time.
    Silent,
    /// The system knows no way there; its words.
    NoRoute(String),
    /// A TLS server refused the handshake.
    Refused,
    /// Something came, and it was not what was spoken.
    Foreign,
}

/// Asks for `path` of `host` at one address, by HTTP/1.1, over TLS when `is_secure`.
pub async fn knock_http(
    address: SocketAddr,
    host: &str,
    path: &str,
    is_secure: bool,
    limit: Duration,
) -> Knock {
    let exchange = async {
        let stream = TcpStream::connect(address).await?;
        if !is_secure {
            return ask(stream, host, path).await;
        }
        let (Ok(server), Some(config)) = (ServerName::try_from(host.to_owned()), config(b"http/1.1")) else {
            return Ok(Vec::new());
        };
        ask(tokio_rustls::TlsConnector::from(config).connect(server, stream).await?, host, path).await
    };
    match timeout(limit, exchange).await {
        Ok(Ok(answer)) => read(&answer).unwrap_or(Knock::Foreign),
        Ok(Err(error)) => failed(&error),
        Err(_) => Knock::Silent,
    }
}

async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    host: &str,
    path: &str,
) -> std::io::Result<Vec<u8>> {
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Charon\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    let mut stream = stream.take(LARGEST as u64);
    while stream.read_buf(&mut answer).await? > 0 {
        if is_whole(&answer) {
            break;
        }
    }
    Ok(answer)
}

/// A client that takes any certificate; `None` where there can be none.
fn config(protocol: &[u8]) -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let schemes = provider.signature_verification_algorithms.supported_schemes();
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(schemes)))
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Some(Arc::new(config))
}

/// Begins TLS for `name` with this protocol (ALPN) at one address, and tells which certificate was shown. It is not
/// checked: whose it is, is what is asked.
pub async fn knock_tls(address: SocketAddr, name: &str, protocol: &[u8], limit: Duration) -> Knock {
    let (Ok(server), Some(config)) = (ServerName::try_from(name.to_owned()), config(protocol)) else {
        return Knock::Foreign;
    };
    let exchange = async {
        let stream = TcpStream::connect(address).await?;
        let stream = tokio_rustls::TlsConnector::from(config).connect(server, stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        Ok(shown.map(|der| der.to_vec()))
    };
    match timeout(limit, exchange).await {
        Ok(Ok(Some(der))) => Knock::Certificate(der),
        Ok(Ok(None)) => Knock::Foreign,
        Ok(Err(error)) => failed(&error),
        Err(_) => Knock::Silent,
    }
}

fn failed(error: &std::io::Error) -> Knock {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if tls.is_some_and(|tls| !matches!(tls, rustls::Error::InvalidMessage(_))) {
        return Knock::Refused;
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Knock::Closed,
        ErrorKind::TimedOut => Knock::Silent,
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::AddrNotAvailable => {
            Knock::NoRoute(error.kind().to_string())
        }
        _ => Knock::Foreign,
    }
}

/// Where the head of an answer ends, behind its empty line.
fn head_end(answer: &[u8]) -> Option<usize> {
    answer.windows(4).position(|window| window == b"\r\n\r\n").map(|end| end + 4)
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = head_end(answer) else { return false };
    let length = field(&answer[..end], "content-length").and_then(|text| text.parse::<usize>().ok());
    length.is_some_and(|length| answer.len() - end >= length)
}

fn field(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let mut fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| shown(value.trim()))
}

/// Fit to be shown: of another server, so short and without what steers terminals.
fn shown(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(200).collect()
}

fn read(answer: &[u8]) -> Option<Knock> {
    let end = head_end(answer)?;
    let head = &answer[..end];
    let line = std::str::from_utf8(head.split(|byte| *byte == b'\r').next()?).ok()?;
    let status = line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    Some(Knock::Answered {
        status,
        server: field(head, "server"),
        location: field(head, "location"),
        body: answer[end..].to_vec(),
    })
}

/// Takes any certificate. Nothing is told to who shows it.
#[derive(Debug)]
struct Anything(Vec<SignatureScheme>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}

#[cfg(test)]
#[path = "knock_tests.rs"]
mod tests;
