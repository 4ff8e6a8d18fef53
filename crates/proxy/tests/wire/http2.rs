//! HTTP/2 over TLS: the same answers as HTTP/1, many streams, bodies both ways at once; and which certificate
//! is presented to whom (acceptance A17, A18, A23).

use crate::kit::*;
use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use proxy::spec::{Hsts, Spec};
use proxy::{Fault, Limits, LogSettings, Protocol, Proxy};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Takes any certificate and lets the test look at it.
#[derive(Debug)]
pub(crate) struct Any;

impl rustls::client::danger::ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

pub(crate) async fn tls(
    proxy: &Proxy,
    sni: &str,
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(proxy.https()[0]).await.unwrap();
    tls_on(stream, sni, protocols).await
}

/// A handshake on a connection that is open.
pub(crate) async fn tls_on(
    stream: TcpStream,
    sni: &str,
    protocols: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let name = ServerName::try_from(sni.to_owned()).unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

pub(crate) async fn http2(proxy: &Proxy, sni: &str) -> SendRequest<Bytes> {
    let stream = tls(proxy, sni, &[b"h2", b"http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::task::spawn_local(async move {
        // How a connection ends is seen by its streams.
        let _ = connection.await;
    });
    sender.ready().await.unwrap()
}

fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

/// Sends a request; status, headers, body and trailers of the answer.
pub(crate) async fn fetch(
    sender: &mut SendRequest<Bytes>,
    request: Request<()>,
    body: Option<(&[u8], Option<HeaderMap>)>,
) -> Result<(http::response::Parts, Vec<u8>, Option<HeaderMap>), h2::Error> {
    let (response, mut stream) = sender.send_request(request, body.is_none())?;
    if let Some((body, trailers)) = body {
        stream.send_data(Bytes::copy_from_slice(body), trailers.is_none())?;
        if let Some(trailers) = trailers {
            stream.send_trailers(trailers)?;
        }
    }
    let (head, mut body) = response.await?.into_parts();
    let mut bytes = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
    }
    let trailers = body.trailers().await?;
    Ok((head, bytes, trailers))
}

/// Runs a test that needs a client of HTTP/2.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, test).await.expect("the test ends in time");
    });
}

fn secure(origin: &Origin) -> Proxy {
    secure_with(origin, quick())
}

/// A proxy with a certificate for `a.test`.
pub(crate) fn secure_with(origin: &Origin, limits: Limits) -> Proxy {
    let spec = Spec { certificates: vec![certificate("c", &["a.test", "*.a.test"])], ..spec_for(origin) };
    start(&spec, limits, LogSettings::default())
}

#[test]
fn requests_and_answers_are_the_same_as_over_http_1() {
    let origin = Origin::mirror();
    let mut spec = spec_for(&origin);
    spec.certificates = vec![certificate("c", &["a.test"])];
    spec.hosts[0].hsts = Some(Hsts { max_age: 60, include_subdomains: false, preload: false });
    let proxy = start(&spec, quick(), LogSettings::default());
    let mut live = proxy.watch_log();
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        let request = Request::get("https://a.test/x/../y?q")
            .header("cookie", "a=1")
            .header("cookie", "b=2")
            .header("te", "trailers")
            .header("x-forwarded-for", "6.6.6.6")
            .header("remote_user", "root")
            .body(())
            .unwrap();
        let (head, body, _) = fetch(&mut sender, request, None).await.unwrap();
        let body = String::from_utf8(body).unwrap();
        assert_eq!(
            (head.status.as_u16(), &head.headers["strict-transport-security"]),
            (200, &"max-age=60".parse().unwrap())
        );
        assert!(body.starts_with("GET /y?q HTTP/1.1\r\nHost: a.test\r\n"), "{body}");
        assert!(
            body.contains("cookie: a=1; b=2\r\n") && body.contains("X-Forwarded-Proto: https\r\n"),
            "{body}"
        );
        assert!(body.contains("TE: trailers\r\nConnection: TE\r\n"), "{body}");
        assert!(!body.contains("te:") && !body.contains("6.6.6.6") && !body.contains("root"), "{body}");
        let (head, _, _) = fetch(&mut sender, get("https://a.test/%2e%2e/"), None).await.unwrap();
        assert_eq!(head.status, 400);
        let (head, body, _) =
            fetch(&mut sender, Request::head("https://a.test/").body(()).unwrap(), None).await.unwrap();
        assert!(head.headers.contains_key("content-length") && body.is_empty());
    });
    let entry = live.blocking_recv().unwrap();
    assert_eq!((entry.protocol, entry.path.as_str(), entry.scheme), (Protocol::Http2, "/y", "https"));
}

