//! What every handler can reach. Made once by the binary from a [`Wiring`].

use crate::engines::Engines;
use crate::throttle::Throttle;
use base::{Clock, Problems, Secret, Timestamp};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use store::Store;

/// Everything that the API is connected to.
pub struct Wiring {
    /// The database.
    pub store: Store,
    /// The view of the running engines.
    pub engines: Arc<dyn Engines>,
    /// The board of standing problems.
    pub problems: Problems,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// The one-time token of the set-up.
    pub setup: SetupToken,
    /// What this binary was built from.
    pub build: BuildInfo,
    /// Names under which the UI may be called, from the environment; `*` allows every name.
    pub allowed_hosts: Vec<String>,
    /// The data folder, to be shown.
    pub data_dir: PathBuf,
    /// The port that clients use for HTTP, to be shown.
    pub public_http_port: u16,
    /// The port that clients use for HTTPS, to be shown.
    pub public_https_port: u16,
    /// Ports of the UI and API listener: upstream tests do not connect to them on this machine.
    pub own_ports: Vec<u16>,
    /// Hosts may lead to link-local addresses, since who runs this machine says so.
    pub link_local: bool,
}

/// What this binary was built from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BuildInfo {
    /// The version, such as `0.1.0`.
    pub version: String,
    /// The commit, or `unknown`.
    pub git_commit: String,
    /// When it was built, RFC 3339, or `unknown`.
    pub build_time: String,
}

/// The token that proves, during the set-up, that somebody can read Charon's log.
#[derive(Clone, Debug)]
pub struct SetupToken(Option<Secret<String>>);

impl SetupToken {
    /// A new token of 128 random bits.
    pub fn generate() -> Self {
        Self(Some(Secret::new(base::random::hex_token::<16>())))
    }

    /// A given token.
    pub fn from_text(token: impl Into<String>) -> Self {
        Self(Some(Secret::new(token.into())))
    }

    /// No token fits: there is an account already.
    pub fn closed() -> Self {
        Self(None)
    }

    /// The token, to be printed once.
    pub fn expose(&self) -> Option<&str> {
        self.0.as_ref().map(|token| token.expose().as_str())
    }

    /// Whether `given` is the token. Takes the same time for every wrong text of the same length.
    pub(crate) fn fits(&self, given: &str) -> bool {
        self.expose().is_some_and(|token| {
            // Digests have one length and say nothing about where two texts differ.
            let pairs = crate::tokens::digest(token).into_bytes().into_iter();
            let other = crate::tokens::digest(given.trim()).into_bytes();
            pairs.zip(other).fold(0, |differs, (left, right)| differs | (left ^ right)) == 0
        })
    }
}

/// The shared state of all handlers. Cheap to clone.
#[derive(Clone)]
pub struct State(Arc<Inner>);

/// What [`State`] holds; only this crate reaches its fields.
pub struct Inner {
    pub(crate) store: Store,
    pub(crate) engines: Arc<dyn Engines>,
    pub(crate) problems: Problems,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) setup: SetupToken,
    pub(crate) build: BuildInfo,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) data_dir: PathBuf,
    pub(crate) public_http_port: u16,
    pub(crate) public_https_port: u16,
    pub(crate) own_ports: Vec<u16>,
    pub(crate) link_local: bool,
    pub(crate) started_at: Timestamp,
    pub(crate) throttle: Throttle,
    /// The OpenAPI document; request bodies are checked against its schemas.
    pub(crate) document: Value,
    /// Held while a host is checked against the others and written, so that two hosts cannot get one domain.
    pub(crate) hosts: tokio::sync::Mutex<()>,
    /// How many live channels may be open at once.
    pub(crate) viewers: Arc<tokio::sync::Semaphore>,
}

impl State {
    /// The state of a server that starts now.
    pub fn new(wiring: Wiring) -> Self {
        Self(Arc::new(Inner {
            started_at: wiring.clock.now(),
            throttle: Throttle::new(),
            document: crate::openapi::document(),
            hosts: tokio::sync::Mutex::new(()),
            viewers: Arc::new(tokio::sync::Semaphore::new(crate::live::MOST_VIEWERS)),
            store: wiring.store,
            engines: wiring.engines,
            problems: wiring.problems,
            clock: wiring.clock,
            setup: wiring.setup,
            build: wiring.build,
            allowed_hosts: wiring.allowed_hosts.iter().map(|name| name.trim().to_ascii_lowercase()).collect(),
            data_dir: wiring.data_dir,
            public_http_port: wiring.public_http_port,
            public_https_port: wiring.public_https_port,
            own_ports: wiring.own_ports,
            link_local: wiring.link_local,
        }))
    }
}

impl std::ops::Deref for State {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("api::State")
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("api::Inner")
    }
}

impl std::fmt::Debug for Wiring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("api::Wiring")
    }
}

#[cfg(test)]
mod tests {
    use super::SetupToken;

    #[test]
    fn only_the_token_itself_fits_and_a_closed_set_up_takes_none() {
        let token = SetupToken::generate();
        let text = token.expose().unwrap().to_owned();
        assert_eq!(text.len(), 32);
        assert!(token.fits(&text) && token.fits(&format!(" {text}\n")));
        assert!(!token.fits("") && !token.fits(&text[1..]));
        assert!(!SetupToken::closed().fits("") && !SetupToken::closed().fits(&text));
    }
}
