//! TLS towards origins (acceptance B9).

use crate::kit::*;
use crate::upstreams::{of, serve, spec_with};
use proxy::LogSettings;
use proxy::spec::{OriginTls, Scheme, Upstream};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// An issuer of our own.
pub(crate) struct Issuer(CertifiedIssuer<'static, KeyPair>);

impl Issuer {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate and its key, PEM.
    pub(crate) fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// An origin with TLS that answers each request with the name that it was asked for and whether the client showed
/// a certificate.
pub(crate) fn tls_origin(certificate: (String, String), clients: Option<&Issuer>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone());
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(issuer) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(issuer.pem().as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(certificate.0.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(certificate.1.as_bytes()).unwrap();
    let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let config = config.clone();
            std::thread::spawn(move || {
                let connection = rustls::ServerConnection::new(config).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
                while let Ok(1..) = stream.read(&mut [0; 4000]) {
                    let name = stream.conn.server_name().unwrap_or("-").to_owned();
                    let shown = stream.conn.peer_certificates().is_some();
                    if stream.write_all(&sized(format!("{name} {shown}").as_bytes())).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

/// An upstream at `localhost`, which certificates can name.
pub(crate) fn https(address: SocketAddr, tls: OriginTls) -> Upstream {
    let mut upstream = of(&[address]);
    upstream.servers[0].scheme = Scheme::Https;
    let name = format!("localhost:{}", address.port());
    upstream.servers[0].address = base::UpstreamAddress::parse(&name).unwrap();
    Upstream { tls, ..upstream }
}

pub(crate) fn trusting(issuer: &Issuer) -> OriginTls {
    OriginTls { ca_pem: Some(issuer.pem()), ..OriginTls::default() }
}

#[test]
fn a_certificate_of_our_own_issuer_is_trusted_and_others_are_502_with_a_plain_reason() {
    let (issuer, stranger) = (Issuer::new("ours"), Issuer::new("theirs"));
    let good = tls_origin(issuer.issue("localhost", |_| ()), None);
    let answer = Client::of(&serve(https(good, trusting(&issuer)))).get("/");
    assert_eq!(answer.text(), "localhost false");

    let year = |params: &mut CertificateParams, from, to| {
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
    };
    let expired = issuer.issue("localhost", |params| year(params, 2001, 2002));
    let early = issuer.issue("localhost", |params| year(params, 2101, 2102));
    let alone = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    for (certificate, reason) in [
        (issuer.issue("other.test", |_| ()), "its certificate is for another name"),
        (expired, "its certificate has expired"),
        (early, "its certificate is not valid yet"),
        ((alone.cert.pem(), alone.signing_key.serialize_pem()), "issuer that is not trusted"),
        (stranger.issue("localhost", |_| ()), "issuer that is not trusted"),
    ] {
        let origin = tls_origin(certificate, None);
        let proxy = serve(https(origin, trusting(&issuer)));
        let answer = Client::of(&proxy).get("/");
        assert_eq!(answer.status(), 502, "{reason}");
        assert!(answer.text().contains(reason), "{reason}: {}", answer.text());
        assert!(proxy.upstreams()[0].servers[0].why.as_ref().unwrap().contains(reason));
        // Explicitly allowed, it is served.
        let careless = OriginTls { verify: false, ..OriginTls::default() };
        assert_eq!(Client::of(&serve(https(origin, careless))).get("/").status(), 200);
    }
}

#[test]
fn the_name_that_is_asked_for_and_checked_can_be_another_one() {
    let issuer = Issuer::new("ours");
    let origin = tls_origin(issuer.issue("inner.test", |_| ()), None);
    let mut tls = trusting(&issuer);
    tls.server_name = Some(base::Domain::parse("inner.test").unwrap());
    let answer = Client::of(&serve(https(origin, tls.clone()))).get("/");
    assert_eq!(answer.text(), "inner.test false");
    tls.server_name = Some(base::Domain::parse("outer.test").unwrap());
    assert_eq!(Client::of(&serve(https(origin, tls))).get("/").status(), 502);
}

#[test]
fn a_client_certificate_is_shown_to_servers_that_ask() {
    let issuer = Issuer::new("ours");
    let origin = tls_origin(issuer.issue("localhost", |_| ()), Some(&issuer));
    let (chain_pem, key_pem) = issuer.issue("charon", |_| ());
    let certificate =
        proxy::spec::Certificate { id: "mine".to_owned(), chain_pem, key_pem, internal: false }.into();
    let mut tls = trusting(&issuer);
    let without = Client::of(&serve(https(origin, tls.clone()))).get("/");
    assert_eq!(without.status(), 502);
    tls.client_certificate = Some("mine".to_owned());
    let mut spec = spec_with(https(origin, tls));
    let (_, problems) = proxy::Config::build(&spec);
    assert!(problems[0].left_out && problems[0].message.contains("client certificate mine does not exist"));
    spec.client_certificates.push(certificate);
    let proxy = start(&spec, quick(), LogSettings::default());
    assert_eq!(Client::of(&proxy).get("/").text(), "localhost true");
}

#[test]
fn bytes_before_the_end_of_the_handshake_are_never_an_answer() {
    // What an attacker between Charon and the origin would inject (as in CVE-2026-1642): plain text ahead of the
    // handshake, or in the middle of it, behind the origin's real first flight.
    let issuer = Issuer::new("ours");
    let good = tls_origin(issuer.issue("localhost", |_| ()), None);
    let injected = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ncanary";
    for early in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                if early {
                    let _ = stream.write_all(injected);
                }
                let mut origin = std::net::TcpStream::connect(good).unwrap();
                let mut hello = [0; 16_384];
                let Ok(count) = stream.read(&mut hello) else { continue };
                origin.write_all(&hello[..count]).unwrap();
                let mut flight = [0; 16_384];
                let Ok(count) = origin.read(&mut flight) else { continue };
                let _ = stream.write_all(&[&flight[..count], injected.as_slice()].concat());
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        for verify in [true, false] {
            let tls = OriginTls { verify, ..trusting(&issuer) };
            let proxy = serve(https(address, tls));
            let mut client = Client::of(&proxy);
            for _ in 0..2 {
                let answer = client.get("/");
                assert_eq!(answer.status(), 502, "{early} {verify}");
                assert!(!answer.text().contains("canary"));
            }
        }
    }
}

#[test]
fn a_port_without_tls_is_named_as_such() {
    let origin = Origin::scripted(|wire, _| {
        wire.send(b"SSH-2.0-OpenSSH_9.2\r\n");
        wire.drain();
    });
    let answer = Client::of(&serve(https(origin.address, OriginTls::default()))).get("/");
    assert_eq!(answer.status(), 502);
    assert!(answer.text().contains("does not speak TLS"), "{}", answer.text());
}
