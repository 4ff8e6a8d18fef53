//! What the API sees of CrowdSec and of bans: translation, nothing else.

use api::engines as shown;
use control::crowdsec::{Blocked, CrowdSec, Phase, Trial, UsageState};

pub(crate) fn crowdsec(crowdsec: &CrowdSec) -> shown::CrowdSec {
    let state = crowdsec.state();
    let blocked = crowdsec.blocked();
    let refused = crowdsec.proxy.stats().blocked;
    let refused =
        refused.iter().filter(|((_, rule), _)| !rule.starts_with("charon/")).map(|(_, count)| count).sum();
    let counts = state.numbers.agent;
    let (last_at, last_reason) = state.restarts.last.unzip();
    let (broken_link, reason) = state.proof.broken.map(|(link, reason)| (link.to_owned(), reason)).unzip();
    shown::CrowdSec {
        enabled: state.wish.unwrap_or_default(),
        mode: if state.elsewhere { shown::CrowdSecMode::External } else { shown::CrowdSecMode::Local },
        state: match state.phase {
            Phase::Unknown => shown::CrowdSecPhase::Unknown,
            Phase::Off => shown::CrowdSecPhase::Off,
            Phase::Starting => shown::CrowdSecPhase::Starting,
            Phase::Running => shown::CrowdSecPhase::Running,
            Phase::Failing => shown::CrowdSecPhase::Failing,
            Phase::NotInstalled => shown::CrowdSecPhase::NotInstalled,
        },
        message: state.message,
        remedy: state.remedy,
        since: state.since,
        pid: state.pid,
        version: state.version,
        port: crowdsec.place.port,
        items: state.items,
        missing: state.missing,
        never_banned: Vec::new(),
        requests: shown::FeedNumbers {
            handed: state.numbers.feed.handed,
            waiting_bytes: state.numbers.feed.waiting,
            lost: state.numbers.lost,
            read: counts.map(|counts| counts.read),
            parsed: counts.map(|counts| counts.parsed),
            unparsed: counts.map(|counts| counts.unparsed),
        },
        decisions: shown::Decisions {
            held: blocked.crowdsec.len(),
            not_enforced: blocked.not_enforced.iter().map(not_enforced).collect(),
            pulled_at: state.pulled.at,
            error: state.pulled.error,
            usage: match state.usage {
                UsageState::NotYet => shown::UsageMetrics::NotYet,
                UsageState::NotSupported => shown::UsageMetrics::NotSupported,
                UsageState::Told(at) => shown::UsageMetrics::Told { at },
                UsageState::Failing(reason) => shown::UsageMetrics::Failing { reason },
            },
        },
        restarts: shown::AgentRestarts {
            ended: state.restarts.ended,
            hanging: state.restarts.hanging,
            last_at,
            last_reason,
        },
        proof: shown::Proof {
            proven_at: state.proof.proven_at,
            partly_at: state.proof.partly_at,
            not_proven: state.proof.open.map(str::to_owned),
            broken_link,
            reason,
        },
        refused,
    }
}

pub(crate) fn appsec(crowdsec: &CrowdSec) -> shown::AppSecState {
    let state = crowdsec.appsec();
    let numbers = state.numbers;
    let standing = match (state.on, &state.failing, state.has_answered) {
        (_, Some(_), _) => shown::AppSecStanding::Failing,
        (false, None, _) => shown::AppSecStanding::Off,
        (true, None, false) => shown::AppSecStanding::NotAsked,
        (true, None, true) => shown::AppSecStanding::Judging,
    };
    let (failing_since, error) = state.failing.unzip();
    shown::AppSecState {
        state: standing,
        failing_since,
        error,
        counts: shown::AppSecCounts {
            allowed: numbers.allowed,
            banned: numbers.banned,
            challenged: numbers.challenged,
            failed: numbers.failed,
            skipped: numbers.skipped,
            without_body: numbers.without_body,
            too_large: numbers.too_large,
        },
    }
}

/// Tries the LAPI of another machine.
pub(crate) async fn try_external(external: store::crowdsec_external::External) -> shown::ExternalTrial {
    let Trial { works, message, remedy } = control::crowdsec::try_out(&external).await;
    shown::ExternalTrial { works, message, remedy }
}

fn not_enforced(((what, why), count): (&(String, &'static str), &usize)) -> shown::NotEnforced {
    shown::NotEnforced { what: what.clone(), reason: (*why).to_owned(), count: *count }
}

pub(crate) fn enforcement(crowdsec: &CrowdSec) -> shown::EnforcementState {
    let state = crowdsec.state();
    shown::EnforcementState {
        geo_loaded_at: state.geo.loaded_at,
        geo_error: state.geo.error,
        knows_countries: state.geo.knows.countries,
        knows_systems: state.geo.knows.systems,
        decisions_dropped: state.pulled.dropped,
    }
}

pub(crate) fn log(crowdsec: &CrowdSec) -> Vec<shown::AgentLine> {
    let line = |line: ::crowdsec::LogLine| shown::AgentLine {
        time: line.time,
        level: line.level,
        message: line.message,
    };
    crowdsec.log().into_iter().map(line).collect()
}

pub(crate) fn bans(crowdsec: &CrowdSec, wanted: &shown::BanFilter) -> shown::Bans {
    let blocked = crowdsec.blocked();
    let Blocked { manual, crowdsec, terms, .. } = &*blocked;
    let scope = |value: &str| if value.contains('/') { "range" } else { "ip" }.to_owned();
    let manual = manual.iter().map(|ban| shown::Ban {
        id: None,
        scope: scope(&ban.value),
        value: ban.value.clone(),
        origin: "manual".to_owned(),
        reason: ban.reason.clone(),
        kind: "ban".to_owned(),
        expires_at: ban.expires_at,
        enforced: true,
    });
    let decided = crowdsec.iter().map(|held| shown::Ban {
        id: Some(held.id).filter(|id| *id > 0),
        enforced: terms.enforces(held).is_ok(),
        value: held.value.clone(),
        scope: held.scope.to_ascii_lowercase(),
        origin: held.origin.clone(),
        reason: held.scenario.clone(),
        kind: held.r#type.clone(),
        expires_at: Some(held.expires_at),
    });
    let (mut total, mut items) = (0, Vec::new());
    for ban in manual.chain(decided).filter(|ban| wanted.takes(ban)) {
        if total >= wanted.offset && items.len() < wanted.limit {
            items.push(ban);
        }
        total += 1;
    }
    shown::Bans { total, items }
}
