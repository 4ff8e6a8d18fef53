//! Somebody else's captcha: the provider is asked about each answer, and whether it knows Charon's secret. While it
//! cannot be asked, suspected clients get the short calculation instead, and that is a problem on the board.

use base::{Clock, Code, Problem, Problems, Secret, Timestamp};
use bytes::Bytes;
use outbound::{Client, Options, OutboundError};
use proxy::{CaptchaDesk, CaptchaProvider, CaptchaQuestion, CaptchaVerdict, CaptchaWidget};
use serde::Deserialize;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use store::security_captcha::{self as stored, Kind};
use store::{Error, Store};
use tasks::{Outcome, Task};
use tokio::sync::{Semaphore, watch};

const COMPONENT: &str = "captcha";
const INTERVAL: Duration = Duration::from_secs(30);
/// How long the provider may take, and how many answers it is asked about at once.
const LIMIT: Duration = Duration::from_secs(8);
const AT_ONCE: usize = 8;
/// An answer that no provider has given. What is said about it tells whether the secret is known.
const NO_ANSWER: &str = "charon-asks-whether-its-secret-is-known";

/// How it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Phase {
    /// The short calculation is set.
    #[default]
    Work,
    /// The provider takes Charon's secret, and its captcha is shown.
    Works,
    /// The provider cannot be asked, and the calculation is shown instead.
    Unreachable,
    /// The provider does not take the keys, and the calculation is shown instead.
    KeysRefused,
}

/// What is the case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct State {
    /// See [`Phase`].
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// Why, as a sentence part; empty when all is well.
    pub reason: String,
    /// Which of the stored values this is about.
    pub as_of: String,
}

/// What the provider is asked with.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Whose captcha it is.
    pub provider: CaptchaProvider,
    /// Which site asks.
    pub site_key: String,
    /// What the provider knows Charon by.
    pub secret: Secret<String>,
}

/// Why an answer could not be judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The provider cannot be asked.
    Unreachable(String),
    /// It does not take the keys.
    Keys(String),
}

/// Asks providers. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Captcha {
    desk: Arc<CaptchaDesk>,
    clock: Arc<dyn Clock>,
    client: Client,
    /// Stands for every provider, in tests.
    stand_in: Option<String>,
    state: Arc<watch::Sender<State>>,
    keys: Arc<watch::Sender<Option<Keys>>>,
}

impl Captcha {
    /// `stand_in` is asked in the place of every provider: scheme, host and port.
    ///
    /// # Errors
    /// When the system's certificates cannot be read.
    pub fn new(
        desk: Arc<CaptchaDesk>,
        clock: Arc<dyn Clock>,
        stand_in: Option<String>,
    ) -> Result<Self, OutboundError> {
        let client = Client::new(Options {
            time_limit: LIMIT,
            connect_limit: LIMIT / 2,
            largest: 64 * 1024,
            ..Options::default()
        })?;
        let (state, keys) = (Arc::new(watch::Sender::default()), Arc::new(watch::Sender::default()));
        Ok(Self { desk, clock, client, stand_in, state, keys })
    }

