//! How TLS is spoken with clients: policies, names that are not known, and certificates that clients show
//! (acceptance D1, D2; the second half of C8).

use crate::http2::{Any, run};
use crate::kit::*;
use proxy::spec::{ClientCertificates, HostTls, Spec, TlsPolicy, UnknownName};
use proxy::{Config, LogSettings, Proxy};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ProtocolVersion, SupportedProtocolVersion};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// A client's own certificate with its key.
type Own = (CertificateDer<'static>, PrivateKeyDer<'static>);

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self, subject: &str) -> Own {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Home");
        params.distinguished_name.push(DnType::CommonName, subject);
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.0).unwrap();
        (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }

    fn asked(&self, required: bool) -> HostTls {
        let client_certificates = Some(ClientCertificates { required, ca_pem: self.0.pem() });
        HostTls { client_certificates, ..HostTls::default() }
    }
}

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12, &rustls::version::TLS13];
const OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

async fn connect(
    proxy: &Proxy,
    sni: Option<&str>,
    versions: &[&'static SupportedProtocolVersion],
    own: Option<&Own>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Any));
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder.with_client_auth_cert(vec![chain.clone()], key.clone_key()).unwrap(),
    };
    config.enable_sni = sni.is_some();
    let name = ServerName::try_from(sni.unwrap_or("none.test").to_owned()).unwrap();
    let stream = TcpStream::connect(proxy.https()[0]).await.unwrap();
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// What a request is answered with, or the error that ends the connection.
async fn ask(stream: &mut TlsStream<TcpStream>, host: &str, headers: &str) -> std::io::Result<String> {
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                header(&format!("{head}\r\n\r\n"), "content-length").map_or(0, |text| text.parse().unwrap());
            if body.len() >= length {
                return Ok(text);
            }
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn spec(origin: &Origin, tls: HostTls) -> Spec {
    let mut spec = spec_for(origin);
    spec.hosts[0].tls = tls;
    spec.hosts.push(host("open.test", origin.address));
    spec.certificates = vec![certificate("c", &["a.test", "open.test"])];
    spec
}

fn proxy(spec: &Spec) -> Proxy {
    start(spec, quick(), LogSettings::default())
}

#[test]
fn the_modern_policy_takes_tls_1_3_only_and_also_from_connections_made_for_another_host() {
    let origin = Origin::ok();
    let modern = HostTls { policy: Some(TlsPolicy::Modern), ..HostTls::default() };
    let proxy = proxy(&spec(&origin, modern));
    run(async {
        let error = connect(&proxy, Some("a.test"), OLD, None).await.unwrap_err();
        assert!(error.to_string().contains("ProtocolVersion"), "{error}");
        let mut new = connect(&proxy, Some("a.test"), BOTH, None).await.unwrap();
        assert_eq!(new.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(status(&ask(&mut new, "a.test", "").await.unwrap()), 200);
        let mut old = connect(&proxy, Some("open.test"), OLD, None).await.unwrap();
        assert_eq!(status(&ask(&mut old, "open.test", "").await.unwrap()), 200);
        assert_eq!(status(&ask(&mut old, "a.test", "").await.unwrap()), 421);
    });
}

#[test]
fn a_policy_for_all_hosts_has_exceptions_and_is_changed_live() {
    let origin = Origin::ok();
    let mild = HostTls { policy: Some(TlsPolicy::Intermediate), ..HostTls::default() };
    let mut spec = spec(&origin, mild);
    let proxy = proxy(&spec);
    run(async {
        connect(&proxy, Some("open.test"), OLD, None).await.unwrap();
        spec.tls_policy = TlsPolicy::Modern;
        proxy.publish(config(&spec));
        connect(&proxy, Some("open.test"), OLD, None).await.unwrap_err();
        connect(&proxy, Some("a.test"), OLD, None).await.unwrap();
    });
}

#[test]
fn a_name_that_is_not_known_gets_the_default_certificate_or_is_refused_by_its_own_alert() {
    let origin = Origin::ok();
    let mut spec = spec(&origin, HostTls::default());
    spec.default_certificate = Some(certificate("default", &["default.test"]));
    let proxy = proxy(&spec);
    run(async {
        for name in [Some("who.test"), None] {
            let mut stream = connect(&proxy, name, BOTH, None).await.unwrap();
            assert_eq!(status(&ask(&mut stream, "who.test", "").await.unwrap()), 404);
        }
        spec.unknown_name = UnknownName::Refuse;
        proxy.publish(config(&spec));
        for name in [Some("who.test"), None] {
            let error = connect(&proxy, name, BOTH, None).await.unwrap_err();
            assert!(error.to_string().contains("UnrecognisedName"), "{error}");
        }
        let mut known = connect(&proxy, Some("a.test"), BOTH, None).await.unwrap();
        assert_eq!(status(&ask(&mut known, "a.test", "").await.unwrap()), 200);
    });
}

#[test]
fn a_host_that_wants_client_certificates_is_reached_with_one_of_the_right_authority_only() {
    let origin = Origin::mirror();
    let (ours, other) = (Authority::new("ours"), Authority::new("other"));
    let spec = spec(&origin, ours.asked(true));
    let proxy = proxy(&spec);
    let spoofed = "Client-Cert: :AAAA:\r\nX-Client-Cert-Subject: CN=admin\r\nx-client-cert-sha256: 00\r\n\
                   Client-Cert-Chain: :AAAA:\r\nX_Client_Cert_Subject: CN=admin\r\n";
    run(async {
        for versions in [BOTH, OLD] {
            let mut none = connect(&proxy, Some("a.test"), versions, None).await.unwrap();
            let answer = ask(&mut none, "a.test", spoofed).await.unwrap();
            assert_eq!(status(&answer), 403);
            assert!(answer.contains("client certificate") && answer.contains("close"), "{answer}");

            let mut shown =
                connect(&proxy, Some("a.test"), versions, Some(&ours.issue("Ann, CN=root"))).await.unwrap();
            let answer = ask(&mut shown, "a.test", spoofed).await.unwrap();
            assert_eq!(status(&answer), 200);
            let seen = answer.split_once("\r\n\r\n").unwrap().1;
            assert_eq!(header(seen, "x-client-cert-subject").as_deref(), Some("CN=Ann\\, CN\\=root,O=Home"));
            assert_eq!(header(seen, "x-client-cert-sha256").unwrap().len(), 64);
            assert!(header(seen, "client-cert").unwrap().starts_with(":MII"), "{seen}");
            assert!(!seen.contains("admin") && !seen.contains("AAAA:"), "{seen}");

            // With TLS 1.3 the client learns it only when it reads.
            let refused = async {
                let mut foreign =
                    connect(&proxy, Some("a.test"), versions, Some(&other.issue("Eve"))).await?;
                ask(&mut foreign, "a.test", "").await
            };
            refused.await.unwrap_err();
        }
        let mut open = connect(&proxy, Some("open.test"), BOTH, Some(&ours.issue("Ann"))).await.unwrap();
        let answer = ask(&mut open, "open.test", spoofed).await.unwrap();
        assert_eq!(status(&answer), 200);
        assert!(!answer.contains("admin"), "{answer}");
        assert_eq!(status(&ask(&mut open, "a.test", "").await.unwrap()), 421);
    });
    let mut plain = Client::new(proxy.http()[0]);
    plain.send(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(plain.answer().unwrap().status(), 403);
    assert_eq!(origin.seen().matches("GET / HTTP/1.1").count(), 3, "nothing that was refused came through");
}

#[test]
fn a_certificate_may_be_optional_and_a_change_of_the_authority_holds_for_open_connections() {
    let origin = Origin::mirror();
    let (ours, next) = (Authority::new("ours"), Authority::new("next"));
    let mut spec = spec(&origin, ours.asked(false));
    let proxy = proxy(&spec);
    run(async {
        let mut none = connect(&proxy, Some("a.test"), BOTH, None).await.unwrap();
        let answer = ask(&mut none, "a.test", "X-Client-Cert-Subject: CN=admin\r\n").await.unwrap();
        assert!(status(&answer) == 200 && !answer.contains("admin"), "{answer}");
        let ann = ours.issue("Ann");
        let mut shown = connect(&proxy, Some("a.test"), BOTH, Some(&ann)).await.unwrap();
        assert!(ask(&mut shown, "a.test", "").await.unwrap().contains("CN=Ann,O=Home"));
        // A change of something else leaves the connection alone.
        spec.hosts[0].force_https = true;
        proxy.publish(config(&spec));
        assert!(ask(&mut shown, "a.test", "").await.unwrap().contains("CN=Ann,O=Home"));
        spec.hosts[0].tls = next.asked(true);
        proxy.publish(config(&spec));
        assert_eq!(status(&ask(&mut shown, "a.test", "").await.unwrap()), 421);
        let refused = async {
            let mut again = connect(&proxy, Some("a.test"), BOTH, Some(&ann)).await?;
            ask(&mut again, "a.test", "").await
        };
        refused.await.unwrap_err();
    });
}

#[test]
fn a_host_that_wants_client_certificates_is_neither_served_by_http_3_nor_tells_of_it() {
    let origin = Origin::ok();
    let ours = Authority::new("ours");
    for required in [true, false] {
        let mut spec = spec(&origin, ours.asked(required));
        spec.http3_port = Some(base::Port::new(8443).unwrap());
        let (proxy, address) = crate::h3::quic_with(&spec, 1, quick());
        run(async {
            assert_eq!(crate::h3::status(address, "a.test").await, 421);
            let own = ours.issue("Ann");
            let mut shown = connect(&proxy, Some("a.test"), BOTH, Some(&own)).await.unwrap();
            let answer = ask(&mut shown, "a.test", "").await.unwrap();
            assert!(status(&answer) == 200 && !answer.to_ascii_lowercase().contains("alt-svc"), "{answer}");
        });
    }
    assert!(!origin.seen().contains("HTTP/3"));
}

#[test]
fn a_host_whose_authority_cannot_be_read_serves_nobody_and_says_so() {
    let origin = Origin::ok();
    let broken = ClientCertificates { required: true, ca_pem: "junk".to_owned() };
    let spec = spec(&origin, HostTls { client_certificates: Some(broken), ..HostTls::default() });
    let (built, problems) = Config::build(&spec);
    assert!(
        problems[0].message.contains("the authority of its client certificates cannot be used"),
        "{problems:?}"
    );
    let proxy = proxy_of(built);
    run(async {
        let mut stream = connect(&proxy, Some("a.test"), BOTH, None).await.unwrap();
        assert_eq!(status(&ask(&mut stream, "a.test", "").await.unwrap()), 503);
        assert_eq!(status(&ask(&mut stream, "open.test", "").await.unwrap()), 200);
    });
    assert_eq!(origin.connections(), 1);
}

fn proxy_of(built: Config) -> Proxy {
    let proxy = proxy(&Spec::default());
    proxy.publish(Arc::new(built));
    proxy
}
