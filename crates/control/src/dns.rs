//! DNS providers as this Charon reaches them: by which client, which resolvers, and whether programs may be run.

use base::{Clock, Secret};
use dns01::{FieldError, Kind, Means, Provider, Resolvers, TrialStep};
use outbound::{Client, Options, Reach};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::dns_credentials::{self, DnsCredential};

/// How long a trial looks for its value.
const LOOK: Duration = Duration::from_secs(20);
/// Where the system says whom it asks.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// What was typed in a form, by the names of its fields.
pub type Given = BTreeMap<String, Secret<String>>;

/// What the owner of the machine has said.
#[derive(Clone, Debug)]
pub struct DnsSettings {
    /// Who looks names up; empty: whom the system asks.
    pub resolvers: Vec<SocketAddr>,
    /// Where the servers of zones listen.
    pub port: u16,
    /// The folder whose programs may be run; `None`: none may.
    pub programs: Option<PathBuf>,
    /// APIs may stand at link-local addresses.
    pub link_local: bool,
}

/// What was typed in the form of stored credentials, the secrets too. The inner error is a sentence.
pub(crate) async fn stored(
    store: &Store,
    credential: &DnsCredential,
) -> Result<Result<Given, String>, store::Error> {
    let secrets = match dns_credentials::secrets(store, &credential.uuid).await {
        Ok(secrets) => secrets,
        Err(store::Error::Secret(message)) => return Ok(Err(message)),
        Err(error) => return Err(error),
    };
    let plain = credential.values.settings.iter();
    let plain = plain.map(|(name, value)| (name.clone(), Secret::new(value.clone())));
    Ok(Ok(plain.chain(secrets).collect()))
}

/// The way to DNS providers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dns {
    means: Means,
    resolvers: Vec<SocketAddr>,
    port: u16,
}

impl Dns {
    /// # Errors
    /// When there can be no client.
    pub fn new(settings: DnsSettings, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let DnsSettings { resolvers, port, programs, link_local } = settings;
        let reach = if link_local { Reach::Anywhere } else { Reach::NotLinkLocal };
        let client = Client::new(Options { reach, ..Options::default() })?;
        Ok(Self { means: Means { client, clock, programs }, resolvers, port })
    }

    /// Whether programs may be run at all.
    pub fn runs_programs(&self) -> bool {
        self.means.programs.is_some()
    }

    /// A provider made of what was typed.
    ///
    /// # Errors
    /// The first field that is wrong, and what mends it.
    pub fn provider(&self, kind: &Kind, given: &Given) -> Result<Box<dyn Provider>, FieldError> {
        kind.build(given, &self.means)
    }

    /// Who is asked now: the system's resolvers may change while Charon runs.
    pub fn resolvers(&self) -> Resolvers {
        if !self.resolvers.is_empty() {
            return Resolvers { addresses: self.resolvers.clone(), port: self.port };
        }
        let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
        Resolvers { port: self.port, ..Resolvers::of_system(&text) }
    }

    /// Tries what was typed for a zone. It goes on to its end, also when nobody waits for it any more: what was
    /// written is removed.
    ///
    /// # Errors
    /// The first field that is wrong, and what mends it.
    pub async fn test(&self, kind: &Kind, given: &Given, zone: &str) -> Result<Vec<TrialStep>, FieldError> {
        let provider = self.provider(kind, given)?;
        let (resolvers, clock, zone) = (self.resolvers(), self.means.clock.clone(), zone.to_owned());
        let (end, ended) = tokio::sync::oneshot::channel();
        tasks::spawn("trial of a DNS provider", async move {
            let steps = dns01::test(&*provider, &resolvers, &zone, LOOK, &*clock).await;
            // Nobody waits: that is no failure.
            _ = end.send(steps);
        });
        Ok(ended.await.unwrap_or_default())
    }
}