#[test]
fn a_hundred_streams_at_once_get_their_own_answers_however_large() {
    let origin = Origin::answering(|head, _| {
        let name = head.split(' ').nth(1).unwrap();
        sized(name.repeat(20_000).as_bytes())
    });
    let proxy = secure(&origin);
    run(async {
        let sender = http2(&proxy, "a.test").await;
        let streams: Vec<_> = (0..100)
            .map(|number| {
                let mut sender = sender.clone();
                tokio::task::spawn_local(async move {
                    let uri = format!("https://a.test/{number}");
                    let (_, body, _) = fetch(&mut sender, get(&uri), None).await.unwrap();
                    assert_eq!(body, format!("/{number}").repeat(20_000).as_bytes());
                })
            })
            .collect();
        for stream in streams {
            stream.await.unwrap();
        }
    });
    assert_eq!(proxy.stats().statuses[1], 100);
}

#[test]
fn bodies_and_trailers_go_both_ways() {
    let origin = Origin::scripted(|wire, _| {
        while let Some(head) = wire.head() {
            let body = wire.body(&head);
            let size = format!("{:x}\r\n", body.len());
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".as_slice();
            wire.send(
                &[head, size.as_bytes(), &body, b"\r\n0\r\nGrpc-Status: 0\r\nHost: evil\r\n\r\n"].concat(),
            );
        }
    });
    let proxy = secure(&origin);
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        trailers.insert("authorization", "forged".parse().unwrap());
        let post = || Request::post("https://a.test/").body(()).unwrap();
        let body = vec![b'x'; 30_000];
        let (_, echoed, got) = fetch(&mut sender, post(), Some((&body, Some(trailers)))).await.unwrap();
        assert_eq!(echoed, body);
        let got = got.unwrap();
        assert_eq!((&got["grpc-status"], got.len()), (&"0".parse().unwrap(), 1));
        let sized = Request::post("https://a.test/").header("content-length", "5").body(()).unwrap();
        assert_eq!(fetch(&mut sender, sized, Some((b"hello", None))).await.unwrap().1, b"hello");
    });
    let seen = origin.seen();
    assert!(
        seen.contains("0\r\nx-sum: 7\r\n\r\n") && !seen.contains("forged"),
        "{}",
        &seen[seen.len() - 300..]
    );
    assert!(seen.contains("Content-Length: 5\r\n") && seen.ends_with("hello"));
}

#[test]
fn an_answer_may_begin_before_the_request_has_ended() {
    let origin = Origin::scripted(|wire, _| {
        wire.head();
        wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while wire.exactly(3) == b"4\r\n" {
            let data = wire.exactly(6);
            wire.send(&[b"4\r\n".as_slice(), &data].concat());
        }
        wire.send(b"0\r\n\r\n");
        wire.drain();
    });
    let proxy = secure(&origin);
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        let (response, mut stream) =
            sender.send_request(Request::post("https://a.test/").body(()).unwrap(), false).unwrap();
        let mut body = response.await.unwrap().into_body();
        for number in 0..20 {
            let piece = Bytes::from(format!("{number:04}"));
            stream.send_data(piece.clone(), false).unwrap();
            assert_eq!(body.data().await.unwrap().unwrap(), piece);
        }
        stream.send_data(Bytes::new(), true).unwrap();
        assert!(body.data().await.is_none_or(|last| last.unwrap().is_empty()));
    });
}

