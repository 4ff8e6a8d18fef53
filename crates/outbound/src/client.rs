//! Sends one request and reads the whole answer.

use crate::error::{OutboundError, cause, reason_of};
use crate::reach::{OutOfReach, Reach};
use base::{Secret, Timestamp};
use bytes::{Bytes, BytesMut};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Url};
use std::time::Duration;

/// What is said of every certificate then.
const NO_ROOTS: &str = "this machine has no root certificates to check its certificate with; install them (Debian: \
                        apt install ca-certificates), then restart Charon";

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The longest from the first step to the last byte of the answer.
    pub time_limit: Duration,
    /// The longest until a connection stands, TLS included.
    pub connect_limit: Duration,
    /// The most of an answer's body that is read, in bytes.
    pub largest: usize,
    /// Where it may go.
    pub reach: Reach,
    /// Certificates of authorities (PEM) that are trusted besides the system's.
    pub roots_pem: Option<String>,
    /// With what it identifies itself by TLS.
    pub identity: Option<Identity>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            time_limit: Duration::from_secs(30),
            connect_limit: Duration::from_secs(10),
            largest: 1024 * 1024,
            reach: Reach::Anywhere,
            roots_pem: None,
            identity: None,
        }
    }
}

/// A client certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate and those between it and its root, PEM.
    pub chain_pem: String,
    /// Its private key, PEM.
    pub key_pem: Secret<String>,
}

/// A client that keeps its connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    time_limit: Duration,
    largest: usize,
    reach: Reach,
    /// The system has no root certificates, so that nobody is trusted.
    no_roots: bool,
}

impl Client {
    /// A client that behaves as `options` say. Where the system has no root certificates, there is a client all the
    /// same: it speaks plain HTTP, and says what is missing when it is to speak TLS.
    ///
    /// # Errors
    /// [`OutboundError::Invalid`] when a certificate or a key cannot be read.
    pub fn new(options: Options) -> Result<Self, OutboundError> {
        let (made, no_roots) = match build(&options, true)? {
            Ok(made) => (made, false),
            Err(_) => {
                let made = build(&options, false)?;
                (made.map_err(|error| invalid("the TLS set-up of the client", &error))?, true)
            }
        };
        let Options { time_limit, largest, reach, .. } = options;
        Ok(Self { inner: made, time_limit, largest, reach, no_roots })
    }

    /// Sends `request` and reads the whole answer, whatever its status is. Redirects are answers like any other.
    ///
    /// # Errors
    /// When there is no whole answer; [`OutboundError`] says why.
    pub async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, OutboundError> {
        let request = reqwest::Request::try_from(request).map_err(|error| invalid("the address", &error))?;
        let url = request.url().clone();
        if literal(&url).is_some_and(|address| !self.reach.allows(address)) {
            return Err(OutboundError::NotAllowed { address: place(&url), allowed: self.reach.words() });
        }
        let mut answer = self.inner.execute(request).await.map_err(|error| self.failed(&url, &error))?;
        let mut head = http::Response::builder().status(answer.status()).version(answer.version());
        if let Some(headers) = head.headers_mut() {
            *headers = std::mem::take(answer.headers_mut());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.failed(&url, &error))? {
            if body.len() + chunk.len() > self.largest {
                return Err(OutboundError::TooLarge { address: place(&url), largest: self.largest });
            }
            body.extend_from_slice(&chunk);
        }
        let broken =
            |error: http::Error| OutboundError::Broken { address: place(&url), reason: error.to_string() };
        head.body(body.freeze()).map_err(broken)
    }

    fn failed(&self, url: &Url, error: &reqwest::Error) -> OutboundError {
        let address = place(url);
        if cause::<OutOfReach>(error).is_some() {
            return OutboundError::NotAllowed { address, allowed: self.reach.words() };
        }
        if let Some(error) = cause::<rustls::Error>(error) {
            if let Some(reason) = untimely(error).filter(|_| !self.no_roots) {
                return OutboundError::Untimely { address, reason };
            }
            let reason = if self.no_roots { NO_ROOTS.to_owned() } else { in_words(error) };
            return OutboundError::Tls { address, reason };
        }
        if error.is_timeout() {
            return OutboundError::TimedOut { address, limit: self.time_limit };
        }
        let reason = reason_of(error);
        if error.is_connect() {
            return OutboundError::Unreachable { address, reason };
        }
        OutboundError::Broken { address, reason }
    }
}

/// The inner error is that of the TLS library: mostly, that the system has no root certificates.
fn build(options: &Options, system: bool) -> Result<Result<reqwest::Client, reqwest::Error>, OutboundError> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("Charon/", env!("CARGO_PKG_VERSION")))
        .timeout(options.time_limit)
        .connect_timeout(options.connect_limit)
        .redirect(Policy::none())
        .no_proxy();
    if !system {
        builder = builder.tls_certs_only([]);
    }
    if let Some(pem) = &options.roots_pem {
        let roots = Certificate::from_pem_bundle(pem.as_bytes())
            .map_err(|error| invalid("the certificate of the authority", &error))?;
        if roots.is_empty() {
            let reason = "it holds no PEM block of a certificate".to_owned();
            return Err(OutboundError::Invalid { what: "the certificate of the authority", reason });
        }
        builder = builder.tls_certs_merge(roots);
    }
    if let Some(Identity { chain_pem, key_pem }) = &options.identity {
        let pem = Secret::new(format!("{chain_pem}\n{}", key_pem.expose()));
        let identity = reqwest::Identity::from_pem(pem.expose().as_bytes())
            .map_err(|error| invalid("the client certificate", &error))?;
        builder = builder.identity(identity);
    }
    if options.reach != Reach::Anywhere {
        builder = builder.dns_resolver(options.reach);
    }
    Ok(builder.build())
}

fn invalid(what: &'static str, error: &reqwest::Error) -> OutboundError {
    OutboundError::Invalid { what, reason: reason_of(error) }
}

/// Scheme, host and port: what may be shown of an address.
fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn literal(url: &Url) -> Option<std::net::IpAddr> {
    url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// What is wrong with the time of a certificate, when that is what is wrong.
fn untimely(error: &rustls::Error) -> Option<String> {
    use rustls::{CertificateError, Error};
    let Error::InvalidCertificate(error) = error else { return None };
    let date = |time: &rustls::pki_types::UnixTime| {
        Timestamp::from_millis(i64::try_from(time.as_secs()).unwrap_or(0).saturating_mul(1000))
    };
    Some(match error {
        CertificateError::ExpiredContext { time, not_after } => {
            format!(
                "its certificate ended on {}, and the clock of this machine says {}",
                date(not_after),
                date(time)
            )
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!(
                "its certificate begins on {}, and the clock of this machine says {}",
                date(not_before),
                date(time)
            )
        }
        CertificateError::Expired => "its certificate has ended, by the clock of this machine".to_owned(),
        CertificateError::NotValidYet => {
            "its certificate has not begun yet, by the clock of this machine".to_owned()
        }
        _ => return None,
    })
}

fn in_words(error: &rustls::Error) -> String {
    use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "its certificate comes from an authority that is not trusted here".to_owned()
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "an authority of that name is trusted here, but it has not signed its certificate".to_owned()
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another name".to_owned(),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => "it does not speak TLS there".to_owned(),
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it asks for a client certificate".to_owned()
        }
        Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown,
        ) => "it refuses the client certificate".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
