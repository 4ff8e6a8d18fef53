//! Tries out the whole way, every minute and after each start of the agent: a decision about an address of
//! documentation is made, pulled, looked up, and met by a request through Charon's own listener.

use super::state::{CrowdSec, Phase};
use base::{Code, Problem, Problems};
use crowdsec::NewDecision;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
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
}

/// Which link is broken, and how.
type Broken = (&'static str, String);

impl Prove {
    /// `behind_balancers`: Charon itself may not send a request to its listeners.
    pub fn new(shared: CrowdSec, problems: Problems, behind_balancers: bool) -> Self {
        Self { shared, problems, behind_balancers }
    }

    async fn prove(&self) -> Result<(), Broken> {
        let Some(lapi) = self.shared.lapi() else {
            return Err(("agent", "the agent does not run".to_owned()));
        };
        let address = self.shared.canary.address;
        let decision = NewDecision {
            scope: "Ip",
            value: address.to_string(),
            // When nobody ends it.
            duration: self.shared.pace.saturating_sub(Duration::from_secs(2)),
            scenario: TRIAL.to_owned(),
        };
        let at_lapi = |error: crowdsec::LapiError| ("LAPI", error.to_string());
        lapi.add(&decision, self.shared.clock.now()).await.map_err(at_lapi)?;
        let held = || {
            self.shared.with_decisions(|decisions| decisions.iter().any(|held| held.value == decision.value))
        };
        let why = || self.shared.state().pulled.error.map(|error| format!(": {error}")).unwrap_or_default();
        let late = self.wait(held).await;
        late.map_err(|late| ("pull", format!("a new decision was not pulled {late}{}", why())))?;
        let found = || self.banned(address);
        self.wait(found)
            .await
            .map_err(|late| ("lookup", format!("a pulled decision was not published {late}")))?;
        let status = self.request().await.map_err(|error| ("proxy", error.to_string()))?;
        if status != 403 {
            return Err((
                "proxy",
                format!("a request of a banned address was answered with {status} instead of 403"),
            ));
        }
        lapi.delete("Ip", &decision.value).await.map_err(at_lapi)?;
        let free = || !self.banned(address);
        self.wait(free)
            .await
            .map_err(|late| ("pull", format!("the end of a decision was not pulled {late}")))?;
        // Trials are not to bury what the agent has found. One that may not remove them is no broken link.
        if let Err(error) = lapi.forget_alerts(TRIAL).await {
            tracing::debug!("the alert of a trial stays at LAPI: {error}");
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        let [least, most] = PATIENCE;
        (self.shared.pace / 3).clamp(least, most)
    }

    fn banned(&self, address: IpAddr) -> bool {
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
        if state.phase != Phase::Running {
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
        if self.shared.state().phase != Phase::Running {
            return Outcome::Ok("nothing is proven: the agent was stopped meanwhile".to_owned());
        }
        let now = self.shared.clock.now();
        self.shared.tell(|state| match &outcome {
            Ok(()) => {
                state.proof.proven_at = Some(now);
                (state.proof.broken, state.proof.broken_since) = (None, None);
            }
            Err(broken) => {
                state.proof.broken = Some(broken.clone());
                state.proof.broken_since = state.proof.broken_since.or(Some(now));
            }
        });
        let problem = outcome.as_ref().err().map(|(link, why)| {
            let message =
                format!("CrowdSec does not protect as it should: the link '{link}' is broken: {why}");
            let remedy = "see the page Security; switch CrowdSec off and on if it does not mend itself";
            Problem::new(Code::CrowdSecUnproven, message, remedy).link("/security")
        });
        self.problems.report("CrowdSec proof", problem.into_iter().collect());
        Outcome::Ok(match outcome {
            Ok(()) => "proven: a decision was made, pulled and enforced, and its end too".to_owned(),
            Err((link, why)) => format!("not proven: {link}: {why}"),
        })
    }
}