#[test]
fn interim_answers_go_on_and_floods_of_them_are_cut() {
    let origin = Origin::scripted(|wire, _| {
        while let Some(head) = wire.head() {
            let count = if head.contains("/flood") { 2000 } else { 1 };
            wire.send(
                "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n".repeat(count).as_bytes(),
            );
            wire.send(&sized(b"ok"));
        }
    });
    let proxy = secure(&origin);
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        let (mut response, _) = sender.send_request(get("https://a.test/"), true).unwrap();
        let early = std::future::poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
        assert_eq!((early.status().as_u16(), early.headers().len()), (103, 1));
        assert_eq!(response.await.unwrap().status().as_u16(), 200);
        let (head, ..) = fetch(&mut sender, get("https://a.test/flood"), None).await.unwrap();
        assert_eq!(head.status.as_u16(), 502);
    });
}

#[test]
fn what_a_client_breaks_off_is_broken_off_at_the_origin_and_the_other_way_round() {
    let (left, noticed) = std::sync::mpsc::channel();
    let left = std::sync::Mutex::new(left);
    let origin = Origin::scripted(move |wire, _| {
        let head = wire.head().unwrap();
        if head.contains("/cut") {
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        } else {
            wire.drain();
            left.lock().unwrap().send(()).unwrap();
        }
    });
    let proxy = secure(&origin);
    let mut live = proxy.watch_log();
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        let error = fetch(&mut sender, get("https://a.test/cut"), None).await.unwrap_err();
        assert!(error.is_reset() && error.is_remote(), "{error}");
        assert_eq!(live.recv().await.unwrap().fault, Fault::Upstream);
        let (response, mut stream) = sender.send_request(get("https://a.test/hang"), true).unwrap();
        while !origin.seen().contains("/hang") {
            tokio::task::yield_now().await;
        }
        stream.send_reset(h2::Reason::CANCEL);
        assert!(response.await.is_err());
        assert_eq!(live.recv().await.unwrap().fault, Fault::Client);
    });
    noticed.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn heads_that_http_1_could_misread_never_reach_the_origin() {
    let origin = Origin::ok();
    let proxy = secure(&origin);
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        let requests = [
            Request::post("https://a.test/").header("content-length", "5").header("content-length", "6"),
            Request::post("https://a.test/").header("host", "evil.test"),
            Request::builder().method("TRACE").uri("https://a.test/"),
            Request::get("https://a.test/x\\..\\y"),
        ];
        for request in requests {
            let Ok(request) = request.body(()) else { continue };
            let refused = match fetch(&mut sender, request, None).await {
                Ok((head, ..)) => matches!(head.status.as_u16(), 400 | 405),
                Err(error) => error.is_reset(),
            };
            assert!(refused);
        }
    });
    assert_eq!(origin.seen(), "");
}

fn presented(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn der(certificate: &proxy::spec::Certificate) -> Vec<u8> {
    use rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_slice(certificate.chain_pem.as_bytes()).unwrap().to_vec()
}

#[test]
fn certificates_are_chosen_by_name_and_by_host_and_change_with_the_configuration() {
    let origin = Origin::ok();
    let (named, wild) = (certificate("n", &["a.test"]), certificate("w", &["*.w.test"]));
    let (chosen, fallback) = (certificate("h", &["other"]), certificate("d", &["default"]));
    let mut own = host("own.w.test", origin.address);
    own.certificate = Some("h".to_owned());
    own.http2 = false;
    let mut spec = spec_for(&origin);
    spec.hosts.extend([host("x.w.test", origin.address), own]);
    spec.certificates = vec![named.clone(), wild.clone(), chosen.clone()];
    let proxy = start(&spec, quick(), LogSettings::default());
    let both: &[&[u8]] = &[b"h2", b"http/1.1"];
    run(async {
        for (name, expected) in
            [("a.test", &named), ("A.TEST", &named), ("x.w.test", &wild), ("own.w.test", &chosen)]
        {
            let stream = tls(&proxy, name, both).await.unwrap();
            assert_eq!(presented(&stream), der(expected), "{name}");
            let protocol = if name == "own.w.test" { b"http/1.1".as_slice() } else { b"h2" };
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol), "{name}");
        }
        assert!(tls(&proxy, "unknown.test", both).await.is_err());
        eventually("the failed handshake is counted", || proxy.stats().handshake_failures == 1);
        spec.default_certificate = Some(fallback.clone());
        spec.certificates[0] = certificate("n", &["a.test"]);
        proxy.publish(config(&spec));
        assert_eq!(presented(&tls(&proxy, "unknown.test", both).await.unwrap()), der(&fallback));
        assert_eq!(presented(&tls(&proxy, "a.test", both).await.unwrap()), der(&spec.certificates[0]));
    });
}