    /// How it stands.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Asks the provider about answers as they come in. Never ends.
    pub async fn answer(self) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            let question = self.desk.next().await;
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let shared = self.clone();
            tasks::spawn("ask about a captcha", async move {
                shared.judge(&question).await;
                drop(place);
            });
        }
    }

    async fn judge(&self, question: &CaptchaQuestion) {
        let keys = self.keys.borrow().clone();
        let judged = match &keys {
            Some(keys) => self.ask(keys, &question.token, Some(question.client)).await,
            None => Err(Fault::Unreachable("it is not set any more".to_owned())),
        };
        let verdict = match judged {
            Ok(verdict) => verdict,
            Err(fault) => {
                // Only what is set now may be said to fail.
                if keys.is_some() {
                    self.fails(&fault);
                }
                CaptchaVerdict::Unreachable
            }
        };
        self.desk.settle(question, verdict, self.clock.now());
    }

    /// Whether the provider takes these keys.
    ///
    /// # Errors
    /// When it does not, or cannot be asked.
    pub async fn try_out(&self, keys: &Keys) -> Result<(), Fault> {
        self.ask(keys, NO_ANSWER, None).await.map(drop)
    }

    async fn ask(&self, keys: &Keys, token: &str, client: Option<IpAddr>) -> Result<CaptchaVerdict, Fault> {
        let mut form = vec![("secret", keys.secret.expose().clone()), ("response", token.to_owned())];
        form.extend(client.map(|client| ("remoteip", client.to_string())));
        let address = match (&self.stand_in, keys.provider) {
            (Some(base), _) => format!("{base}/siteverify"),
            (None, CaptchaProvider::Turnstile) => {
                "https://challenges.cloudflare.com/turnstile/v0/siteverify".to_owned()
            }
            (None, CaptchaProvider::HCaptcha) => "https://api.hcaptcha.com/siteverify".to_owned(),
        };
        if keys.provider == CaptchaProvider::HCaptcha {
            form.push(("sitekey", keys.site_key.clone()));
        }
        let form: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let request = http::Request::post(address)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(form.join("&")))
            .map_err(|error| Fault::Unreachable(error.to_string()))?;
        let answer =
            self.client.send(request).await.map_err(|error| Fault::Unreachable(error.to_string()))?;
        read(answer.status().as_u16(), answer.body())
    }

    fn fails(&self, fault: &Fault) {
        self.desk.show(None);
        let (phase, reason) = match fault {
            Fault::Unreachable(why) => (Phase::Unreachable, why),
            Fault::Keys(why) => (Phase::KeysRefused, why),
        };
        self.tell(phase, reason, None);
    }

    fn tell(&self, phase: Phase, reason: &str, as_of: Option<&str>) {
        let now = self.clock.now();
        self.state.send_modify(|state| {
            if state.phase != phase {
                (state.phase, state.since) = (phase, now);
            }
            reason.clone_into(&mut state.reason);
            if let Some(as_of) = as_of {
                as_of.clone_into(&mut state.as_of);
            }
        });
    }
}

/// What a provider has said (both say it alike).
#[derive(Deserialize)]
struct Said {
    success: bool,
    #[serde(default, rename = "error-codes")]
    codes: Vec<String>,
}

fn read(status: u16, body: &[u8]) -> Result<CaptchaVerdict, Fault> {
    let said: Said = serde_json::from_slice(body)
        .map_err(|_| Fault::Unreachable(format!("it answers with status {status} and no verdict")))?;
    if said.success {
        return Ok(CaptchaVerdict::Accepted);
    }
    let codes = said.codes.join(", ");
    let any = |parts: &[&str]| said.codes.iter().any(|code| parts.iter().any(|part| code.contains(part)));
    if any(&["secret", "sitekey"]) {
        return Err(Fault::Keys(codes));
    }
    if status >= 500 || any(&["internal-error", "bad-request"]) || said.codes.is_empty() {
        return Err(Fault::Unreachable(format!("it answers with status {status} and no verdict ({codes})")));
    }
    Ok(CaptchaVerdict::Refused(match any(&["duplicate", "already-seen", "timeout", "expired"]) {
        true => "it was used already, or is too old".to_owned(),
        false => "it is not right".to_owned(),
    }))
}

