//! Banned clients: CrowdSec's decisions and those of people, by address.

use crate::bans::{Bans, Canary};
use crate::log::Fault;
use crate::pipeline::{Call, Flow, Stop};

/// Costs a look at one pointer while nobody is banned.
pub(crate) fn run(call: &mut Call<'_>) -> Flow {
    let Some(stop) = call.worker.clone().with_bans(|bans| judge(call, bans)) else {
        return Flow::Continue(());
    };
    call.worker.stats.block(stop.phase, stop.rule.as_deref().unwrap_or_default());
    Flow::Break(stop)
}

fn judge(call: &mut Call<'_>, bans: &Bans) -> Option<Stop> {
    if let Some(canary) = bans.canary() {
        let named = call.request.headers(Canary::HEADER).any(|value| value == canary.token.as_bytes());
        if named {
            call.client_ip = canary.address;
        }
    }
    let reason = bans.find(call.client_ip)?;
    // Others stand behind a trusted proxy.
    if call.snapshot.config.trusts(call.client_ip) {
        return None;
    }
    let text = match reason.source {
        "manual" => "Your address has been banned from here.",
        _ => "Your address has been banned from here, since requests from it looked like an attack.",
    };
    let stop = Stop::new(reason.source, 403, Fault::Client, text);
    Some(Stop { rule: Some(reason.rule.clone()), ..stop })
}
