//! The counters of CrowdSec and of captchas, as a part of the page of metrics.

use crate::engines::Running;
use crate::metrics::{Kind, Page, escape};
use api::engines::{CrowdSecPhase, Engines};
use std::collections::BTreeMap;

/// Origins and types with series of their own; further ones count as `other`.
const MOST_ORIGINS: usize = 50;

pub(crate) fn write(page: &mut Page, engines: &Running) {
    let shown = engines.crowdsec();
    let state = engines.crowdsec.state();
    let help = "What is the case with CrowdSec; 1 for the one that is.";
    page.family("charon_crowdsec_state", Kind::Gauge, help);
    for (phase, name) in [
        (CrowdSecPhase::Off, "off"),
        (CrowdSecPhase::Starting, "starting"),
        (CrowdSecPhase::Running, "running"),
        (CrowdSecPhase::Failing, "failing"),
        (CrowdSecPhase::NotInstalled, "not_installed"),
    ] {
        page.sample("charon_crowdsec_state", &format!("state=\"{name}\""), u8::from(shown.state == phase));
    }
    page.family("charon_crowdsec_decisions", Kind::Gauge, "Decisions of CrowdSec that hold.");
    page.sample("charon_crowdsec_decisions", "", shown.decisions.held);
    held(page, engines);
    page.family("charon_crowdsec_fed_requests", Kind::Counter, "Requests handed to the agent of CrowdSec.");
    page.sample("charon_crowdsec_fed_requests_total", "", shown.requests.handed);
    let help = "Requests that the agent has read, understood, and not understood.";
    page.family("charon_crowdsec_lines", Kind::Counter, help);
    let lines = &state.numbers.lines;
    for (outcome, count) in [("read", lines.read), ("parsed", lines.parsed), ("unparsed", lines.unparsed)] {
        page.sample("charon_crowdsec_lines_total", &format!("outcome=\"{outcome}\""), count);
    }
    page.family("charon_crowdsec_agent_restarts", Kind::Counter, "How often the agent failed, by reason.");
    for (reason, count) in [("ended", state.restarts.ended), ("hanging", state.restarts.hanging)] {
        page.sample("charon_crowdsec_agent_restarts_total", &format!("reason=\"{reason}\""), count);
    }
    if let Some(at) = state.pulled.at {
        let help = "When decisions were last pulled with success.";
        page.family("charon_crowdsec_pulled_timestamp_seconds", Kind::Gauge, help);
        page.sample("charon_crowdsec_pulled_timestamp_seconds", "", at.millis() / 1000);
    }
    if let Some(at) = shown.proof.proven_at {
        let help = "When a decision was last seen to be enforced.";
        page.family("charon_crowdsec_proven_timestamp_seconds", Kind::Gauge, help);
        page.sample("charon_crowdsec_proven_timestamp_seconds", "", at.millis() / 1000);
    }
    let help =
        "Trials of the way from a decision to a refused request, by outcome: proven, or the broken link.";
    page.family("charon_crowdsec_proofs", Kind::Counter, help);
    page.sample("charon_crowdsec_proofs_total", "outcome=\"proven\"", state.trials.proven);
    for (link, count) in &state.trials.broken {
        page.sample("charon_crowdsec_proofs_total", &format!("outcome=\"{link}\""), count);
    }
    let help = "Refused requests that the live log of security left out in a flood.";
    page.family("charon_refused_requests_untold", Kind::Counter, help);
    page.sample("charon_refused_requests_untold_total", "", engines.proxy.log_status().refused_untold);
    captcha(page, engines);
    appsec(page, engines);
}

fn held(page: &mut Page, engines: &Running) {
    let blocked = engines.crowdsec.blocked();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for held in &blocked.crowdsec {
        *counts.entry((&held.origin, &held.r#type)).or_default() += 1;
    }
    let mut other = 0;
    page.family(
        "charon_crowdsec_held_decisions",
        Kind::Gauge,
        "Decisions of CrowdSec that hold, by who decided and type.",
    );
    for (number, ((origin, kind), count)) in counts.iter().enumerate() {
        if number >= MOST_ORIGINS {
            other += count;
            continue;
        }
        let labels = format!("origin=\"{}\",type=\"{}\"", escape(origin), escape(kind));
        page.sample("charon_crowdsec_held_decisions", &labels, count);
    }
    if other > 0 {
        page.sample("charon_crowdsec_held_decisions", "origin=\"other\",type=\"other\"", other);
    }
}

fn captcha(page: &mut Page, engines: &Running) {
    let counts = engines.crowdsec.captcha.counts();
    page.family(
        "charon_captcha_shown",
        Kind::Counter,
        "Pages with a challenge that were shown, by whose it is.",
    );
    for (provider, count) in ["work", "turnstile", "hcaptcha"].iter().zip(counts.asked) {
        page.sample("charon_captcha_shown_total", &format!("provider=\"{provider}\""), count);
    }
    let help = "Answers to a provider's captcha, by outcome.";
    page.family("charon_captcha_answers", Kind::Counter, help);
    for (outcome, count) in
        [("accepted", counts.accepted), ("refused", counts.refused), ("unreachable", counts.unreachable)]
    {
        page.sample("charon_captcha_answers_total", &format!("outcome=\"{outcome}\""), count);
    }
    let help = "Requests that were let through since their client had answered a challenge.";
    page.family("charon_captcha_let_through_requests", Kind::Counter, help);
    page.sample("charon_captcha_let_through_requests_total", "", counts.let_through);
}

fn appsec(page: &mut Page, engines: &Running) {
    let shown = engines.appsec();
    page.family("charon_appsec_failing", Kind::Gauge, "1 while AppSec does not answer as it should.");
    page.sample("charon_appsec_failing", "", u8::from(shown.error.is_some()));
    let help = "Requests that AppSec was asked about, by what became of it.";
    page.family("charon_appsec_requests", Kind::Counter, help);
    let counts = shown.counts;
    for (outcome, count) in [
        ("allowed", counts.allowed),
        ("banned", counts.banned),
        ("challenged", counts.challenged),
        ("failed", counts.failed),
        ("skipped", counts.skipped),
        ("too_large", counts.too_large),
    ] {
        page.sample("charon_appsec_requests_total", &format!("outcome=\"{outcome}\""), count);
    }
}
