//! Tries out the whole way, every minute and after each start of the agent: a decision about an address of
//! documentation is made, pulled, looked up, and met by a request through Charon's own listener. Where no decision
//! can be made (at a LAPI of another machine without a login) Charon puts one into its own set, and says what that
//! leaves open.

use super::state::{CrowdSec, Phase};
use base::{Code, Problem, Problems};
use crowdsec::{Decision, Lapi, LapiError, NewDecision, go_duration};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tasks::{Outcome, Task};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a link may take, at least and at most: a third of the time between two trials.
const PATIENCE: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(20)];
/// The scenario of trials.
pub const TRIAL: &str = "charon/proof";

/// The task that proves.
#[derive(Debug)]
pub struct Prove {
    shared: CrowdSec,
    problems: Problems,
    /// The listeners take connections from load balancers alone.
    behind_balancers: bool,
    /// Trials leave alerts at LAPI, which it does not let Charon remove: not before this moment.
    not_before: Option<Duration>,
}

/// The time between two trials that each leave an alert at LAPI.
const RARELY: Duration = Duration::from_secs(3600);
/// Said when no decision can be made at LAPI.
const OPEN: &str = "that a new decision of LAPI arrives here is not tried: without the login of a machine Charon cannot \
                    make one there";

/// Which link is broken, and how.
type Broken = (&'static str, String);

impl Prove {
    /// `behind_balancers`: Charon itself may not send a request to its listeners.
    pub fn new(shared: CrowdSec, problems: Problems, behind_balancers: bool) -> Self {
        Self { shared, problems, behind_balancers, not_before: None }
    }

    /// Says whether a decision of LAPI was seen to be enforced; else one of Charon's own.
    async fn prove(&mut self) -> Result<bool, Broken> {
        let elsewhere = self.shared.state().elsewhere;
        let Some(lapi) = self.shared.lapi() else {
            return Err(match elsewhere {
                true => ("LAPI", self.shared.state().message),
                false => ("agent", "the agent does not run".to_owned()),
            });
        };
        let whole = !elsewhere || (lapi.has_machine() && self.may_leave_alert());
        if elsewhere {
            self.answers(&lapi).await?;
        }
        if whole {
            self.by_lapi(&lapi).await?;
        } else {
            self.by_itself().await?;
        }
        Ok(whole)
    }

    fn may_leave_alert(&self) -> bool {
        self.not_before.is_none_or(|moment| self.shared.clock.monotonic() >= moment)
    }

    /// LAPI of another machine answers, knows Charon, and was pulled from just now.
    async fn answers(&self, lapi: &Lapi) -> Result<(), Broken> {
        lapi.check().await.map_err(|error| match error {
            LapiError::Credentials { .. } => ("pull", error.to_string()),
            error => ("LAPI", error.to_string()),
        })?;
        let began = self.shared.clock.now();
        let pulled = || {
            let fresh = self.shared.state().pulled.at.is_some_and(|at| at >= began);
            if !fresh {
                self.shared.hurry();
            }
            fresh
        };
        let why = || self.shared.state().pulled.error.map(|error| format!(": {error}")).unwrap_or_default();
        let late = self.wait(pulled).await;
        late.map_err(|late| ("pull", format!("decisions were not pulled {late}{}", why())))
    }

    /// With a decision that is made at LAPI.
    async fn by_lapi(&mut self, lapi: &Lapi) -> Result<(), Broken> {
        let decision = NewDecision {
            scope: "Ip",
            value: self.shared.canary.address.to_string(),
            // When nobody ends it.
            duration: self.shared.pace.saturating_sub(Duration::from_secs(2)),
            scenario: TRIAL.to_owned(),
        };
        let at_lapi = |error: LapiError| ("LAPI", error.to_string());
        lapi.add(&decision, self.shared.clock.now()).await.map_err(at_lapi)?;
        let held = || {
            self.shared.hurry();
            self.shared.with_decisions(|decisions| decisions.iter().any(|held| held.value == decision.value))
        };
        let why = || self.shared.state().pulled.error.map(|error| format!(": {error}")).unwrap_or_default();
        let late = self.wait(held).await;
        late.map_err(|late| ("pull", format!("a new decision was not pulled {late}{}", why())))?;
        self.is_refused(|| {}).await?;
        lapi.delete("Ip", &decision.value).await.map_err(at_lapi)?;
        let free = || {
            self.shared.hurry();
            !self.banned()
        };
        self.wait(free)
            .await
            .map_err(|late| ("pull", format!("the end of a decision was not pulled {late}")))?;
        // Trials are not to bury what the agent has found. One that may not remove them is no broken link.
        self.not_before = None;
        if let Err(error) = lapi.forget_alerts(TRIAL).await {
            tracing::debug!("the alert of a trial stays at LAPI: {error}");
            self.not_before = Some(self.shared.clock.monotonic() + RARELY);
        }
        Ok(())
    }

    /// With a decision that only Charon knows of.
    async fn by_itself(&self) -> Result<(), Broken> {
        let value = self.shared.canary.address.to_string();
        let decision = Decision {
            duration: go_duration(self.patience() * 2),
            scenario: TRIAL.to_owned(),
            scope: "Ip".to_owned(),
            r#type: "ban".to_owned(),
            value: value.clone(),
            ..Decision::default()
        };
        // A pull of everything takes it away again.
        let put_in = || {
            let now = self.shared.clock.now();
            let new = std::slice::from_ref(&decision);
            if self.shared.with_decisions(|decisions| decisions.take(false, new, &[], now)) {
                self.shared.touched.store(true, Ordering::Relaxed);
            }
        };
        let refused = self.is_refused(put_in).await;
        self.shared.with_decisions(|decisions| decisions.release("Ip", &value));
        self.shared.touched.store(true, Ordering::Relaxed);
        self.shared.enforce.call();
        refused
    }

    /// A decision that is held is published, and a request that it is about refused.
    async fn is_refused(&self, put_in: impl Fn()) -> Result<(), Broken> {
        let published = || {
            put_in();
            self.banned()
        };
        self.wait(published)
            .await
            .map_err(|late| ("lookup", format!("a pulled decision was not published {late}")))?;
        let status = self.request().await.map_err(|error| ("proxy", error.to_string()))?;
        if status != 403 {
            return Err((
                "proxy",
                format!("a request of a banned address was answered with {status} instead of 403"),
            ));
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        let [least, most] = PATIENCE;
        (self.shared.pace / 3).clamp(least, most)
    }

    fn banned(&self) -> bool {
        let address = self.shared.canary.address;
        self.shared
            .proxy
            .bans()
            .is_some_and(|bans| bans.find(address).is_some_and(|reason| reason.rule == TRIAL))
    }

    /// Waits for a link, and asks it to hurry.
    async fn wait(&self, holds: impl Fn() -> bool) -> Result<(), String> {
        let patience = self.patience();
        let end = self.shared.clock.monotonic() + patience;
        while !holds() {
            if self.shared.clock.monotonic() >= end {
                return Err(format!("within {} seconds", patience.as_secs()));
            }
            self.shared.enforce.call();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// The status of an answer to a marked request through a listener for plain HTTP.
    async fn request(&self) -> io::Result<u16> {
        let listener = self.shared.proxy.http().into_iter().next();
        let listener = listener.ok_or_else(|| io::Error::other("nothing is listened on for plain HTTP"))?;
        let exchange = async {
            let mut stream = TcpStream::connect(reachable(listener)).await?;
            let token = &self.shared.canary.token;
            let request = format!(
                "GET /charon-proof HTTP/1.1\r\nHost: charon-proof.invalid\r\nUser-Agent: Charon\r\nConnection: close\r\n{}: {token}\r\n\r\n",
                proxy::Canary::HEADER
            );
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            (&mut stream).take(64).read_to_end(&mut answer).await?;
            let status = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
            let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            status.ok_or_else(|| io::Error::other("a request of a banned address got no answer"))
        };
        let late = |_| io::Error::other("the proxy's own listener does not answer");
        tokio::time::timeout(self.patience(), exchange).await.map_err(late)?
    }
}

/// Where a listener can be reached from this machine.
fn reachable(listener: SocketAddr) -> SocketAddr {
    match listener.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => (Ipv4Addr::LOCALHOST, listener.port()).into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => (Ipv6Addr::LOCALHOST, listener.port()).into(),
        _ => listener,
    }
}

impl Task for Prove {
    fn name(&self) -> &'static str {
        "prove CrowdSec"
    }

    fn interval(&self) -> Duration {
        self.shared.pace
    }

    async fn run(&mut self) -> Outcome {
        let state = self.shared.state();
        if state.wish != Some(true) {
            self.problems.report("CrowdSec proof", Vec::new());
            return Outcome::Ok("nothing to prove: CrowdSec is not switched on".to_owned());
        }
        if state.phase != Phase::Running && !state.elsewhere {
            // The agent's own state says what is the matter.
            self.shared
                .tell(|state| state.proof.broken = Some(("agent", "the agent does not run".to_owned())));
            self.problems.report("CrowdSec proof", Vec::new());
            return Outcome::Ok("nothing to prove: the agent does not run".to_owned());
        }
        if self.behind_balancers {
            let why =
                "the listeners take connections by PROXY protocol only, so Charon cannot try them itself";
            self.shared.tell(|state| state.proof.broken = Some(("untried", why.to_owned())));
            return Outcome::Ok(format!("nothing is proven: {why}"));
        }
        let outcome = self.prove().await;
        // It was stopped meanwhile.
        let after = self.shared.state();
        if after.elsewhere != state.elsewhere || (after.phase != Phase::Running && !after.elsewhere) {
            return Outcome::Ok("nothing is proven: the agent was stopped meanwhile".to_owned());
        }
        if outcome.is_err() && after.elsewhere {
            // What is the matter shall stand in the state at once.
            self.shared.supervise.call();
        }
        let now = self.shared.clock.now();
        let can_not = after.elsewhere && self.shared.lapi().is_some_and(|lapi| !lapi.has_machine());
        self.shared.tell(|state| match &outcome {
            Ok(whole) => {
                state.trials.proven += 1;
                state.proof.partly_at = Some(now);
                if *whole {
                    state.proof.proven_at = Some(now);
                }
                state.proof.open = can_not.then_some(OPEN);
                (state.proof.broken, state.proof.broken_since) = (None, None);
            }
            Err(broken) => {
                *state.trials.broken.entry(broken.0).or_default() += 1;
                state.proof.broken = Some(broken.clone());
                state.proof.broken_since = state.proof.broken_since.or(Some(now));
            }
        });
        // While LAPI does not answer, the state itself is the problem.
        let broken = outcome.as_ref().err().filter(|_| after.phase == Phase::Running);
        let problem = broken.map(|(link, why)| {
            let message =
                format!("CrowdSec does not protect as it should: the link '{link}' is broken: {why}");
            let remedy = "see the page Security; switch CrowdSec off and on if it does not mend itself";
            Problem::new(Code::CrowdSecUnproven, message, remedy).link("/security")
        });
        self.problems.report("CrowdSec proof", problem.into_iter().collect());
        Outcome::Ok(match outcome {
            Ok(true) => "proven: a decision was made, pulled and enforced, and its end too".to_owned(),
            Ok(false) => {
                "proven in part: LAPI was pulled from, and a decision of Charon's own enforced".to_owned()
            }
            Err((link, why)) => format!("not proven: {link}: {why}"),
        })
    }
}