#[test]
fn a_request_for_a_host_with_another_certificate_is_misdirected() {
    let origin = Origin::ok();
    let mut spec = spec_for(&origin);
    spec.hosts.extend([host("b.test", origin.address), host("c.test", origin.address)]);
    spec.certificates = vec![certificate("ab", &["a.test", "b.test"]), certificate("c", &["c.test"])];
    let proxy = start(&spec, quick(), LogSettings::default());
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        for (uri, expected) in [("https://b.test/", 200), ("https://c.test/", 421), ("https://a.test/", 200)]
        {
            let (head, ..) = fetch(&mut sender, get(uri), None).await.unwrap();
            assert_eq!(head.status.as_u16(), expected, "{uri}");
        }
    });
}

#[test]
fn a_protected_host_is_reached_only_over_connections_of_its_own_name() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let origin = Origin::ok();
    let mut spec = spec_for(&origin);
    let mut safe = host("safe.test", origin.address);
    safe.domains.push(base::DomainPattern::parse("alias.test").unwrap());
    let networks = vec!["127.0.0.0/8".parse().unwrap()];
    safe.access = Some(proxy::spec::Access { name: "home".to_owned(), allow: true, networks });
    spec.hosts.push(safe);
    // One certificate for all, so that browsers share connections.
    spec.certificates = vec![certificate("all", &["a.test", "safe.test", "alias.test"])];
    let proxy = start(&spec, quick(), LogSettings::default());
    run(async {
        for (sni, host, expected) in [
            ("a.test", "a.test", 200),
            ("a.test", "safe.test", 421),
            ("alias.test", "safe.test", 200),
            ("safe.test", "safe.test", 200),
            ("safe.test", "a.test", 200),
        ] {
            let mut sender = http2(&proxy, sni).await;
            let (head, ..) = fetch(&mut sender, get(&format!("https://{host}/")), None).await.unwrap();
            assert_eq!(head.status.as_u16(), expected, "h2 {sni} {host}");
            let mut stream = tls(&proxy, sni, &[]).await.unwrap();
            let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            assert_eq!(status(&answer), expected, "h1 {sni} {host}");
        }
    });
}

#[test]
fn http_1_over_tls_serves_and_keeps_its_connection() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let body = "x".repeat(100_000);
    let origin = Origin::answering(|_, _| sized("x".repeat(100_000).as_bytes()));
    let proxy = secure(&origin);
    run(async {
        let mut stream = tls(&proxy, "a.test", &[]).await.unwrap();
        for _ in 0..3 {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
            let (mut got, mut buffer) = (Vec::new(), vec![0; 65536]);
            while !got.ends_with(body.as_bytes()) {
                let count = stream.read(&mut buffer).await.unwrap();
                assert!(count > 0);
                got.extend_from_slice(&buffer[..count]);
            }
        }
    });
    eventually("all are counted", || proxy.stats().requests == 3);
}

#[test]
fn draining_says_goaway_and_finishes_what_runs() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::answering(move |_, _| {
        wait.lock().unwrap().recv().unwrap();
        sized(b"late")
    });
    let proxy = secure(&origin);
    run(async {
        let mut sender = http2(&proxy, "a.test").await;
        let (response, _) = sender.send_request(get("https://a.test/"), true).unwrap();
        while !origin.seen().contains("GET") {
            tokio::task::yield_now().await;
        }
        let draining = proxy.drain(PATIENCE);
        tokio::pin!(draining);
        let finished = async {
            // After GOAWAY, no further request can be sent.
            while sender.clone().ready().await.is_ok() {
                tokio::task::yield_now().await;
            }
            go.send(()).unwrap();
            let mut body = response.await.unwrap().into_body();
            assert_eq!(body.data().await.unwrap().unwrap(), "late");
            drop(sender);
        };
        tokio::join!(draining, finished);
    });
}
