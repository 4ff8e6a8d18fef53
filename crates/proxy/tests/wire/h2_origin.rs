//! HTTP/2 towards origins: h2c and by ALPN, many streams on few connections, trailers, as gRPC needs them.

use crate::http2::{fetch, http2, run};
use crate::kit::*;
use crate::tls_origin::{Issuer, https, trusting};
use crate::upstreams::{nobody, of, serve, spec_with, tally};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response};
use proxy::spec::{HealthCheck, OriginProtocol, Upstream};
use proxy::{LogSettings, ServerHealth};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};

/// What an origin has seen.
#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    hanging: AtomicUsize,
}

/// An origin that speaks HTTP/2 and nothing else; with a certificate over TLS.
fn h2_origin(certificate: Option<(String, String)>) -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Seen::default());
    let acceptor = certificate.map(|(chain, key)| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let chain = vec![CertificateDer::from_pem_slice(chain.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        tokio_rustls::TlsAcceptor::from(Arc::new(config))
    });
    let state = seen.clone();
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
        runtime.unwrap().block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (state, acceptor) = (state.clone(), acceptor.clone());
                state.connections.fetch_add(1, Ordering::SeqCst);
                tokio::task::spawn_local(async move {
                    match acceptor {
                        None => connection(stream, state).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                connection(stream, state).await;
                            }
                        }
                    }
                });
            }
        });
    });
    (address, seen)
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, seen: Arc<Seen>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::task::spawn_local(answer(request, respond, seen.clone()));
    }
}

async fn answer(mut request: Request<RecvStream>, mut respond: SendResponse<Bytes>, seen: Arc<Seen>) {
    let path = request.uri().path().to_owned();
    let answer = |status| Response::builder().status(status);
    match path.as_str() {
        "/none" => {
            respond.send_response(answer(204).body(()).unwrap(), true).unwrap();
        }
        "/hang" => {
            seen.hanging.fetch_add(1, Ordering::SeqCst);
            let _ = std::future::poll_fn(|cx| respond.poll_reset(cx)).await;
            seen.hanging.fetch_sub(1, Ordering::SeqCst);
        }
        "/cut" => {
            let mut stream = respond.send_response(answer(200).body(()).unwrap(), false).unwrap();
            stream.send_data(Bytes::from_static(b"half"), false).unwrap();
            tokio::task::yield_now().await;
            stream.send_reset(Reason::INTERNAL_ERROR);
        }
        "/head" => {
            let scheme = request.uri().scheme_str().unwrap_or_default();
            let authority = request.uri().authority().map_or("", |authority| authority.as_str());
            let te = request.headers().get("te").map_or("", |te| te.to_str().unwrap());
            let host = request.headers().contains_key("host");
            let text = format!("{scheme} {authority} te={te} host={host}");
            let head = answer(200).header("content-length", text.len()).body(()).unwrap();
            respond.send_response(head, false).unwrap().send_data(text.into(), true).unwrap();
        }
        // Sends back what it gets while it comes, and trailers at the end.
        _ => {
            let head = answer(200).header("content-type", "application/grpc").body(()).unwrap();
            let mut stream = respond.send_response(head, false).unwrap();
            while let Some(Ok(data)) = request.body_mut().data().await {
                request.body_mut().flow_control().release_capacity(data.len()).unwrap();
                stream.send_data(data, false).unwrap();
            }
            let mut trailers = request.body_mut().trailers().await.unwrap().unwrap_or_default();
            trailers.insert("grpc-status", "0".parse().unwrap());
            stream.send_trailers(trailers).unwrap();
        }
    }
}

fn speaking(protocol: OriginProtocol, upstream: Upstream) -> Upstream {
    Upstream { protocol, ..upstream }
}

