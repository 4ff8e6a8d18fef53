//! What our own load generators have in common: how long they go on, what they count, and how they speak TLS.

use anyhow::Context;
use base::{Clock, SystemClock};
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// One run of load.
#[derive(Debug)]
pub(crate) struct Run {
    /// By the clock of [`SystemClock::monotonic`].
    end: Duration,
    done: AtomicU64,
    failed: AtomicU64,
}

impl Run {
    pub(crate) fn of(seconds: u64) -> Self {
        let end = SystemClock.monotonic() + Duration::from_secs(seconds);
        Self { end, done: AtomicU64::new(0), failed: AtomicU64::new(0) }
    }

    pub(crate) fn goes_on(&self) -> bool {
        SystemClock.monotonic() < self.end
    }

    /// Counts a request.
    pub(crate) fn count(&self, result: &anyhow::Result<()>) {
        let counter = if result.is_ok() { &self.done } else { &self.failed };
        let before = counter.fetch_add(1, Ordering::Relaxed);
        if let (Err(error), 0) = (result, before) {
            println!("the first request that failed: {error:#}");
        }
    }

    /// Says what was seen in the words of h2load.
    pub(crate) fn tell(&self) {
        let (done, failed) = (self.done.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
        println!("requests: {done} succeeded, {failed} failed, 0 errored, 0 timeout");
    }
}

/// What something gives, if it does in time.
pub(crate) async fn in_time<T>(
    what: impl Future<Output = anyhow::Result<T>>,
    missing: &'static str,
) -> anyhow::Result<T> {
    tokio::time::timeout(PATIENCE, what).await.context(missing)?
}

/// TLS 1.3 with full handshakes only, by the key exchange that wrk uses.
pub(crate) fn tls(certificate: &str, protocol: &[u8]) -> anyhow::Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![protocol.to_vec()];
    tls.resumption = rustls::client::Resumption::disabled();
    Ok(tls)
}