/// A value within a form (WHATWG URL, section 5.2).
fn escape(value: &str) -> String {
    use std::fmt::Write;
    value.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // A String takes everything that is written to it.
            _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// Signs answers with the stored keys from now on. What cannot be read is said: answers hold until the next start
/// then.
pub(crate) async fn sign(store: &Store, desk: &CaptchaDesk, now: Timestamp) -> Result<(), Error> {
    let keys = stored::signing_keys(store, now).await?;
    let keys: Vec<&[u8]> = keys.iter().map(|key| key.expose().as_bytes()).collect();
    desk.sign_with(&keys);
    Ok(())
}

/// The task that shows the captcha that is set, as long as its provider can be asked.
#[derive(Debug)]
pub struct Show {
    store: Store,
    captcha: Captcha,
    problems: Problems,
}

impl Show {
    /// Nothing is shown yet.
    pub fn new(store: Store, captcha: Captcha, problems: Problems) -> Self {
        Self { store, captcha, problems }
    }

    async fn look(&self) -> Result<String, Error> {
        let captcha = &self.captcha;
        sign(&self.store, &captcha.desk, captcha.clock.now()).await?;
        let set = stored::get(&self.store).await?;
        let provider = match set.kind {
            Kind::Work => None,
            Kind::Turnstile => Some(CaptchaProvider::Turnstile),
            Kind::Hcaptcha => Some(CaptchaProvider::HCaptcha),
        };
        let Some(provider) = provider else {
            captcha.keys.send_replace(None);
            captcha.desk.show(None);
            captcha.tell(Phase::Work, "", Some(&set.as_of));
            self.problems.report(COMPONENT, Vec::new());
            return Ok("nothing to do: suspected clients get the short calculation".to_owned());
        };
        let state = captcha.state();
        if state.as_of == set.as_of && state.phase == Phase::Works {
            self.problems.report(COMPONENT, Vec::new());
            return Ok(format!("nothing to do: {} is shown", provider.title()));
        }
        let secret = match stored::secret(&self.store).await {
            Ok(secret) => secret.ok_or_else(|| "no secret is kept".to_owned()),
            Err(Error::Secret(why)) => Err(why),
            Err(error) => return Err(error),
        };
        let tried = match secret {
            Ok(secret) => {
                let keys = Keys { provider, site_key: set.site_key.clone(), secret };
                captcha.keys.send_replace(Some(keys.clone()));
                captcha.try_out(&keys).await
            }
            Err(why) => Err(Fault::Keys(why)),
        };
        let name = provider.title();
        let sentence = match tried {
            Ok(()) => {
                let stand_in = captcha.stand_in.clone();
                captcha.desk.show(Some(CaptchaWidget { provider, site_key: set.site_key, stand_in }));
                captcha.tell(Phase::Works, "", Some(&set.as_of));
                self.problems.report(COMPONENT, Vec::new());
                format!("{name} is shown to suspected clients")
            }
            Err(fault) => {
                captcha.fails(&fault);
                captcha.state.send_modify(|state| set.as_of.clone_into(&mut state.as_of));
                let (what, remedy) = match &fault {
                    Fault::Unreachable(why) => (
                        format!("{name} cannot be asked about answers to its captcha: {why}"),
                        "see that this machine reaches it by HTTPS; Charon tries again every 30 seconds",
                    ),
                    Fault::Keys(why) => (
                        format!("{name} does not take the keys of this site: {why}"),
                        "write site key and secret of the same site anew, on the page of CrowdSec under Configuration",
                    ),
                };
                let message = format!("{what}; suspected clients do the short calculation instead");
                let problem = Problem::new(Code::CaptchaFailing, message.clone(), remedy);
                self.problems.report(COMPONENT, vec![problem.link("/security/crowdsec")]);
                message
            }
        };
        Ok(sentence)
    }
}

impl Task for Show {
    fn name(&self) -> &'static str {
        "show captchas"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn run(&mut self) -> Outcome {
        match self.look().await {
            Ok(message) => Outcome::Ok(message),
            Err(error) => Outcome::Failing(
                format!("which captcha is set cannot be read: {error}"),
                "what was shown before is shown; restart Charon: it repairs the database at its start"
                    .to_owned(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_providers_say_is_a_verdict_or_a_fault_with_its_reason() {
        let keys = |why: &str| Err(Fault::Keys(why.to_owned()));
        let refused = |why: &str| Ok(CaptchaVerdict::Refused(why.to_owned()));
        for (status, body, expected) in [
            (
                200,
                r#"{"success":true,"challenge_ts":"x","hostname":"a.test","error-codes":[]}"#,
                Ok(CaptchaVerdict::Accepted),
            ),
            (
                200,
                r#"{"success":false,"error-codes":["invalid-input-response"]}"#,
                refused("it is not right"),
            ),
            (
                200,
                r#"{"success":false,"error-codes":["timeout-or-duplicate"]}"#,
                refused("it was used already, or is too old"),
            ),
            (
                200,
                r#"{"success":false,"error-codes":["invalid-or-already-seen-response"]}"#,
                refused("it was used already, or is too old"),
            ),
            (
                400,
                r#"{"success":false,"error-codes":["invalid-input-secret"]}"#,
                keys("invalid-input-secret"),
            ),
            (
                200,
                r#"{"success":false,"error-codes":["sitekey-secret-mismatch"]}"#,
                keys("sitekey-secret-mismatch"),
            ),
        ] {
            assert_eq!(read(status, body.as_bytes()), expected, "{body}");
        }
        for (status, body) in [
            (502, "<html>"),
            (200, r#"{"success":false,"error-codes":["internal-error"]}"#),
            (200, r#"{"success":false}"#),
        ] {
            assert!(matches!(read(status, body.as_bytes()), Err(Fault::Unreachable(_))), "{body}");
        }
        assert_eq!(escape("a b&c=d/é"), "a%20b%26c%3Dd%2F%C3%A9");
    }
}
