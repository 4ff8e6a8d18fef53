//! What the API sees of CrowdSec's alerts and of how long it bans.

use api::engines as shown;
use base::FieldError;
use control::crowdsec::CrowdSec;
use crowdsec::{Alert, Escalation, LapiError, go_duration_left};

/// Alerts that are looked through for those that are wanted.
const LOOKED_THROUGH: usize = 2_000;

/// The alerts that are wanted, the newest first.
pub(crate) async fn list(
    crowdsec: &CrowdSec,
    wanted: shown::AlertFilter,
) -> Result<Vec<shown::Alert>, shown::NoAlerts> {
    let lapi = crowdsec.lapi().ok_or(shown::NoAlerts::NotRunning)?;
    let scenario = wanted.scenario.as_deref().map(str::to_lowercase);
    // A page at the beginning needs no look at the rest.
    let first = scenario.is_none() && wanted.before.is_none();
    let limit = if first { wanted.limit + 1 } else { LOOKED_THROUGH };
    let filter = ::crowdsec::AlertFilter { value: wanted.value, limit };
    let found = lapi.alerts(&filter).await.map_err(failed)?;
    let takes = |alert: &&Alert| {
        alert.scenario != control::crowdsec::TRIAL
            && wanted.before.is_none_or(|before| alert.id < before)
            && scenario.as_deref().is_none_or(|part| alert.scenario.to_lowercase().contains(part))
    };
    Ok(found.iter().filter(takes).take(wanted.limit).map(|alert| translate(crowdsec, alert)).collect())
}

/// One alert with what led to it.
pub(crate) async fn one(
    crowdsec: &CrowdSec,
    id: i64,
) -> Result<Option<shown::AlertEvidence>, shown::NoAlerts> {
    let lapi = crowdsec.lapi().ok_or(shown::NoAlerts::NotRunning)?;
    let Some(alert) = lapi.alert(id).await.map_err(failed)? else { return Ok(None) };
    let event = |event: &::crowdsec::Event| {
        let fact = |name: &str| plain(event.fact(name));
        let host = [fact("target_host"), fact("target_fqdn")];
        shown::AlertEvent {
            time: event.time(),
            method: fact("http_verb"),
            host: host.into_iter().find(|host| !host.is_empty()).unwrap_or_default(),
            path: fact("http_path"),
            status: fact("http_status"),
            user_agent: fact("http_user_agent"),
            request_id: fact("request_id"),
        }
    };
    let events = alert.events.iter().map(event).collect();
    Ok(Some(shown::AlertEvidence { alert: translate(crowdsec, &alert), events }))
}

/// The agent keeps texts as they stand in the JSON of a line, with its escapes.
fn plain(text: &str) -> String {
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.to_owned())
}

fn failed(error: LapiError) -> shown::NoAlerts {
    match error {
        LapiError::NoMachine => shown::NoAlerts::NoLogin,
        error => shown::NoAlerts::Failed(error.to_string()),
    }
}

fn translate(crowdsec: &CrowdSec, alert: &Alert) -> shown::Alert {
    let now = crowdsec.clock.now();
    let decisions = alert.decisions.iter().filter_map(|decision| {
        Some(shown::AlertDecision {
            id: decision.id,
            kind: decision.r#type.clone(),
            scope: decision.scope.to_ascii_lowercase(),
            value: decision.value.clone(),
            origin: decision.origin.clone(),
            expires_at: now.plus(go_duration_left(&decision.duration)?),
        })
    });
    shown::Alert {
        id: alert.id,
        time: alert.time(),
        scenario: alert.scenario.clone(),
        message: alert.message.clone(),
        scope: alert.source.scope.to_ascii_lowercase(),
        value: alert.source.value.clone(),
        country: alert.source.cn.clone(),
        requests: alert.events_count,
        decisions: decisions.collect(),
    }
}

/// How long bans last when this is stored: what cannot be used is the default, as it is for the agent.
pub(crate) fn escalation(stored: Option<Vec<u32>>) -> Vec<u32> {
    let stored = stored.and_then(|minutes| Escalation::new(minutes).ok());
    stored.unwrap_or_default().minutes().to_vec()
}

/// Whether the agent takes these durations.
pub(crate) async fn check_escalation(crowdsec: &CrowdSec, minutes: Vec<u32>) -> Result<(), FieldError> {
    let escalation = Escalation::new(minutes).map_err(|(step, message)| match step {
        Some(step) => FieldError::new(format!("minutes[{step}]"), message),
        None => FieldError::new("minutes", message),
    })?;
    let (place, program) = (crowdsec.place.clone(), crowdsec.program.clone());
    let look = move || match ::crowdsec::find(program.as_deref()) {
        Ok(installed) => escalation.check(&place, &installed).map_err(|error| error.to_string()),
        // Nothing that could refuse it; the agent's first start checks its configuration.
        Err(_) => Ok(()),
    };
    let outcome = tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| Err(error.to_string()));
    outcome.map_err(|reason| FieldError::new("minutes", format!("the agent refuses this: {reason}")))
}
