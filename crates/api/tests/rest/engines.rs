//! Engines that apply at once, or refuse when a test says so.

use api::engines::*;
use base::{FieldError, Timestamp};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::proxy_hosts::HostValues;
use tokio::sync::broadcast;

pub(crate) struct FakeEngines {
    pub(crate) revision: AtomicU64,
    pub(crate) refusal: Mutex<Option<String>>,
    pub(crate) states: Mutex<HashMap<String, HostState>>,
    pub(crate) log: broadcast::Sender<Arc<LogEntry>>,
    pub(crate) ticks: broadcast::Sender<Arc<TrafficTick>>,
}

impl FakeEngines {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            revision: AtomicU64::new(0),
            refusal: Mutex::default(),
            states: Mutex::default(),
            log: broadcast::channel(16).0,
            ticks: broadcast::channel(16).0,
        })
    }

    pub(crate) fn refuse(&self, why: Option<&str>) {
        *self.refusal.lock().unwrap() = why.map(str::to_owned);
    }

    pub(crate) fn set(&self, uuid: &str, state: HostPhase) {
        let state = HostState {
            state,
            since: Timestamp::from_millis(1),
            revision: Some(1),
            message: String::new(),
            remedy: String::new(),
        };
        self.states.lock().unwrap().insert(uuid.to_owned(), state);
    }
}

impl AgentConfiguration for FakeEngines {
    fn hub(&self) -> BoxFuture<'_, AgentHub> {
        Box::pin(std::future::ready(AgentHub::default()))
    }

    fn preview(&self, _: AgentAction, about: String) -> BoxFuture<'_, Result<AgentPreview, String>> {
        let shown =
            if about == "nothing" { Err("the hub has none".to_owned()) } else { Ok(AgentPreview::default()) };
        Box::pin(std::future::ready(shown))
    }

    fn files(&self) -> BoxFuture<'_, Result<Vec<AgentFile>, String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn file(&self, _: String) -> BoxFuture<'_, Result<Option<AgentFileContent>, String>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn is_registered(&self) -> bool {
        false
    }

    fn refuse_path(&self, _: &str) -> Option<String> {
        None
    }

    fn export(&self) -> BoxFuture<'_, Result<Vec<u8>, String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn stage(&self, _: Vec<u8>) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(std::future::ready(Ok(String::new())))
    }
}

impl Engines for FakeEngines {
    fn applied(&self, _: u64, _: Duration) -> BoxFuture<'_, Applied> {
        let outcome = match self.refusal.lock().unwrap().clone() {
            None => Ok(()),
            Some(why) => Err(why),
        };
        let revision = Some(self.revision.fetch_add(1, Ordering::SeqCst) + 1);
        Box::pin(std::future::ready(Applied { revision, since: Timestamp::from_millis(1), outcome }))
    }
    fn host_states(&self) -> HashMap<String, HostState> {
        self.states.lock().unwrap().clone()
    }
    fn metrics(&self, form: MetricsForm) -> String {
        format!("charon_build_info 1\n# {form:?}\n")
    }
    fn servers(&self) -> HashMap<String, Vec<ServerState>> {
        HashMap::new()
    }
    fn check_host(&self, values: &HostValues) -> Vec<FieldError> {
        let faulty = values.traffic.get("max_body").is_some_and(|most| *most == 13);
        Vec::from_iter(faulty.then(|| FieldError::new("traffic.max_body", "brings bad luck")))
    }
    fn traffic(&self) -> Traffic {
        Traffic { window_seconds: 300, ..Traffic::default() }
    }
    fn host_traffic(&self, _: &str) -> Option<HostTraffic> {
        None
    }
    fn recent_log(&self, _: &LogFilter, limit: usize) -> Vec<Arc<LogEntry>> {
        (0..limit.min(3)).map(|_| Arc::default()).collect()
    }
    fn live_log(&self) -> broadcast::Receiver<Arc<LogEntry>> {
        self.log.subscribe()
    }
    fn live_traffic(&self) -> broadcast::Receiver<Arc<TrafficTick>> {
        self.ticks.subscribe()
    }
    fn listeners(&self) -> Vec<Listener> {
        Vec::new()
    }
    fn tasks(&self) -> Vec<tasks::Status> {
        Vec::new()
    }
    fn memory_bytes(&self) -> u64 {
        1
    }
    fn worker_threads(&self) -> usize {
        1
    }
    fn revision(&self) -> Option<u64> {
        Some(self.revision.load(Ordering::SeqCst))
    }
    fn crowdsec(&self) -> api::engines::CrowdSec {
        api::engines::CrowdSec::default()
    }

    fn agent_configuration(&self) -> &dyn AgentConfiguration {
        self
    }

    fn enforcement(&self) -> api::engines::EnforcementState {
        api::engines::EnforcementState::default()
    }

    fn try_external(
        &self,
        _: store::crowdsec_external::External,
    ) -> BoxFuture<'_, api::engines::ExternalTrial> {
        Box::pin(std::future::ready(api::engines::ExternalTrial::default()))
    }

    fn crowdsec_log(&self) -> Vec<api::engines::AgentLine> {
        Vec::new()
    }

    fn security_events(&self, mark: Option<SecurityMark>) -> SecurityFeed {
        let number = mark.map_or(1, |mark| mark.number + 1);
        let events =
            vec![SecurityEvent { number, client: "192.0.2.1".to_owned(), ..SecurityEvent::default() }];
        let (sender, next) = tokio::sync::mpsc::channel(4);
        sender.try_send(Ok(SecurityEvent { number: number + 1, ..SecurityEvent::default() })).unwrap();
        sender.try_send(Err(7)).unwrap();
        // The channel stays open.
        Box::leak(Box::new(sender));
        SecurityFeed { epoch: "e0".to_owned(), events, missed: 0, next }
    }

    fn bans(&self, _: &BanFilter) -> api::engines::Bans {
        api::engines::Bans::default()
    }

    fn test_upstream(&self, trial: UpstreamTrial) -> BoxFuture<'_, Result<Vec<ServerTest>, Vec<FieldError>>> {
        let address = format!("{}:{}", trial.values.forward_host, trial.values.forward_port);
        // As an engine does, after it has looked the name up.
        let found = address.replace("localhost", "127.0.0.1");
        let refused = found.parse().ok().and_then(|found| (trial.refuse)(found));
        let step = TestStep {
            step: TestStepName::Connect,
            ok: refused.is_none(),
            milliseconds: 1,
            message: refused.clone().unwrap_or_default(),
            remedy: None,
        };
        let ok = refused.is_none();
        let test = ServerTest {
            location: None,
            scheme: trial.values.forward_scheme.clone(),
            address,
            ok,
            steps: vec![step],
            certificate: None,
            status: ok.then_some(200),
        };
        Box::pin(std::future::ready(Ok(vec![test])))
    }
}
