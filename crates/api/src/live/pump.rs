//! One viewer's channel: gathers what the engines tell, and drops rather than holds up anybody.

use super::events::event;
use crate::access::{Identity, still_stands};
use crate::engines::{LogEntry, LogFilter, SecurityEvent, SecurityFeed, SecurityMark, TrafficTick};
use crate::health::standing::{HealthStatus, Standing, summary};
use crate::state::State;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::time::{MissedTickBehavior, interval};

const BATCH: Duration = Duration::from_millis(200);
const HEARTBEAT: Duration = Duration::from_secs(5);
const HEALTH: Duration = Duration::from_secs(1);
/// Log entries in one message; more in one batch are dropped and counted.
const MOST_ENTRIES: usize = 500;

/// What a viewer wants.
#[derive(Clone, Copy, Default)]
pub(super) struct Topics {
    pub(super) log: bool,
    pub(super) security: bool,
    pub(super) traffic: bool,
    pub(super) health: bool,
}

impl Topics {
    fn names(self) -> Vec<&'static str> {
        let all = [
            ("log", self.log),
            ("security", self.security),
            ("traffic", self.traffic),
            ("health", self.health),
        ];
        all.into_iter().filter(|(_, wanted)| *wanted).map(|(name, _)| name).collect()
    }
}

/// The same with what is said about single topics.
pub(super) struct Wanted {
    pub(super) topics: Topics,
    /// For the log.
    pub(super) filter: LogFilter,
    /// For security: where the viewer was.
    pub(super) mark: Option<SecurityMark>,
}

pub(super) struct Pump {
    state: State,
    caller: Identity,
    topics: Topics,
    filter: LogFilter,
    sender: mpsc::Sender<String>,
    log: broadcast::Receiver<Arc<LogEntry>>,
    traffic: broadcast::Receiver<Arc<TrafficTick>>,
    security: Option<SecurityFeed>,
    entries: Vec<Arc<LogEntry>>,
    dropped: u64,
    health: Option<(HealthStatus, Vec<Standing>)>,
}

/// The channel has ended.
struct Ended;

/// The next event of security; never, while that is not wanted.
async fn next(feed: &mut Option<SecurityFeed>) -> Option<Result<SecurityEvent, u64>> {
    match feed {
        Some(feed) => feed.next.recv().await,
        None => std::future::pending().await,
    }
}

impl Pump {
    pub(super) fn new(state: State, caller: Identity, wanted: Wanted, sender: mpsc::Sender<String>) -> Self {
        let Wanted { topics, filter, mark } = wanted;
        let (log, traffic) = (state.engines.live_log(), state.engines.live_traffic());
        let security = topics.security.then(|| state.engines.security_events(mark));
        Self {
            state,
            caller,
            topics,
            filter,
            sender,
            log,
            traffic,
            security,
            entries: Vec::new(),
            dropped: 0,
            health: None,
        }
    }

    /// Runs until the viewer goes away, the session ends, or the engines do.
    pub(super) async fn run(mut self) {
        let hello = json!({"server_time": self.state.clock.now(), "topics": self.topics.names()});
        let timer = |period: Duration| {
            let mut timer = interval(period);
            timer.set_missed_tick_behavior(MissedTickBehavior::Skip);
            timer
        };
        let (mut batch, mut heartbeat, mut health) = (timer(BATCH), timer(HEARTBEAT), timer(HEALTH));
        if self.send(event("hello", &hello)).is_err() {
            return;
        }
        loop {
            let step = tokio::select! {
                () = self.sender.closed() => Err(Ended),
                entry = self.log.recv(), if self.topics.log => self.take(entry),
                event = next(&mut self.security) => self.happened(event),
                tick = self.traffic.recv(), if self.topics.traffic => self.tick(tick),
                _ = batch.tick() => self.flush(),
                _ = health.tick(), if self.topics.health => self.look(),
                _ = heartbeat.tick() => self.beat().await,
            };
            if step.is_err() {
                return;
            }
        }
    }

    fn take(&mut self, entry: Result<Arc<LogEntry>, RecvError>) -> Result<(), Ended> {
        match entry {
            Ok(entry) if !self.filter.takes(&entry) => {}
            Ok(entry) if self.entries.len() < MOST_ENTRIES => self.entries.push(entry),
            Ok(_) => self.dropped += 1,
            Err(RecvError::Lagged(missed)) => self.dropped += missed,
            Err(RecvError::Closed) => return self.end("the server is stopping"),
        }
        Ok(())
    }

    /// Events are sent together, and kept while the viewer has no room: it is not to miss any that it need not.
    fn happened(&mut self, event: Option<Result<SecurityEvent, u64>>) -> Result<(), Ended> {
        let Some(feed) = &mut self.security else { return Ok(()) };
        match event {
            Some(Ok(event)) if feed.events.len() < MOST_ENTRIES => feed.events.push(event),
            Some(Ok(_)) => feed.missed += 1,
            Some(Err(missed)) => feed.missed += missed,
            None => return self.end("the server is stopping"),
        }
        Ok(())
    }

    fn flush_security(&mut self) -> Result<(), Ended> {
        let Some(feed) = &mut self.security else { return Ok(()) };
        if (feed.events.is_empty() && feed.missed == 0) || self.sender.capacity() == 0 {
            return Ok(());
        }
        let (events, missed) = (std::mem::take(&mut feed.events), std::mem::take(&mut feed.missed));
        let text = event("security", &json!({"epoch": feed.epoch, "events": events, "missed": missed}));
        self.send(text)
    }

    fn tick(&mut self, tick: Result<Arc<TrafficTick>, RecvError>) -> Result<(), Ended> {
        match tick {
            Ok(tick) => self.send(event("traffic", &*tick)),
            Err(RecvError::Lagged(_)) => Ok(()),
            Err(RecvError::Closed) => self.end("the server is stopping"),
        }
    }

    fn flush(&mut self) -> Result<(), Ended> {
        self.flush_security()?;
        if self.dropped > 0 && self.sender.capacity() > 1 {
            let count = std::mem::take(&mut self.dropped);
            self.send(event("dropped", &json!({"count": count})))?;
        }
        if self.entries.is_empty() {
            return Ok(());
        }
        let entries = std::mem::take(&mut self.entries);
        if self.sender.capacity() == 0 {
            self.dropped += entries.len() as u64;
            return Ok(());
        }
        let plain: Vec<&LogEntry> = entries.iter().map(|entry| &**entry).collect();
        self.send(event("log", &json!({"entries": plain})))
    }

    fn look(&mut self) -> Result<(), Ended> {
        let now = summary(self.state.problems.standing(), &[], self.state.clock.now(), true);
        if self.health.as_ref() == Some(&now) {
            return Ok(());
        }
        let text = event("health", &json!({"status": now.0, "problems": now.1}));
        self.health = Some(now);
        self.send(text)
    }

    async fn beat(&mut self) -> Result<(), Ended> {
        match still_stands(&self.state, &self.caller).await {
            Ok(true) => {}
            Ok(false) => return self.end("your session has ended"),
            // Who may look cannot be said then, so nobody looks.
            Err(_) => return self.end("the database does not answer"),
        }
        self.send(event("heartbeat", &json!({"server_time": self.state.clock.now()})))
    }

    fn end(&self, reason: &str) -> Result<(), Ended> {
        _ = self.send(event("bye", &json!({"reason": reason})));
        Err(Ended)
    }

    /// Never waits: what a slow viewer has no room for is left out, the next of its kind will tell.
    fn send(&self, text: String) -> Result<(), Ended> {
        match self.sender.try_send(text) {
            Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(Ended),
        }
    }
}
