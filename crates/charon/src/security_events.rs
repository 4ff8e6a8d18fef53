//! Events of security: refused requests taken in, and all of them as the API shows them.

use api::engines::{SecurityEvent, SecurityEventKind, SecurityFeed, SecurityMark};
use control::crowdsec::{CrowdSec, Event, EventKind, TRIAL};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};

/// What a new viewer is shown of what was before.
const SHOWN: usize = 200;
/// Events that may wait for a viewer's channel.
const QUEUE: usize = 256;
/// How often refused requests are told that were too many to be told one by one.
const PAUSE: Duration = Duration::from_secs(2);

/// Takes in each refused request. Ends with the data plane.
pub(crate) async fn take_in(crowdsec: CrowdSec) {
    let mut refused = crowdsec.proxy.watch_refused();
    let mut untold = crowdsec.proxy.log_status().refused_untold;
    loop {
        match tokio::time::timeout(PAUSE, refused.recv()).await {
            Ok(Ok(entry)) => {
                if let Some(event) = block(&entry) {
                    crowdsec.events.push(event);
                }
            }
            Ok(Err(RecvError::Lagged(more))) => tell_more(&crowdsec, more),
            Ok(Err(RecvError::Closed)) => return,
            Err(_) => {
                let now = crowdsec.proxy.log_status().refused_untold;
                if now > untold {
                    tell_more(&crowdsec, now - untold);
                }
                untold = now;
            }
        }
    }
}

fn tell_more(crowdsec: &CrowdSec, more: u64) {
    let reason = format!("{more} more requests were refused in a flood; the metrics count them");
    let time = crowdsec.clock.now();
    crowdsec.events.push(Event { time, source: "charon".to_owned(), reason, ..Event::default() });
}

/// A refused request; Charon's own trials are left out.
fn block(entry: &proxy::Entry) -> Option<Event> {
    let stop = entry.stop.as_ref()?;
    let rule = stop.rule.as_deref().unwrap_or_default();
    let reason = if rule.is_empty() { &stop.reason } else { rule };
    (rule != TRIAL).then(|| Event {
        time: entry.time,
        kind: EventKind::Block,
        source: stop.phase.to_owned(),
        reason: reason.to_owned(),
        client: entry.client_ip.to_string(),
        host: entry.host.clone(),
        request: format!("{} {}", entry.method, entry.path),
        request_id: entry.taken_id.clone().unwrap_or_else(|| entry.request_id.to_string()),
        ..Event::default()
    })
}

/// What a viewer has not seen yet, and what comes.
pub(crate) fn follow(crowdsec: &CrowdSec, mark: Option<SecurityMark>) -> SecurityFeed {
    let events = &crowdsec.events;
    let same = mark.filter(|mark| mark.epoch == events.epoch).map(|mark| mark.number);
    let (kept, missed, receiver) = events.follow(same, SHOWN);
    let (sender, next) = mpsc::channel(QUEUE);
    tasks::spawn("live security log", pass_on(receiver, sender));
    let events_now = kept.iter().map(|event| translate(event)).collect();
    SecurityFeed { epoch: events.epoch.clone(), events: events_now, missed, next }
}

async fn pass_on(mut from: broadcast::Receiver<Arc<Event>>, to: mpsc::Sender<Result<SecurityEvent, u64>>) {
    loop {
        let event = tokio::select! {
            () = to.closed() => return,
            event = from.recv() => event,
        };
        let item = match event {
            Ok(event) => Ok(translate(&event)),
            Err(RecvError::Lagged(missed)) => Err(missed),
            Err(RecvError::Closed) => return,
        };
        // While the channel is full, what comes waits in the broadcast, which counts what it leaves out.
        if to.send(item).await.is_err() {
            return;
        }
    }
}

fn translate(event: &Event) -> SecurityEvent {
    let Event { number, time, kind, source, reason, client, host, request, request_id } = event.clone();
    let kind = match kind {
        EventKind::Block => SecurityEventKind::Block,
        EventKind::Ban => SecurityEventKind::Ban,
        EventKind::Unban => SecurityEventKind::Unban,
        EventKind::State => SecurityEventKind::State,
        EventKind::Agent => SecurityEventKind::Agent,
        EventKind::Proof => SecurityEventKind::Proof,
    };
    SecurityEvent { number, time, kind, source, reason, client, host, request, request_id }
}
