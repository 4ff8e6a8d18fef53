//! The client against servers of its own: what each kind of failure is called.

use super::{Client, Identity, Options};
use crate::{OutboundError, Reach};
use base::Secret;
use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Answers each connection's first request with `answer`, as it is, and closes.
async fn origin(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks::spawn("origin", async move {
        while let Ok((stream, _)) = listener.accept().await {
            tasks::spawn("origin", exchange(stream, answer));
        }
    });
    address
}

/// Speaks first, and not TLS.
async fn talker() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks::spawn("origin", async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
            open.push(stream);
        }
    });
    address
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    if answer.is_empty() {
        std::future::pending::<()>().await;
    }
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap(), key)
    }
}

/// As [`origin`] by TLS, with a certificate for `name`; asks for one of `clients` when given.
async fn tls_origin(authority: &Authority, name: &str, clients: Option<&Authority>) -> SocketAddr {
    let (certificate, key) = authority.issue(name);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(clients.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tasks::spawn("origin", async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tasks::spawn("origin", exchange(stream, FINE));
            }
        }
    });
    address
}

const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\nconnection: close\r\n\r\nhi";

async fn get(options: Options, url: &str) -> Result<http::Response<Bytes>, OutboundError> {
    let request = http::Request::get(url).body(Bytes::new()).unwrap();
    Client::new(options)?.send(request).await
}

async fn refused(options: Options, url: &str) -> String {
    get(options, url).await.unwrap_err().to_string()
}

#[tokio::test]
async fn an_answer_comes_with_status_headers_and_body() {
    let address = origin(FINE).await;
    let answer = get(Options::default(), &format!("http://{address}/a?b")).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["x-a"], &answer.body()[..]),
        (200, &"b".parse().unwrap(), &b"hi"[..])
    );
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let address =
        origin("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(get(Options::default(), &format!("http://{address}/")).await.unwrap().status().as_u16(), 302);
}

#[tokio::test]
async fn each_failure_says_what_is_wrong_and_where() {
    let silent = origin("").await;
    let limit = Options { time_limit: Duration::from_millis(200), ..Options::default() };
    assert_eq!(
        refused(limit, &format!("http://{silent}/x?secret")).await,
        format!("http://{silent} has not answered within 0.2 s")
    );
    let fine = origin(FINE).await;
    let small = Options { largest: 1, ..Options::default() };
    assert_eq!(
        refused(small, &format!("http://{fine}/")).await,
        format!("the answer of http://{fine} is longer than 1 bytes")
    );
    let short = origin("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi").await;
    let said = refused(Options::default(), &format!("http://{short}/")).await;
    assert!(said.starts_with(&format!("the answer of http://{short} is broken: ")), "{said}");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let said = refused(Options::default(), &format!("http://{closed}/")).await;
    assert!(said.starts_with(&format!("http://{closed} cannot be reached: Connection refused")), "{said}");
    let said = refused(Options { roots_pem: Some("x".into()), ..Options::default() }, "http://a/").await;
    assert!(said.starts_with("the certificate of the authority cannot be used: "), "{said}");
}

#[tokio::test]
async fn a_client_for_public_addresses_goes_to_no_other_by_number_or_by_name() {
    let address = origin(FINE).await;
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
        let options = Options { reach: Reach::Public, ..Options::default() };
        let said = refused(options, &format!("http://{host}:{}/", address.port())).await;
        assert!(said.ends_with("must not be asked: only public ones are allowed here"), "{host}: {said}");
    }
    let options = Options { reach: Reach::NotLinkLocal, ..Options::default() };
    let said = refused(options.clone(), "http://169.254.169.254/latest/meta-data").await;
    assert!(said.ends_with("must not be asked: link-local ones are not allowed here"), "{said}");
    let name = format!("http://localhost:{}/", address.port());
    assert_eq!(get(options, &name).await.unwrap().status().as_u16(), 200);
}

#[tokio::test]
async fn tls_needs_a_trusted_authority_and_the_right_name() {
    let (authority, other, again) = (Authority::new("ours"), Authority::new("other"), Authority::new("ours"));
    let trusting = |authority: &Authority| Options { roots_pem: Some(authority.pem()), ..Options::default() };
    let fine = tls_origin(&authority, "localhost", None).await;
    let url = format!("https://localhost:{}/", fine.port());
    assert_eq!(get(trusting(&authority), &url).await.unwrap().status().as_u16(), 200);
    let said = refused(trusting(&other), &url).await;
    assert!(said.contains("an authority that is not trusted here"), "{said}");
    let said = refused(trusting(&again), &url).await;
    assert!(said.contains("but it has not signed its certificate"), "{said}");
    let said = refused(trusting(&authority), &format!("https://{fine}/")).await;
    assert!(said.contains("its certificate is for another name"), "{said}");
    let plain = talker().await;
    let said = refused(trusting(&authority), &format!("https://{plain}/")).await;
    assert!(said.contains("it does not speak TLS there"), "{said}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_asks_for_one() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let asking = tls_origin(&servers, "localhost", Some(&clients)).await;
    let url = format!("https://localhost:{}/", asking.port());
    let (certificate, key) = clients.issue("charon");
    let identity = Identity { chain_pem: certificate.pem(), key_pem: Secret::new(key.serialize_pem()) };
    let options = Options { roots_pem: Some(servers.pem()), identity: Some(identity), ..Options::default() };
    assert_eq!(get(options, &url).await.unwrap().status().as_u16(), 200);
    let said = refused(Options { roots_pem: Some(servers.pem()), ..Options::default() }, &url).await;
    assert!(said.contains("it asks for a client certificate"), "{said}");
}

#[tokio::test]
async fn without_root_certificates_there_is_a_client_that_says_what_is_missing() {
    let options = Options::default();
    let inner = super::build(&options, false).unwrap().unwrap();
    let Options { time_limit, largest, reach, .. } = options;
    let client = Client { inner, time_limit, largest, reach, no_roots: true };
    let ask = |url: String| client.send(http::Request::get(url).body(Bytes::new()).unwrap());
    let plain = origin(FINE).await;
    assert_eq!(ask(format!("http://{plain}/")).await.unwrap().status().as_u16(), 200);
    let secure = tls_origin(&Authority::new("ours"), "localhost", None).await;
    let said = ask(format!("https://localhost:{}/", secure.port())).await.unwrap_err().to_string();
    assert!(said.contains("apt install ca-certificates"), "{said}");
}
