//! Certificates by name, and how TLS is spoken: towards clients with the certificates of the current
//! configuration, towards origins with the system's roots.

use super::{Config, Presentation};
use crate::challenges;
use crate::spec::patch::{Place, order};
use crate::spec::{self, TlsPolicy};
use ahash::AHashMap;
use arc_swap::ArcSwap;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerSessionMemoryCache};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, DigitallySignedStruct, ServerConfig, SignatureScheme};
use std::sync::{Arc, LazyLock};

/// One provider for everything: its tables are made once.
pub(super) static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

/// A certificate as it was read.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) source: Arc<spec::Certificate>,
    /// Ready to be presented, or a message and a remedy.
    pub(super) key: Result<Arc<CertifiedKey>, (String, &'static str)>,
    names: Vec<String>,
}

impl Loaded {
    pub(super) fn new(source: Arc<spec::Certificate>) -> Self {
        let key = load(&source);
        let names = key.as_ref().map(|key| names(key)).unwrap_or_default();
        Self { source, key, names }
    }
}

/// Certificates by the names in them.
#[derive(Debug, Default)]
pub(crate) struct Certificates {
    all: Vec<Arc<Loaded>>,
    by_name: Arc<ByName>,
    default: Option<Arc<Loaded>>,
}

#[derive(Debug, Default)]
struct ByName {
    exact: AHashMap<Box<str>, Arc<CertifiedKey>>,
    /// By what follows the first label.
    wildcard: AHashMap<Box<str>, Arc<CertifiedKey>>,
}

impl ByName {
    /// Of two with one name, the first stays; those that Charon has issued come last.
    fn new(all: &[Arc<Loaded>]) -> Self {
        let mut by_name = Self::default();
        let given = all.iter().filter(|one| !one.source.internal);
        for loaded in given.chain(all.iter().filter(|one| one.source.internal)) {
            let Ok(key) = &loaded.key else { continue };
            for name in &loaded.names {
                let (map, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut by_name.wildcard, parent),
                    None => (&mut by_name.exact, name.as_str()),
                };
                map.entry(name.into()).or_insert_with(|| key.clone());
            }
        }
        by_name
    }
}

impl Certificates {
    /// The certificates after a patch. What did not change is not read again.
    pub(super) fn patched(&self, patch: &spec::Patch) -> Self {
        let is_same = patch.certificates.is_empty() && patch.gone_certificates.is_empty();
        let (all, by_name) = if is_same {
            (self.all.clone(), self.by_name.clone())
        } else {
            let changed = patch.certificates.iter().map(|one| &*one.id);
            let order = order(self.all.iter().map(|one| &*one.source.id), changed, &patch.gone_certificates);
            let loaded = |place: &Place| match *place {
                Place::Kept(at) => self.all[at].clone(),
                Place::Changed(at) => Arc::new(Loaded::new(patch.certificates[at].clone())),
            };
            let all: Vec<_> = order.iter().map(loaded).collect();
            let by_name = Arc::new(ByName::new(&all));
            (all, by_name)
        };
        let default = patch.rest.default_certificate.as_ref().map(|wanted| {
            let known = self.default.as_ref().filter(|known| known.source == *wanted);
            known.cloned().unwrap_or_else(|| Arc::new(Loaded::new(wanted.clone())))
        });
        Self { all, by_name, default }
    }

    /// What is wrong with those that cannot be presented.
    pub(super) fn faults(&self) -> impl Iterator<Item = &(String, &'static str)> {
        self.all.iter().chain(&self.default).filter_map(|loaded| loaded.key.as_ref().err())
    }

    /// All of them by their ids.
    pub(super) fn by_id(&self) -> AHashMap<&str, &Loaded> {
        self.all.iter().map(|loaded| (&*loaded.source.id, &**loaded)).collect()
    }

    /// The certificate for a name in lower case.
    pub(super) fn named(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let ByName { exact, wildcard } = &*self.by_name;
        name.and_then(|name| exact.get(name).or_else(|| wildcard.get(name.split_once('.')?.1)))
    }

    /// The certificate for clients that name nothing known.
    pub(super) fn fallback(&self) -> Option<&Arc<CertifiedKey>> {
        self.default.as_ref()?.key.as_ref().ok()
    }
}

/// The DNS names of the leaf, in lower case.
fn names(key: &CertifiedKey) -> Vec<String> {
    let leaf = key.cert.first().and_then(|leaf| webpki::EndEntityCert::try_from(leaf).ok());
    leaf.map_or_else(Vec::new, |leaf| leaf.valid_dns_names().map(str::to_ascii_lowercase).collect())
}

