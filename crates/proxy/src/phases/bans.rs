//! Banned and suspected clients: CrowdSec's decisions and those of people, by address.

use crate::bans::{BanReason, Bans, Canary, Remedy};
use crate::captcha::Captcha;
use crate::log::Fault;
use crate::pipeline::{Call, Challenge, Flow, Stop};

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
    let stop = match (reason.remedy, bans.captcha()) {
        (Remedy::Challenge, Some(captcha)) => challenge(call, captcha)?,
        // Others may come by the connection of a proxy.
        _ => Stop { ends_connection: call.client_ip == call.peer.ip, ..refuse(reason) },
    };
    Some(Stop { rule: Some(reason.rule.clone()), ..stop })
}

fn refuse(reason: &BanReason) -> Stop {
    let text = match reason.source {
        "manual" => "Your address has been banned from here.",
        _ => "Your address has been banned from here, since requests from it looked like an attack.",
    };
    Stop::new(reason.source, 403, Fault::Client, text)
}

/// `None`: the client has solved one.
fn challenge(call: &Call<'_>, captcha: &Captcha) -> Option<Stop> {
    let now = call.worker.wall(call.started);
    if captcha.solved(call.request, call.client_ip, now) {
        return None;
    }
    let text = captcha.challenge(call.client_ip, call.request.name(), now);
    let mut id = Vec::with_capacity(20);
    call.put_id(&mut id);
    let page = captcha.page(&text, &String::from_utf8_lossy(&id));
    let why = "Requests from your address looked unusual; open this site in a browser, which will do a short \
               calculation.";
    let challenge = Some(Box::new(Challenge { text, page }));
    Some(Stop { challenge, ..Stop::new("captcha", 403, Fault::Client, why) })
}
