//! `/security`: CrowdSec as it is wished and as it is, and who is banned. To add an endpoint: a file, and a line below.

mod alerts;
mod appsec;
mod ban;
mod bans;
mod captcha;
pub(crate) mod configuration;
mod console;
mod crowdsec_get;
mod crowdsec_log;
mod crowdsec_update;
mod enforcement;
mod enforcement_update;
mod escalation;
mod events;
mod evidence;
mod external;
mod hits;
mod never_banned;
mod unban;
mod view;

pub use appsec::{AppSecCounts, AppSecStanding, AppSecState};
pub use captcha::{CaptchaKeys, CaptchaPhase, CaptchaProvider, CaptchaState};
pub use enforcement::EnforcementState;
pub use events::{SecurityEvent, SecurityEventKind, SecurityFeed, SecurityMark};
pub use evidence::{Alert, AlertDecision, AlertEvent, AlertEvidence, NoAlerts};
pub use external::ExternalTrial;
pub use view::{
    AgentLine, AgentRestarts, AlertFilter, Ban, BanFilter, Bans, CrowdSec, CrowdSecMode, CrowdSecPhase,
    Decisions, FeedNumbers, NotEnforced, Proof, UsageMetrics,
};

use crate::error::{Error, Result};
use crate::state::State;
use base::FieldError;
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(crowdsec_get::get, crowdsec_update::update))
        .routes(routes!(crowdsec_log::log))
        .routes(routes!(enforcement::get, enforcement_update::update))
        .routes(routes!(captcha::get, captcha::update))
        .routes(routes!(escalation::get, escalation::update))
        .routes(routes!(alerts::list))
        .routes(routes!(alerts::get))
        .routes(routes!(bans::list, ban::create))
        .routes(routes!(bans::table))
        .routes(routes!(unban::end))
        .routes(routes!(never_banned::list, never_banned::add))
        .routes(routes!(never_banned::end))
        .merge(appsec::routes())
        .merge(external::routes())
        .merge(configuration::routes())
        .merge(console::routes())
}

/// Refuses what is about the agent of this machine while that of another one is used.
async fn local_only(state: &State) -> Result<()> {
    if store::security_configs::wishes(&state.store).await?.external {
        return Err(Error::conflict("", ELSEWHERE));
    }
    Ok(())
}

/// Said when something belongs to the other machine.
const ELSEWHERE: &str = "CrowdSec runs on another machine: this is set there, with its cscli; or let CrowdSec run on \
                         this machine";

/// How long an answer waits for the data plane to do what was said.
const ENFORCED: Duration = Duration::from_secs(3);

/// Waits until the bans that are `wanted` are as `holds` wants them. Says whether they are.
async fn wait_until(state: &State, wanted: &BanFilter, holds: impl Fn(&Bans) -> bool) -> bool {
    let end = state.clock.monotonic() + ENFORCED;
    while !holds(&state.engines.bans(wanted)) {
        if state.clock.monotonic() >= end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// An address or a network in its normal form: `10.1.2.3`, `10.0.0.0/8`.
fn network(field: &str, text: &str) -> std::result::Result<IpNet, FieldError> {
    let text = text.trim();
    let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    parsed.map(|network| network.trunc()).map_err(|_| {
        let message = format!(
            "'{text}' is neither an address nor a network; write one like 203.0.113.7 or 203.0.113.0/24"
        );
        FieldError::new(field, message)
    })
}

/// As people write it: an address without a length.
fn shown(network: IpNet) -> String {
    if network.prefix_len() == network.max_prefix_len() {
        network.addr().to_string()
    } else {
        network.to_string()
    }
}