/// Reads a certificate and its key, and checks that they belong together.
pub(super) fn load(certificate: &spec::Certificate) -> Result<Arc<CertifiedKey>, (String, &'static str)> {
    let id = &certificate.id;
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(certificate.chain_pem.as_bytes()).collect::<Result<_, _>>().map_err(
            |error| (format!("the certificate {id} is not PEM: {error}"), "Upload the certificate again."),
        )?;
    if chain.is_empty() {
        let message = format!("the certificate {id} holds no certificate");
        return Err((message, "Upload a PEM file with the certificate and its intermediates."));
    }
    let key = PrivateKeyDer::from_pem_slice(certificate.key_pem.as_bytes()).map_err(|error| {
        let message = format!("the private key of the certificate {id} cannot be read: {error}");
        (message, "Upload its private key as PEM, without a password.")
    })?;
    CertifiedKey::from_der(chain, key, &PROVIDER).map(Arc::new).map_err(|error| {
        let message = format!("the certificate {id} and its private key do not go together: {error}");
        (message, "Upload the private key that the certificate was made for.")
    })
}

/// How TLS is spoken with clients, by policy and by whether the host wants HTTP/2. All read the current
/// configuration at each handshake, so that new certificates need no restart.
#[derive(Clone, Debug)]
pub(crate) struct ServerTls {
    usual: [Arc<ServerConfig>; 4],
    /// For HTTP/3, without early data and with it.
    quic: [Arc<ServerConfig>; 2],
    resolver: Arc<Resolver>,
    /// For certificate authorities that look whether a name leads here (RFC 8737).
    pub(crate) challenge: Arc<ServerConfig>,
}

/// Sessions of HTTP/3 clients that are kept for early data.
const SESSIONS: usize = 4096;

/// Where in [`ServerTls::usual`].
fn place(policy: TlsPolicy, http2: bool) -> usize {
    usize::from(policy == TlsPolicy::Modern) * 2 + usize::from(http2)
}

impl ServerTls {
    /// # Errors
    /// When the cryptographic library does not start.
    pub(crate) fn new(
        current: &Arc<ArcSwap<Config>>,
        challenges: &challenges::Published,
    ) -> Result<Self, rustls::Error> {
        let resolver = Arc::new(Resolver(current.clone()));
        // Its keys change every six hours, and open tickets for twelve.
        let ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        let make = |policy, protocols| {
            let mut config = server(policy, protocols, resolver.clone(), None)?;
            config.ticketer = ticketer.clone();
            // One ticket per connection is enough for clients that come back; each costs a write.
            config.send_tls13_tickets = 1;
            Ok::<_, rustls::Error>(Arc::new(config))
        };
        use TlsPolicy::{Intermediate, Modern};
        let usual = [
            make(Intermediate, HTTP1)?,
            make(Intermediate, BOTH)?,
            make(Modern, HTTP1)?,
            make(Modern, BOTH)?,
        ];
        let mut challenge = ServerConfig::builder_with_provider(PROVIDER.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(challenges::Resolver(challenges.clone())));
        challenge.alpn_protocols = vec![challenges::ALPN.to_vec()];
        challenge.send_tls13_tickets = 0;
        let challenge = Arc::new(challenge);
        let mut early = server(Modern, HTTP3, resolver.clone(), None)?;
        // The library takes early data of sessions alone that are kept here, and forgets each at its first use: what
        // was sent with it cannot be sent a second time by others.
        early.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        early.send_tls13_tickets = 1;
        // QUIC knows this value and nought (RFC 9001, section 4.6.1).
        early.max_early_data_size = u32::MAX;
        let quic = [make(Modern, HTTP3)?, Arc::new(early)];
        Ok(Self { usual, quic, resolver, challenge })
    }

    /// How it is spoken below HTTP/3, where nothing is known about the client yet: without early data, and with it. No
    /// client certificates are asked for there.
    pub(crate) fn quic(&self) -> [Arc<ServerConfig>; 2] {
        self.quic.clone()
    }

    /// How it is spoken with this client.
    ///
    /// # Errors
    /// When the cryptographic library refuses what it took before.
    pub(crate) fn with(&self, met: &Presentation<'_>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let place = place(met.policy, met.http2);
        let Some(auth) = met.client_auth else { return Ok(self.usual[place].clone()) };
        if let Some(made) = auth.made[place].get() {
            return Ok(made.clone());
        }
        let protocols = if met.http2 { BOTH } else { HTTP1 };
        let mut config = server(met.policy, protocols, self.resolver.clone(), Some(&auth.verifier))?;
        // Whoever comes back shows the certificate again: a session would outlive an authority that is gone.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(auth.made[place].get_or_init(|| Arc::new(config)).clone())
    }
}

