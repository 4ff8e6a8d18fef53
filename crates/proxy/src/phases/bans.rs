//! Banned and suspected clients: CrowdSec's decisions and those of people, by address.

use crate::bans::{BanReason, Bans, Canary, Remedy};
use crate::captcha::{Captcha, HandedIn};
use crate::log::Fault;
use crate::pipeline::{Body, Call, Flow, Stop};
use base::Timestamp;
use http::{HeaderName, HeaderValue, header};

/// Costs a look at one pointer while nobody is banned.
pub(crate) fn run(call: &mut Call<'_>) -> Flow {
    let Some(stop) = call.worker.clone().with_bans(|bans| judge(call, bans)) else {
        return Flow::Continue(());
    };
    // An answer that is handed in is no request of the client's own.
    if stop.headers.is_empty() {
        call.worker.stats.block(stop.phase, stop.rule.as_deref().unwrap_or_default());
    }
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
pub(super) fn challenge(call: &Call<'_>, captcha: &Captcha) -> Option<Stop> {
    let now = call.worker.wall(call.started);
    if captcha.solved(call.request, call.client_ip, now) {
        return None;
    }
    if call.request.path() == Captcha::PATH.as_bytes() {
        return Some(hand_in(call, captcha, now));
    }
    let mut id = Vec::with_capacity(20);
    call.put_id(&mut id);
    let id = String::from_utf8_lossy(&id);
    let challenge = captcha.challenge(call.client_ip, call.request.name(), now, &id);
    let why = "Requests from your address looked unusual; open this site in a browser, which will be asked for a \
               short check.";
    let body = Some(Box::new(Body::Challenge(challenge)));
    Some(Stop { body, ..Stop::new("captcha", 403, Fault::Client, why) })
}

/// A page asks what has become of the answer to a provider's captcha.
fn hand_in(call: &Call<'_>, captcha: &Captcha, now: Timestamp) -> Stop {
    let told = captcha.hand_in(call.request, call.client_ip, now, call.https);
    let mut headers =
        vec![(HeaderName::from_static("x-charon-captcha"), HeaderValue::from_static(told.word()))];
    let (status, why) = match told {
        HandedIn::Passed(cookie) => {
            // A name, letters and digits; there is nothing in it that a header does not take.
            headers.extend(HeaderValue::try_from(cookie).ok().map(|cookie| (header::SET_COOKIE, cookie)));
            (204, String::new())
        }
        HandedIn::Checking => (202, "The answer is being checked; ask again in a moment.".to_owned()),
        HandedIn::Refused(why) => (403, format!("The answer was not accepted: {why}.")),
        HandedIn::Reload => (409, "There is another challenge; load the page again.".to_owned()),
    };
    Stop { headers, ..Stop::new("captcha", status, Fault::Client, why) }
}
