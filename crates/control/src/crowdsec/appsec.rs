//! Lets CrowdSec's AppSec component judge requests as it is wished, and says when it does not answer.

use super::state::CrowdSec;
use base::{Code, Problem, Problems, Timestamp};
use proxy::{AppSec, AppSecNumbers, AppSecSettings};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::crowdsec_appsec::{self as rows, OnFailure, OnLargeBody};
use store::{Store, security_enforcement};
use tasks::{Outcome, Task};

/// How often its name is looked up again, and its state looked at.
const INTERVAL: Duration = Duration::from_secs(10);

/// How AppSec stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AppSecState {
    /// Requests are judged by it.
    pub on: bool,
    /// It has answered since it was set so.
    pub has_answered: bool,
    /// Since when it has failed, and how.
    pub failing: Option<(Timestamp, String)>,
    /// What it has said.
    pub numbers: AppSecNumbers,
}

impl CrowdSec {
    /// How AppSec stands.
    pub fn appsec(&self) -> AppSecState {
        let numbers = self.appsec_counts.numbers();
        let unresolved = self.appsec_fault();
        match self.proxy.appsec() {
            None => AppSecState { failing: unresolved, numbers, ..AppSecState::default() },
            Some(appsec) => AppSecState {
                on: true,
                has_answered: appsec.has_answered(),
                failing: appsec.failing().or(unresolved),
                numbers,
            },
        }
    }

    /// Makes the wish so. What cannot be found goes on as it was.
    pub(super) async fn wish_appsec(&self, store: &Store) -> Result<(), store::Error> {
        let rows::AppSec { plain, key } = rows::get(store).await?;
        if !plain.enabled {
            self.set_appsec_fault(None);
            if self.proxy.appsec().is_some() {
                self.proxy.judge_by(None);
                tracing::info!("requests are not judged by AppSec any more");
            }
            return Ok(());
        }
        let (authority, path, found) = find(&plain.url).await;
        let known = self.proxy.appsec();
        let addresses = match found {
            Ok(addresses) => {
                self.set_appsec_fault(None);
                addresses
            }
            Err(why) => {
                self.set_appsec_fault(Some(why));
                // Without an address every question fails at once, and what is set for that holds.
                known.as_ref().map(|known| known.settings().addresses.clone()).unwrap_or_default()
            }
        };
        let grace = security_enforcement::get(store).await?.captcha_grace_minutes;
        let settings = AppSecSettings {
            addresses,
            authority,
            path,
            key,
            limit: Duration::from_millis(plain.limit_ms.into()),
            largest_body: usize::try_from(plain.largest_body).unwrap_or(usize::MAX),
            refuse_on_failure: plain.on_failure == OnFailure::Refuse,
            refuse_large_bodies: plain.on_large_body == OnLargeBody::Refuse,
            grace: Duration::from_secs(60) * grace,
            exempt: plain.exempt_hosts,
        };
        if known.is_some_and(|known| *known.settings() == settings) {
            return Ok(());
        }
        tracing::info!("requests are judged by AppSec at {}", plain.url);
        let appsec = AppSec::new(settings, self.appsec_counts.clone(), self.captcha.clone());
        self.proxy.judge_by(Some(Arc::new(appsec)));
        Ok(())
    }
}

/// Name and port, path, and the addresses behind them. The address was checked when it was entered.
async fn find(url: &str) -> (String, String, Result<Vec<SocketAddr>, String>) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let found = match tokio::net::lookup_host(authority).await {
        Ok(found) => {
            let mut found: Vec<_> = found.collect();
            // In one order, however they come.
            found.sort_unstable();
            found.dedup();
            if found.is_empty() { Err(format!("{authority} has no address")) } else { Ok(found) }
        }
        Err(error) => Err(format!("{authority} cannot be looked up: {error}")),
    };
    (authority.to_owned(), format!("/{path}"), found)
}

/// The task that does it.
#[derive(Debug)]
pub struct Judge {
    store: Store,
    shared: CrowdSec,
    problems: Problems,
}

impl Judge {
    /// Nothing is looked at yet.
    pub fn new(store: Store, shared: CrowdSec, problems: Problems) -> Self {
        Self { store, shared, problems }
    }
}

impl Task for Judge {
    fn name(&self) -> &'static str {
        "judge by AppSec"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    async fn run(&mut self) -> Outcome {
        if let Err(error) = self.shared.wish_appsec(&self.store).await {
            return Outcome::Failing(
                format!("how AppSec is wished cannot be read: {error}"),
                "what was in force stays in force; enter its key anew, or restart Charon: it repairs the database"
                    .to_owned(),
            );
        }
        let AppSecState { on, failing, has_answered, .. } = self.shared.appsec();
        let problem = failing.as_ref().map(|(since, why)| {
            let holds = match self.shared.proxy.appsec().is_some_and(|known| known.settings().refuse_on_failure) {
                true => "requests are refused meanwhile, as is set",
                false => "requests pass unseen meanwhile, as is set",
            };
            let message = format!("AppSec does not judge requests since {since}: {why}; {holds}");
            let remedy = "see that it runs (cscli metrics show appsec), that address and key are right, and that its LAPI \
                          answers; or switch it off on the page of CrowdSec";
            Problem::new(Code::AppSecFailing, message, remedy).link("/security/crowdsec?tab=appsec")
        });
        self.problems.report("AppSec", problem.into_iter().collect());
        Outcome::Ok(match (on, failing, has_answered) {
            (false, ..) => "nothing to do: AppSec is switched off".to_owned(),
            (true, Some((_, why)), _) => format!("requests are not judged: {why}"),
            (true, None, true) => "requests are judged".to_owned(),
            (true, None, false) => "no request has been judged yet".to_owned(),
        })
    }
}