#[test]
fn grpc_goes_through_with_trailers_both_ways_over_one_connection() {
    let (origin, seen) = h2_origin(None);
    let mut spec = spec_with(speaking(OriginProtocol::Http2, of(&[origin])));
    spec.certificates.push(certificate("c", &["a.test"]));
    let proxy = start(&spec, quick(), LogSettings::default());
    run(async {
        let mut client = http2(&proxy, "a.test").await;
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        for _ in 0..3 {
            let request = Request::post("https://a.test/call").header("te", "trailers").body(()).unwrap();
            let (answer, mut stream) =
                client.clone().ready().await.unwrap().send_request(request, false).unwrap();
            stream.send_data(Bytes::from_static(b"ping"), false).unwrap();
            let mut answer = answer.await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["content-type"]),
                (200, &"application/grpc".parse().unwrap())
            );
            // The answer comes while the request is still open.
            assert_eq!(answer.body_mut().data().await.unwrap().unwrap(), "ping");
            stream.send_trailers(trailers.clone()).unwrap();
            let got = answer.body_mut().trailers().await.unwrap().unwrap();
            assert_eq!((&got["grpc-status"], &got["x-sum"]), (&"0".parse().unwrap(), &"7".parse().unwrap()));
        }
        let head = Request::get("https://a.test/head").header("te", "trailers").body(()).unwrap();
        let (_, text, _) = fetch(&mut client, head, None).await.unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "http a.test te=trailers host=false");
    });
    assert_eq!(seen.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn clients_of_http_1_are_served_too_with_bodies_of_any_size_and_no_body_at_all() {
    let (origin, seen) = h2_origin(None);
    let proxy = serve(speaking(OriginProtocol::Http2, of(&[origin])));
    let mut client = Client::of(&proxy);
    assert_eq!(client.get("/head").text(), "http a.test te= host=false");
    assert_eq!(client.get("/none").status(), 204);
    let body = vec![b'x'; 3_000_000];
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", body.len()));
    let mut stream = client.stream.try_clone().unwrap();
    let sent = body.clone();
    let upload = std::thread::spawn(move || std::io::Write::write_all(&mut stream, &sent));
    assert_eq!(client.answer().unwrap().body, body);
    upload.join().unwrap().unwrap();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    assert_eq!(client.answer().unwrap().text(), "abc");
    client.send("HEAD /head HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(client.get("/head").status(), 200);
    assert_eq!(seen.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_broken_answer_is_broken_for_the_client_and_one_that_leaves_ends_the_stream() {
    let (origin, seen) = h2_origin(None);
    let proxy = serve(speaking(OriginProtocol::Http2, of(&[origin])));
    let mut cut = Client::of(&proxy);
    cut.send("GET /cut HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert!(cut.answer().is_none_or(|answer| !answer.whole));
    let mut clients: Vec<_> = (0..50).map(|_| Client::of(&proxy)).collect();
    for client in &mut clients {
        client.send("GET /hang HTTP/1.1\r\nHost: a.test\r\n\r\n");
    }
    eventually("all are at the origin", || seen.hanging.load(Ordering::SeqCst) == 50);
    drop(clients);
    eventually("none is left", || seen.hanging.load(Ordering::SeqCst) == 0);
    assert!(seen.connections.load(Ordering::SeqCst) < 50);
    assert_eq!(Client::of(&proxy).get("/head").status(), 200);
}

#[test]
fn over_tls_the_protocol_is_agreed_on_and_without_agreement_it_is_a_502_or_http_1() {
    let issuer = Issuer::new("ours");
    let (origin, _) = h2_origin(Some(issuer.issue("localhost", |_| ())));
    for protocol in [OriginProtocol::Http2, OriginProtocol::Auto] {
        let proxy = serve(speaking(protocol, https(origin, trusting(&issuer))));
        let mut client = Client::of(&proxy);
        for _ in 0..3 {
            assert_eq!(client.get("/head").text(), "https a.test te= host=false");
        }
    }
    let old = crate::tls_origin::tls_origin(issuer.issue("localhost", |_| ()), None);
    let strict = Client::of(&serve(speaking(OriginProtocol::Http2, https(old, trusting(&issuer))))).get("/");
    assert_eq!(strict.status(), 502);
    assert!(strict.text().contains("does not speak HTTP/2"), "{}", strict.text());
    let proxy = serve(speaking(OriginProtocol::Auto, https(old, trusting(&issuer))));
    let mut client = Client::of(&proxy);
    for _ in 0..3 {
        assert_eq!(client.get("/").text(), "localhost false");
    }
}

#[test]
fn checks_and_failover_are_the_same_over_http_2() {
    let (origin, _) = h2_origin(None);
    let mut upstream = speaking(OriginProtocol::Http2, of(&[nobody(), origin]));
    upstream.health = Some(HealthCheck {
        path: Some("/head".to_owned()),
        body: Some("http a.test".to_owned()),
        interval_ms: 500,
        fall: 1,
        ..HealthCheck::default()
    });
    let proxy = serve(upstream);
    assert_eq!(tally(&mut Client::of(&proxy), 1).len(), 1);
    let status = |index: usize| proxy.upstreams()[0].servers[index].clone();
    eventually("both are checked", || (0..2).all(|index| status(index).last_check.is_some()));
    assert_eq!((status(0).health, status(1).health), (ServerHealth::Failing, ServerHealth::Healthy));
    assert!(status(1).last_check.unwrap().message.contains("text that is wanted"));
    for _ in 0..5 {
        assert_eq!(Client::of(&proxy).get("/head").status(), 200);
    }
}
