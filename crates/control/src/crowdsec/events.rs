//! What happens around security, one after the other: refused requests, decisions, bans, and the agent's state. The
//! newest are kept, so that a viewer that was cut off goes on where it was.

use base::Timestamp;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// Events that are kept.
const KEPT: usize = 1_000;
/// Events that a slow viewer may lag behind.
const LIVE: usize = 1_024;

/// What kind of thing has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EventKind {
    /// A request was refused.
    #[default]
    Block,
    /// Somebody is banned from now on.
    Ban,
    /// Somebody is not banned any more.
    Unban,
    /// The agent is in another state.
    State,
    /// The agent complains.
    Agent,
    /// The proof is broken, or holds again.
    Proof,
}

/// Something that has happened. What it has nothing to do with is empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Event {
    /// Counts the events of this process, from 1.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// What kind of thing.
    pub kind: EventKind,
    /// Who decided: `crowdsec`, `manual`, `CAPI` ...; for the agent's complaints their level.
    pub source: String,
    /// Why, as a sentence or a scenario's name.
    pub reason: String,
    /// Whom it is about: an address, a network, a country.
    pub client: String,
    /// The host that was asked for.
    pub host: String,
    /// Method and path of the request, without its query.
    pub request: String,
    /// Id of the request.
    pub request_id: String,
}

/// The events of this process.
#[derive(Debug)]
pub struct Events {
    /// Tells this process from the one before, whose numbers mean something else.
    pub epoch: String,
    kept: Mutex<VecDeque<Arc<Event>>>,
    sender: broadcast::Sender<Arc<Event>>,
}

impl Default for Events {
    fn default() -> Self {
        let epoch = base::random::hex_token::<8>();
        Self { epoch, kept: Mutex::default(), sender: broadcast::Sender::new(LIVE) }
    }
}

impl Events {
    /// Takes an event in; its number is given here.
    pub fn push(&self, event: Event) {
        let mut kept = self.kept();
        let number = kept.back().map_or(1, |last| last.number + 1);
        let event = Arc::new(Event { number, ..event });
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(event.clone());
        // Sent before another one can be taken in, so that all come in order. Without a viewer there is nobody to
        // miss it.
        _ = self.sender.send(event);
    }

    /// The newest events, at most `limit`, or those after the event numbered `after` of this process; how many after
    /// that one are not kept any more; and all that come from now on.
    pub fn follow(
        &self,
        after: Option<u64>,
        limit: usize,
    ) -> (Vec<Arc<Event>>, u64, broadcast::Receiver<Arc<Event>>) {
        let kept = self.kept();
        let receiver = self.sender.subscribe();
        let from = match after {
            Some(after) => kept.partition_point(|event| event.number <= after),
            None => kept.len().saturating_sub(limit),
        };
        let oldest = kept.front().map_or(1, |event| event.number);
        let missed = after.map_or(0, |after| oldest.saturating_sub(after + 1));
        (kept.iter().skip(from).cloned().collect(), missed, receiver)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<Event>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(events: &[Arc<Event>]) -> Vec<u64> {
        events.iter().map(|event| event.number).collect()
    }

    #[test]
    fn a_viewer_goes_on_where_it_was_and_is_told_what_is_gone() {
        let events = Events::default();
        assert_eq!(events.follow(None, 10).0.len(), 0);
        for _ in 0..5 {
            events.push(Event::default());
        }
        assert_eq!(numbers(&events.follow(None, 2).0), [4, 5]);
        let (found, missed, mut more) = events.follow(Some(3), 1);
        assert_eq!((numbers(&found), missed), (vec![4, 5], 0));
        events.push(Event::default());
        assert_eq!(more.try_recv().unwrap().number, 6);
        for _ in 0..KEPT {
            events.push(Event::default());
        }
        let (found, missed, _) = events.follow(Some(3), 1);
        assert_eq!((found.len(), found[0].number, missed), (KEPT, 7, 3));
        assert_eq!(events.follow(Some(5_000), 1).0.len(), 0);
    }
}