fn server(
    policy: TlsPolicy,
    protocols: &[&[u8]],
    resolver: Arc<Resolver>,
    clients: Option<&Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(PROVIDER.clone());
    let builder = match policy {
        TlsPolicy::Intermediate => builder.with_safe_default_protocol_versions()?,
        TlsPolicy::Modern => builder.with_protocol_versions(&[&rustls::version::TLS13])?,
    };
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier.clone()),
    };
    let mut config = builder.with_cert_resolver(resolver);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(config)
}

/// Picks certificates from the current configuration.
#[derive(Debug)]
struct Resolver(Arc<ArcSwap<Config>>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        self.0.load().presentation(name.as_deref()).certificate.cloned()
    }
}

/// What is offered to origins, and taken from clients (ALPN).
pub(super) const HTTP1: &[&[u8]] = &[b"http/1.1"];
pub(super) const HTTP2: &[&[u8]] = &[b"h2"];
const HTTP3: &[&[u8]] = &[b"h3"];
pub(super) const BOTH: &[&[u8]] = &[b"h2", b"http/1.1"];

/// What connections with TLS to origins must have in common to be shared.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct OriginIdentity {
    pub(super) verify: bool,
    pub(super) ca_pem: Option<String>,
    /// The leaf of the client certificate.
    pub(super) client: Option<Vec<u8>>,
    pub(super) server_name: Option<String>,
}

/// How TLS is spoken with origins. The two usual ways are made once per process.
///
/// # Errors
/// A sentence and its remedy, when no root certificates can be loaded or read.
pub(super) fn client(
    verify: bool,
    ca_pem: Option<&str>,
    certificate: Option<&Arc<CertifiedKey>>,
    protocols: &[&[u8]],
) -> Result<Arc<ClientConfig>, (String, &'static str)> {
    type Made<T> = LazyLock<Result<T, String>>;
    static SYSTEM: Made<Arc<rustls_platform_verifier::Verifier>> = LazyLock::new(|| {
        rustls_platform_verifier::Verifier::new(PROVIDER.clone())
            .map(Arc::new)
            .map_err(|error| format!("the system's root certificates cannot be loaded: {error}"))
    });
    static CHECKED: Made<Arc<ClientConfig>> =
        LazyLock::new(|| make_client(SYSTEM.clone()?, None, HTTP1).map_err(|error| error.to_string()));
    static UNCHECKED: Made<Arc<ClientConfig>> =
        LazyLock::new(|| make_client(Arc::new(AcceptAny), None, HTTP1).map_err(|error| error.to_string()));
    const INSTALL: &str = "Install the system's certificates (Debian: apt install ca-certificates).";
    if ca_pem.is_none() && certificate.is_none() && protocols == HTTP1 {
        let made = if verify { &*CHECKED } else { &*UNCHECKED };
        return made.clone().map_err(|message| (message, INSTALL));
    }
    let verifier: Arc<dyn ServerCertVerifier> = match ca_pem {
        _ if !verify => Arc::new(AcceptAny),
        Some(pem) => own_roots(pem)?,
        None => SYSTEM.clone().map_err(|message| (message, INSTALL))?,
    };
    make_client(verifier, certificate, protocols)
        .map_err(|error| (format!("TLS to its servers cannot be set up: {error}"), "Please report this."))
}

/// TLS that takes any certificate, to see which one there is.
pub(crate) fn unverified() -> Option<Arc<ClientConfig>> {
    client(false, None, None, HTTP1).ok()
}

/// Trusts these issuers, and no others.
fn own_roots(pem: &str) -> Result<Arc<dyn ServerCertVerifier>, (String, &'static str)> {
    const REMEDY: &str = "Paste the issuer's certificate as PEM.";
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|error| (format!("its own issuer's certificate cannot be read: {error}"), REMEDY))?;
    }
    let built =
        rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), PROVIDER.clone())
            .build();
    match built {
        Ok(verifier) => Ok(verifier),
        Err(_) => Err(("its own issuer's PEM holds no certificate".to_owned(), REMEDY)),
    }
}

fn make_client(
    verifier: Arc<dyn ServerCertVerifier>,
    certificate: Option<&Arc<CertifiedKey>>,
    protocols: &[&[u8]],
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(PROVIDER.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match certificate {
        None => builder.with_no_client_auth(),
        Some(key) => {
            builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from((**key).clone())))
        }
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(Arc::new(config))
}

/// Takes any certificate: for origins whose host has verification switched off.
#[derive(Debug)]
struct AcceptAny;

impl ServerCertVerifier for AcceptAny {
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
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}
